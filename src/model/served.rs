//! Which version a bot is given now, or why it is given none: the one answer that every way to read a secret uses.

use super::credential::Credential;
use super::status::Status;
use super::version::{Version, VersionState};
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{credential_versions as versions, credentials};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// How a caller names a credential.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// By its id.
    Id(&'a Id<Credential>),
    /// By its handle.
    Handle(&'a str),
}

/// What a caller gets.
#[derive(Debug)]
pub enum Answer {
    /// The workspace has no such credential.
    Absent,
    /// There is one, and nothing of it is given.
    Refused(Box<Credential>, Refusal),
    /// This version is given. It still has to be opened, which may show that it cannot be.
    Served(Box<Credential>, Box<Version>),
}

/// Why nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It lies among the deleted ones.
    Deleted,
    /// A person switched it off, perhaps until then.
    Suspended(Option<At>),
    /// What is stored cannot be decrypted.
    Unreadable,
    /// The service does not take it, or it is set up wrongly; the row's `hint` says more.
    Broken,
    /// The version that was asked for is not served yet.
    Staged,
    /// The version that was asked for does not exist, or its overlap has ended.
    Ended,
}

/// Which version of a credential is served at `now`: the live one, or `asked` while its overlap lasts. A broken one
/// is refused last, so that a caller who can do with it finds the same version in [`Version::get`].
pub fn served(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    named: Named<'_>,
    asked: Option<i64>,
    now: At,
) -> Result<Answer> {
    let mine = versions::workspace_id
        .eq(credentials::workspace_id)
        .and(versions::credential_id.eq(credentials::id))
        .and(versions::sealed.is_not_null());
    let query = credentials::table
        .left_join(versions::table.on(mine))
        .filter(credentials::workspace_id.eq(workspace))
        .select((Credential::as_select(), Option::<Version>::as_select()));
    let rows: Vec<(Credential, Option<Version>)> = match named {
        Named::Id(id) => query.filter(credentials::id.eq(id)).load(conn)?,
        Named::Handle(handle) => query.filter(credentials::handle.eq(handle)).load(conn)?,
    };
    let mut row = None;
    let mut kept = Vec::new();
    for (found, version) in rows {
        row.get_or_insert(found);
        kept.extend(version);
    }
    let Some(row) = row.map(Box::new) else { return Ok(Answer::Absent) };
    Ok(match choose(&row, kept, asked, now) {
        Ok(version) => Answer::Served(row, Box::new(version)),
        Err(refusal) => Answer::Refused(row, refusal),
    })
}

fn choose(row: &Credential, kept: Vec<Version>, asked: Option<i64>, now: At) -> Result<Version, Refusal> {
    if row.deleted_at.is_some() {
        return Err(Refusal::Deleted);
    }
    if row.is_suspended(now) {
        return Err(Refusal::Suspended(row.suspended_until));
    }
    let wanted = asked.unwrap_or(row.live_version);
    let version = kept.into_iter().find(|version| version.version == wanted).ok_or(Refusal::Ended)?;
    match version.state {
        VersionState::Staged => Err(Refusal::Staged),
        VersionState::Previous if version.retire_at.is_none_or(|end| end <= now) => Err(Refusal::Ended),
        // What is said of the live version is not said of the one before.
        VersionState::Previous => Ok(version),
        VersionState::Live => match row.suspended_from.unwrap_or(row.status) {
            Status::Unreadable => Err(Refusal::Unreadable),
            Status::Broken => Err(Refusal::Broken),
            _ => Ok(version),
        },
    }
}
