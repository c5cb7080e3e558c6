//! A drill: everything that is sealed is opened, every chain proved, every stored version compared with what was
//! written down. Nothing is changed, and never more than a page is in memory.

use super::audit;
use super::audit_verify::{self, Subject, Verdict};
use super::sealed::{self, KINDS, Kind, Opening};
use super::workspace::Workspace;
use super::{Means, second_factor, workspace_key};
use crate::clock::At;
use crate::crypto::envelope;
use crate::db::Conn;
use crate::db::schema::{audit_events, audit_heads, credential_versions, credentials, users};
use crate::error::{Error, Result};
use diesel::prelude::*;
use std::fmt;

/// Workspaces, or sealed rows, of one page.
const PAGE: i64 = 200;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A key cannot be opened, or is not there, and so many rows need it.
    Key {
        /// The workspace's slug.
        workspace: String,
        /// The key.
        key: String,
        /// Rows that are sealed under it.
        rows: i64,
    },
    /// A sealed row does not open.
    Row {
        /// The workspace's slug.
        workspace: String,
        /// The row.
        row: String,
        /// Why.
        why: String,
    },
    /// What is sealed for a person does not open.
    Person(String),
    /// A chain is broken, or missing.
    Chain {
        /// The chain; for a workspace its slug too.
        chain: String,
        /// Where and how.
        why: String,
    },
    /// Something stored is not what its audit lines tell.
    Stored {
        /// The workspace's slug.
        workspace: String,
        /// What.
        what: Subject,
        /// What is wrong, and which line tells otherwise.
        why: String,
    },
    /// An older instance root does not open.
    Root(u32),
    /// Something cannot even be read.
    Unread {
        /// What.
        what: String,
        /// What the database said.
        why: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { workspace, key, rows } => {
                write!(f, "{workspace}: {key} is missing or damaged; sealed under it: {rows}")
            }
            Self::Row { workspace, row, why } => write!(f, "{workspace}: {row}: {why}"),
            Self::Person(row) => f.write_str(row),
            Self::Chain { chain, why } => write!(f, "audit chain {chain}: {why}"),
            Self::Stored { workspace, what, why } => write!(f, "{workspace}: {what}: {why}"),
            Self::Unread { what, why } => write!(f, "{what}: cannot be read: {why}"),
            Self::Root(version) => write!(f, "instance root {version} does not open with this root key"),
        }
    }
}

/// What was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Workspaces.
    pub workspaces: i64,
    /// Workspace keys that open.
    pub keys: i64,
    /// People.
    pub people: i64,
    /// Credentials, those recently deleted among them.
    pub credentials: i64,
    /// Their versions.
    pub versions: i64,
    /// Sealed values that were opened.
    pub opened: i64,
    /// Audit chains.
    pub chains: i64,
    /// Lines of all of them.
    pub events: i64,
    /// The time of the last line.
    pub newest: Option<At>,
}

/// Goes through everything; `told` hears of each fault.
pub fn run(conn: &mut Conn, means: &Means, told: &mut dyn FnMut(Fault)) -> Result<Counts> {
    for version in means.keyring.damaged() {
        told(Fault::Root(*version));
    }
    let mut counts = Counts {
        people: users::table.count().get_result(conn)?,
        credentials: credentials::table.count().get_result(conn)?,
        versions: credential_versions::table.count().get_result(conn)?,
        chains: audit_heads::table.count().get_result(conn)?,
        events: audit_events::table.count().get_result(conn)?,
        ..Counts::default()
    };
    let done = chain(conn, means, audit::INSTANCE, None, told);
    tolerated(done, "the chain of the instance", told)?;
    let done = second_factors(conn, means, &mut counts, told);
    tolerated(done, "the second factors of people", told)?;
    let mut after = String::new();
    loop {
        let page = Workspace::page(conn, &after, PAGE)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.slug);
        for found in &page {
            workspace(conn, means, found, &mut counts, told)?;
        }
    }
    counts.newest = audit_events::table.select(diesel::dsl::max(audit_events::at)).first(conn)?;
    Ok(counts)
}

/// Opens the seed of every second factor, which is sealed under the instance.
fn second_factors(conn: &mut Conn, means: &Means, counts: &mut Counts, told: &mut dyn FnMut(Fault)) -> Result<()> {
    let mut after = String::new();
    loop {
        let (faults, opened, next) = second_factor::unreadable(conn, means, &after, PAGE)?;
        counts.opened += opened;
        faults.into_iter().for_each(|row| told(Fault::Person(row)));
        let Some(next) = next else { return Ok(()) };
        after = next;
    }
}

