//! A SQLite file as a whole: a copy of it while others write, and a look at one that leaves no trace.

use super::{AnyConnection, Conn, connect};
use crate::error::{Error, Result};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// So many findings of the integrity check are told.
const TOLD: usize = 20;

/// Why a file is not looked at.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// It is something else than a database.
    #[error("{} is not a SQLite database", .0.display())]
    NotSqlite(PathBuf),
    /// Part of it lies in another file: it is in use, or was copied while it was.
    #[error(
        "{} has a write-ahead log or a journal beside it: it is a database in use, or was copied by hand while it was. \
         Make a copy of it with “credenza backup”",
        .0.display()
    )]
    InUse(PathBuf),
    /// SQLite will not open it.
    #[error("{} cannot be opened: {}", .0.display(), .1)]
    Open(PathBuf, String),
}

/// Opens a file for reading so that neither it nor anything beside it changes, not even a time of change.
pub fn open_still(path: &Path) -> Result<Conn, FileError> {
    let failed = |error: io::Error| FileError::Io(path.to_owned(), error);
    let real = path.canonicalize().map_err(failed)?;
    let mut begin = [0; 16];
    let file = std::fs::File::open(&real).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::NotSqlite(path.to_owned()));
    }
    match (&file).read_exact(&mut begin) {
        Ok(()) if &begin == MAGIC => {}
        Ok(()) => return Err(FileError::NotSqlite(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(FileError::NotSqlite(path.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    }
    if ["-wal", "-journal"].iter().any(|tail| beside(&real, tail).metadata().is_ok_and(|found| found.len() > 0)) {
        return Err(FileError::InUse(path.to_owned()));
    }
    let unopened = |error: &dyn std::fmt::Display| FileError::Open(path.to_owned(), error.to_string());
    let named = real.to_str().ok_or_else(|| unopened(&"its path is not UTF-8"))?;
    // Immutable: SQLite takes no lock, makes no file beside this one, and writes nothing.
    let address = connect::address(named, "mode=ro&immutable=1");
    let mut conn = SqliteConnection::establish(&address).map_err(|error| unopened(&error))?;
    for pragma in ["PRAGMA query_only = ON", "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON"] {
        conn.batch_execute(pragma).map_err(|error| unopened(&error))?;
    }
    Ok(AnyConnection::Sqlite(conn))
}

/// The file whose name is that of the database with something behind it.
fn beside(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    name.into()
}

/// Writes a copy of the database of `conn` into `target`, an empty file: one state of it, while others write.
///
/// The connection must not be one for reading units, and no transaction may be open.
#[expect(clippy::disallowed_methods, reason = "VACUUM INTO has no typed form")]
pub fn copy(conn: &mut Conn, target: &Path) -> Result<()> {
    let AnyConnection::Sqlite(conn) = conn else { return Err(Error::internal("only SQLite is a file")) };
    let target = target.to_str().ok_or_else(|| Error::BadRequest("The path of the copy is not UTF-8.".into()))?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(target).execute(conn)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    text: String,
}

/// What SQLite itself finds wrong with the file: pages, indexes, references. Nothing on PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "PRAGMAs have no typed form")]
pub fn damages(conn: &mut Conn) -> Vec<String> {
    let AnyConnection::Sqlite(conn) = conn else { return Vec::new() };
    let mut found = Vec::new();
    for (query, sound) in [
        ("SELECT integrity_check AS text FROM pragma_integrity_check", Some("ok")),
        ("SELECT 'a row of ' || \"table\" || ' refers to nothing' AS text FROM pragma_foreign_key_check", None),
    ] {
        match diesel::sql_query(query).load::<Finding>(conn) {
            Ok(lines) => {
                found.extend(lines.into_iter().map(|line| line.text).filter(|text| Some(text.as_str()) != sound))
            }
            Err(error) => found.push(error.to_string()),
        }
    }
    found.truncate(TOLD);
    found
}
