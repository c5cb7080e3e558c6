//! Brings the schema up to date at start, under a lock, before any pool exists.

use super::schema::instance;
use super::{AnyConnection, Conn, DatabaseUrl, file, inspect};
use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// “credenza” in the lock table of PostgreSQL.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_lock(7165064733)";

/// Why the database cannot be used (exit 2).
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It cannot be opened or reached.
    #[error("The database cannot be opened: {0}")]
    Connect(#[from] diesel::ConnectionError),
    /// Its schema was made by a newer program.
    #[error(
        "The database was made by a newer Credenza (it has migration {0}). Start that version, or restore a backup made before the upgrade."
    )]
    Newer(String),
    /// A migration did not run.
    #[error("The database could not be brought up to date: {0}")]
    Failed(String),
    /// No copy could be made before the upgrade, so that it was not begun.
    #[error("No copy of the database could be made before the upgrade, so nothing was changed: {0}")]
    Copy(String),
    /// The lock file beside the database cannot be used.
    #[error("The lock beside the database cannot be taken: {0}")]
    Lock(#[from] std::io::Error),
}

pub(super) fn run(url: &DatabaseUrl) -> Result<(), MigrateError> {
    let _lock = match url {
        DatabaseUrl::Sqlite(path) => {
            let file = File::options().create(true).append(true).open(path.with_extension("lock"))?;
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
            Some(file)
        }
        DatabaseUrl::Postgres(_) => None,
    };
    let mut conn = url.connect()?;
    if let DatabaseUrl::Sqlite(path) = url {
        let schema = inspect::schema(&mut conn).map_err(|error| MigrateError::Failed(format!("{error:?}")))?;
        // A new database holds nothing to keep, nor does one whose first start was cut off; a newer one is refused below.
        if let (Some(_), Some(next), None) = (schema.newest, schema.next, schema.unknown)
            && is_in_use(&mut conn)?
        {
            keep_copy(&mut conn, path, &next).map_err(|error| MigrateError::Copy(error.to_string()))?;
        }
    }
    match conn {
        AnyConnection::Sqlite(mut conn) => bring_up(&mut conn, SQLITE),
        AnyConnection::Postgres(mut conn) => {
            // Held until this connection closes at the end of the arm.
            conn.batch_execute(ADVISORY_LOCK).map_err(|e| MigrateError::Failed(e.to_string()))?;
            bring_up(&mut conn, POSTGRES)
        }
    }
}

/// The migrations that this program knows, for the database of this connection.
pub(super) fn known(conn: &AnyConnection) -> Result<BTreeSet<String>, MigrateError> {
    match conn {
        AnyConnection::Sqlite(_) => versions::<diesel::sqlite::Sqlite>(&SQLITE),
        AnyConnection::Postgres(_) => versions::<diesel::pg::Pg>(&POSTGRES),
    }
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<BTreeSet<String>, MigrateError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known = MigrationSource::<DB>::migrations(source).map_err(|e| MigrateError::Failed(e.to_string()))?;
    Ok(known.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn bring_up<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> Result<(), MigrateError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let failed = |error: &dyn std::fmt::Display| MigrateError::Failed(error.to_string());
    let known = versions::<DB>(&source)?;
    let applied: Vec<MigrationVersion<'_>> = conn.applied_migrations().map_err(|e| failed(&e))?;
    if let Some(newer) = applied.iter().map(ToString::to_string).find(|v| !known.contains(v)) {
        return Err(MigrateError::Newer(newer));
    }
    conn.run_pending_migrations(source).map_err(|e| failed(&e))?;
    Ok(())
}

/// Whether a first start was ever finished with the database, whose first migration has run.
fn is_in_use(conn: &mut Conn) -> Result<bool, MigrateError> {
    let one: Option<String> = instance::table
        .select(instance::id)
        .first(conn)
        .optional()
        .map_err(|error| MigrateError::Failed(error.to_string()))?;
    Ok(one.is_some())
}

/// Copies the file beside itself before its schema changes, as `name.before-<first migration>.db`. The copy is
/// whole or not there; the one of an earlier upgrade goes.
fn keep_copy(conn: &mut Conn, path: &Path, pending: &str) -> std::io::Result<()> {
    let (copy, partial) =
        (path.with_extension(format!("before-{pending}.db")), path.with_extension(format!("before-{pending}.part")));
    if partial.exists() {
        fs::remove_file(&partial)?;
    }
    file::copy(conn, &partial).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
    File::open(&partial)?.sync_all()?;
    fs::rename(&partial, &copy)?;
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    tracing::info!(copy = %copy.display(), "the database was copied before its upgrade");
    for older in copies(path, folder)?.into_iter().filter(|older| *older != copy) {
        fs::remove_file(&older)?;
    }
    Ok(())
}

/// The copies that were made before upgrades of this file.
fn copies(path: &Path, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let begin = format!("{}.before-", path.file_stem().unwrap_or_default().to_string_lossy());
    let is_copy = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.strip_prefix(&begin).is_some_and(|rest| rest.ends_with(".db") || rest.ends_with(".part"))
    };
    let entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    Ok(entries.into_iter().filter(is_copy).collect())
}
