//! `credenza drill`: goes through a backup, or a PostgreSQL database, and changes nothing.

use super::exit::{Exit, Failure};
use super::open;
use crate::clock::Clock;
use crate::crypto::keyring::Keyring;
use crate::crypto::random::Random;
use crate::crypto::root_key::RootKey;
use crate::db::file::{self, FileError};
use crate::db::inspect::{self, Schema};
use crate::db::{Conn, DatabaseUrl, Db, MigrateError};
use crate::model::Means;
use crate::model::backup::{self, Mark};
use crate::model::drill::{self, Counts, Fault};
use crate::model::instance::{self, Opened};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Goes through the database of this address or in this file.
pub fn drill(from: &str) -> Result<Exit, Failure> {
    let config = open::config()?;
    let root_key = open::needed_key(&config)?;
    if from.starts_with("postgres://") || from.starts_with("postgresql://") {
        return of_server(from, &root_key);
    }
    of_file(Path::new(from.strip_prefix("sqlite://").unwrap_or(from)), &root_key)
}

fn of_server(address: &str, root_key: &RootKey) -> Result<Exit, Failure> {
    if url::Url::parse(address).is_ok_and(|url| url.password().is_some()) {
        eprintln!(
            "credenza: others on this machine can see the password in the command; PGPASSFILE keeps it out of it"
        );
    }
    let url = DatabaseUrl::parse(address).map_err(Failure::refused)?;
    let mut conn = url.connect_to_one_state().map_err(|error| Failure::refused(MigrateError::Connect(error)))?;
    if judged(&inspect::schema(&mut conn)?)? == Age::Older {
        return Err(Failure::refused(
            "This database is of an older version, and a drill changes nothing: restore it once more under another name and start this version on that one, or drill it with the version that made it.",
        ));
    }
    let keyring = keyring(&mut conn, root_key)?;
    Ok(told(go_through(&mut conn, keyring)?))
}

fn of_file(path: &Path, root_key: &RootKey) -> Result<Exit, Failure> {
    let mut conn = file::open_still(path).map_err(Failure::refused)?;
    let damages = file::damages(&mut conn);
    for damage in &damages {
        println!("FAULT the file: {}", damage.replace('\n', "; "));
    }
    let age = match inspect::schema(&mut conn) {
        Ok(schema) => judged(&schema),
        Err(error) => Err(error.into()),
    };
    let scratch;
    match age {
        Ok(Age::Current) => {}
        Ok(Age::Older) => {
            scratch = Scratch::of(path)?;
            println!("It was made by an older version: a copy is brought up to date and gone through.");
            conn = scratch.brought_up()?;
        }
        Err(_) if !damages.is_empty() => return Ok(Exit::Failed),
        Err(failure) => return Err(failure),
    }
    let keyring = keyring(&mut conn, root_key)?;
    let mark =
        backup::judge_mark(&keyring, path).map_err(|error| Failure::refused(FileError::Io(path.to_owned(), error)))?;
    match mark {
        Mark::Sound => println!("The file is as “credenza backup” wrote it."),
        Mark::None => {
            println!("The file has no mark of “credenza backup”: a change of what is not sealed may go unnoticed.")
        }
        Mark::Broken => println!("FAULT the file: it is not as “credenza backup” wrote it; bytes were changed or lost"),
    }
    let exit = told(go_through(&mut conn, keyring)?);
    Ok(if damages.is_empty() && mark != Mark::Broken { exit } else { Exit::Failed })
}

/// How old a schema is that can be gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    Current,
    Older,
}

fn judged(schema: &Schema) -> Result<Age, Failure> {
    match schema {
        Schema { unknown: Some(version), .. } => Err(Failure::refused(MigrateError::Newer(version.clone()))),
        Schema { newest: None, .. } => Err(Failure::refused("That is no database of Credenza.")),
        Schema { pending: 0, .. } => Ok(Age::Current),
        _ => Ok(Age::Older),
    }
}

/// Opens the keys of a database with the root key that was given; a wrong one is exit 3.
pub fn keyring(conn: &mut Conn, root_key: &RootKey) -> Result<Arc<Keyring>, Failure> {
    match instance::peek(conn, root_key, &Random::system())? {
        Some(Opened::Ready(keyring)) => Ok(Arc::from(keyring)),
        Some(Opened::Refused(error)) => Err(Failure::key(error)),
        None => Err(Failure::refused("That database holds no installation of Credenza.")),
    }
}

/// Prints each fault; what was gone through, and how many faults there were.
fn go_through(conn: &mut Conn, keyring: Arc<Keyring>) -> Result<(Counts, u64), Failure> {
    let means = Means { keyring, clock: Clock::system() };
    let mut faults = 0;
    let mut told = |fault: Fault| {
        faults += 1;
        println!("FAULT {fault}");
    };
    let counts = drill::run(conn, &means, &mut told)?;
    Ok((counts, faults))
}

fn told((counts, faults): (Counts, u64)) -> Exit {
    let Counts { workspaces, keys, people, credentials, versions, opened, chains, events, newest } = counts;
    println!("workspaces: {workspaces}, their keys: {keys}, people: {people}");
    println!("credentials: {credentials}, versions: {versions}");
    let last = newest.map_or_else(String::new, |at| format!(", the last one of {}", at.rfc3339()));
    println!("audit chains: {chains}, events: {events}{last}");
    println!("sealed values opened: {opened}");
    if faults == 0 {
        println!("No fault.");
        return Exit::Fine;
    }
    println!("faults: {faults}");
    Exit::Failed
}

/// A private directory with a copy, gone at the end.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn of(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::refused(format!("A copy for the drill cannot be made: {error}"));
        let mut name = [0; 8];
        Random::system().fill(&mut name)?;
        let dir = std::env::temp_dir().join(format!("credenza-drill-{:016x}", u64::from_be_bytes(name)));
        DirBuilder::new().mode(0o700).create(&dir).map_err(failed)?;
        let scratch = Self { dir };
        std::fs::copy(path, scratch.file()).map_err(failed)?;
        Ok(scratch)
    }

    fn file(&self) -> PathBuf {
        self.dir.join("copy.db")
    }

    fn brought_up(&self) -> Result<Conn, Failure> {
        Db::bring_up(&DatabaseUrl::Sqlite(self.file())).map_err(Failure::refused)?;
        file::open_still(&self.file()).map_err(Failure::refused)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, dir = %self.dir.display(), "a copy of the backup could not be removed");
        }
    }
}
