//! Credentials whose key, or that of their tokens, is missing or damaged: marked as unreadable under its label, so that they can be entered
//! again, and marked as readable when the key is back. Everything else goes on.

use super::credential::{Credential, live_in};
use super::credential_change::{self, one};
use super::oauth_grant::{self, Grant};
use super::permission::{Allowed, KeepHouse};
use super::sealed::{self, Opening};
use super::status::Status;
use super::version::{Unreadable, Version};
use super::workspace::Workspace;
use super::{Means, audit, count, workspace_key};
use crate::db::schema::{
    credential_counts as counts, credential_versions as versions, credentials, oauth_grants as grants, workspaces,
};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// Workspaces, or credentials, of one page.
const BATCH: i64 = 100;
/// The code of a credential whose key is lost, as against a value that was damaged itself.
pub const CODE: &str = "key_lost";

/// A key that something needs and that does not open.
pub type Lost = (Id<Workspace>, i32);

/// The lost keys of the next page of workspaces behind `after`, and where the page after that begins.
pub fn page(conn: &mut Conn, means: &Means, after: &str) -> Result<(Vec<Lost>, Option<String>)> {
    let ids: Vec<Id<Workspace>> = workspaces::table
        .filter(workspaces::id.gt(after).and(workspaces::deleted_at.is_null()))
        .order(workspaces::id)
        .limit(BATCH)
        .select(workspaces::id)
        .load(conn)?;
    let opens = workspace_key::openable(conn, means, &ids)?;
    let lost = sealed::keys(conn, &ids)?.into_iter().filter(|needed| !opens.contains(needed)).collect();
    Ok((lost, ids.last().map(Id::to_string)))
}

/// Credentials behind `after` that need a lost key and do not say so yet.
pub fn unmarked(conn: &mut Conn, (workspace, key): &Lost, after: &str) -> Result<Vec<Id<Credential>>> {
    let quiet = || credentials::deleted_at.is_null().and(credentials::status.ne(Status::Unreadable));
    let mut ids: Vec<Id<Credential>> = credentials::table
        .inner_join(
            versions::table.on(versions::workspace_id
                .eq(credentials::workspace_id)
                .and(versions::credential_id.eq(credentials::id))
                .and(versions::version.eq(credentials::live_version))),
        )
        .filter(versions::workspace_id.eq(workspace).and(versions::key_version.eq(key)))
        .filter(versions::sealed.is_not_null().and(versions::credential_id.gt(after)))
        .filter(quiet())
        .order(versions::credential_id)
        .limit(BATCH)
        .select(credentials::id)
        .load(conn)?;
    let by_tokens: Vec<Id<Credential>> = credentials::table
        .inner_join(
            grants::table
                .on(grants::workspace_id.eq(credentials::workspace_id).and(grants::credential_id.eq(credentials::id))),
        )
        .filter(grants::workspace_id.eq(workspace).and(grants::key_version.eq(key)))
        .filter(grants::credential_id.gt(after).and(quiet()))
        .order(grants::credential_id)
        .limit(BATCH)
        .select(credentials::id)
        .load(conn)?;
    ids.extend(by_tokens);
    ids.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    ids.dedup();
    ids.truncate(usize::try_from(BATCH).unwrap_or(usize::MAX));
    Ok(ids)
}

/// Marks those of `ids` that still cannot be opened.
pub fn mark(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, ids: &[Id<Credential>]) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let keys = Opening::of(tx.conn(), means, allowed.workspace())?;
    for kept in with_versions(tx.conn(), allowed.workspace(), ids)? {
        if let Err(fault) = kept.open(&keys, means) {
            let row = kept.row;
            credential_change::unreadable(tx, means, allowed, &row.id, &fault)?;
        }
    }
    Ok(())
}

/// Workspaces behind `after` with credentials that are unreadable.
pub fn with_unreadable(conn: &mut Conn, after: &str) -> Result<Vec<Id<Workspace>>> {
    Ok(counts::table
        .filter(counts::status.eq(Status::Unreadable).and(counts::n.gt(0)))
        .filter(counts::workspace_id.gt(after))
        .order(counts::workspace_id)
        .limit(BATCH)
        .select(counts::workspace_id)
        .load(conn)?)
}

/// Credentials of a workspace behind `after` that are marked for a lost key.
pub fn marked(conn: &mut Conn, workspace: &Id<Workspace>, after: &str) -> Result<Vec<Id<Credential>>> {
    Ok(live_in(workspace)
        .filter(credentials::status.eq(Status::Unreadable).and(credentials::code.eq(CODE)))
        .filter(credentials::id.gt(after.to_owned()))
        .order(credentials::id)
        .limit(BATCH)
        .select(credentials::id)
        .load(conn)?)
}

/// Takes the mark from those of `ids` that can be opened again: nobody knows then whether they work. Returns how
/// many they were.
pub fn unmark(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, ids: &[Id<Credential>]) -> Result<usize> {
    let mut count = 0;
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let keys = Opening::of(tx.conn(), means, workspace)?;
    for kept in with_versions(tx.conn(), workspace, ids)? {
        if kept.row.status != Status::Unreadable || kept.open(&keys, means).is_err() {
            continue;
        }
        let row = kept.row;
        let (status, from) = credential_change::beneath(&row, Status::Unverified);
        diesel::update(one(workspace, &row.id))
            .set((
                credentials::status.eq(status),
                credentials::suspended_from.eq(from),
                credentials::outcome.eq(""),
                credentials::code.eq(""),
                credentials::hint.eq(""),
            ))
            .execute(tx.conn())?;
        count::shift(tx, workspace, Some(row.status), Some(status))?;
        let entry = audit::Entry::allow("credential.readable", audit::Target::credential(row.id.as_str()));
        audit::record_allowed(tx, means, allowed, entry)?;
        count += 1;
    }
    Ok(count)
}

/// A credential with all of it that is sealed.
struct Kept {
    row: Credential,
    version: Version,
    grant: Option<Grant>,
}

impl Kept {
    fn open(&self, keys: &Opening, means: &Means) -> Result<(), Unreadable> {
        let place = self.row.seal_place();
        self.version.open_with(keys, means, place)?;
        match &self.grant {
            Some(grant) => grant.open(keys, means, place, &self.version.destination).map(drop),
            None => Ok(()),
        }
    }
}

fn with_versions(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[Id<Credential>]) -> Result<Vec<Kept>> {
    let mut grants = oauth_grant::of_all(conn, workspace, ids)?;
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    let rows: Vec<Credential> = live_in(workspace)
        .filter(credentials::id.eq_any(&ids))
        .order(credentials::id)
        .select(Credential::as_select())
        .load(conn)?;
    let found: Vec<(Id<Credential>, Version)> = versions::table
        .filter(versions::workspace_id.eq(workspace).and(versions::credential_id.eq_any(&ids)))
        .filter(versions::sealed.is_not_null())
        .select((versions::credential_id, Version::as_select()))
        .load(conn)?;
    let mut all = Vec::new();
    for row in rows {
        let live = found.iter().find(|(id, version)| *id == row.id && version.version == row.live_version);
        let grant = grants.remove(row.id.as_str());
        all.extend(live.map(|(_, version)| Kept { row, version: version.clone(), grant }));
    }
    Ok(all)
}