fn workspace(
    conn: &mut Conn,
    means: &Means,
    found: &Workspace,
    counts: &mut Counts,
    told: &mut dyn FnMut(Fault),
) -> Result<()> {
    let (id, slug) = (found.id.as_str(), &found.slug);
    counts.workspaces += 1;
    let done = open_all(conn, means, found, told);
    if let Some((keys, opened)) = tolerated(done, &format!("{slug}: what is sealed"), told)? {
        counts.keys += keys;
        counts.opened += opened;
    }
    let done = chain(conn, means, id, Some(slug), told);
    tolerated(done, &format!("{slug}: its audit chain"), told)?;
    Ok(())
}

/// What the database holds and cannot give is a fault like another one; the drill goes on behind it.
fn tolerated<T>(done: Result<T>, what: &str, told: &mut dyn FnMut(Fault)) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Error::Database(why)) => {
            told(Fault::Unread { what: what.to_owned(), why: why.to_string() });
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn chain(conn: &mut Conn, means: &Means, chain: &str, slug: Option<&str>, told: &mut dyn FnMut(Fault)) -> Result<()> {
    let shown = || slug.map_or_else(|| chain.to_owned(), |slug| format!("{chain} ({slug})"));
    let is_there: i64 = audit_heads::table.filter(audit_heads::chain.eq(chain)).count().get_result(conn)?;
    if is_there == 0 {
        told(Fault::Chain { chain: shown(), why: "it is missing".into() });
        return Ok(());
    }
    let Verdict::Broken(faults) = audit_verify::chain(conn, &means.keyring, chain)? else { return Ok(()) };
    for fault in faults {
        let workspace = slug.unwrap_or_default().to_owned();
        told(match fault.what {
            Some(what) => Fault::Stored { workspace, what, why: format!("{} (event {})", fault.why, fault.seq) },
            None => Fault::Chain { chain: shown(), why: fault.to_string() },
        });
    }
    Ok(())
}

/// Opens all that is sealed in a workspace, one key after the other; returns how many keys and rows open.
fn open_all(conn: &mut Conn, means: &Means, workspace: &Workspace, told: &mut dyn FnMut(Fault)) -> Result<(i64, i64)> {
    let opening = Opening::of(conn, means, &workspace.id)?;
    let needed = sealed::keys(conn, std::slice::from_ref(&workspace.id))?;
    let lost = opening.lost.iter().map(|(key, _)| *key).filter(|key| !needed.contains(&(workspace.id.clone(), *key)));
    let mut keys: Vec<i32> = needed.iter().map(|(_, key)| *key).chain(lost).collect();
    keys.sort_unstable();
    let mut opened = 0;
    for key in keys {
        if opening.key(key).is_none() {
            let rows = sealed::count(conn, &workspace.id, key)?;
            told(Fault::Key { workspace: workspace.slug.clone(), key: workspace_key::label(means, key), rows });
            continue;
        }
        for kind in KINDS {
            opened += open_kind(conn, means, (workspace, &opening), kind, key, told)?;
        }
    }
    Ok((i64::try_from(opening.len()).unwrap_or(i64::MAX), opened))
}

fn open_kind(
    conn: &mut Conn,
    means: &Means,
    (workspace, opening): (&Workspace, &Opening),
    kind: &dyn Kind,
    key: i32,
    told: &mut dyn FnMut(Fault),
) -> Result<i64> {
    let (mut after, mut opened) = ((String::new(), 0), 0);
    loop {
        let page = kind.page(conn, means, &workspace.id, key, &after, PAGE)?;
        let Some(last) = page.last() else { return Ok(opened) };
        after.clone_from(&last.place);
        for row in &page {
            let why = match opening.open(&row.context, &row.blob) {
                Err(cause) => Some(cause.to_string()),
                Ok(plain) => kind.fault(row, &plain).map(str::to_owned),
            };
            let misnamed = envelope::key_id(&row.blob).is_ok_and(|id| i64::from(id) != i64::from(key));
            match why.or_else(|| misnamed.then(|| "its row names another key than its seal".to_owned())) {
                None => opened += 1,
                Some(why) => {
                    told(Fault::Row { workspace: workspace.slug.clone(), row: kind.name(&row.place), why });
                }
            }
        }
    }
}
