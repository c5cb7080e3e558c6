//! The keys of a workspace, wrapped under the instance root: one seals, older ones open what they sealed.

use super::permission::{Actor, Allowed, ManageKeys};
use super::workspace::Workspace;
use super::{Means, audit, root_key, sealed};
use crate::clock::At;
use crate::crypto::envelope::{Key, OpenError};
use crate::db::schema::workspace_keys as keys;
use crate::db::types::text_enum;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;

text_enum! {
    /// What a workspace key is still good for.
    KeyState {
        /// Seals and opens.
        Active = "active",
        /// Only opens.
        Retained = "retained",
        /// Gone.
        Retired = "retired",
    }
}

/// A wrapped key as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = keys, check_for_backend(crate::db::MultiBackend))]
pub struct WorkspaceKey {
    /// Whose it is.
    pub workspace_id: Id<Workspace>,
    /// Its number, which blobs name.
    pub version: i32,
    /// The key under the instance root; empty once it is retired.
    pub wrapped: Vec<u8>,
    /// What it is good for.
    pub state: KeyState,
    /// When it was made.
    pub created_at: At,
    /// When it was retired.
    pub retired_at: Option<At>,
}

impl WorkspaceKey {
    /// The key itself.
    pub fn open(&self, means: &Means) -> Result<Arc<Key>, OpenError> {
        let version = u32::try_from(self.version).map_err(|_| OpenError::BadFormat)?;
        means.keyring.workspace_key(self.workspace_id.as_str(), version, &self.wrapped)
    }
}

/// How a workspace key is called where something needs it: its number and the root key above it.
pub fn label(means: &Means, version: i32) -> String {
    format!("key {version} (root {})", means.keyring.label())
}

/// Makes the first key of a workspace.
pub(super) fn create(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>) -> Result<()> {
    insert(tx, means, workspace, 1)
}

fn insert(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>, version: i32) -> Result<()> {
    let number = u32::try_from(version).map_err(Error::internal)?;
    let wrapped = means.keyring.create_workspace_key(workspace.as_str(), number)?;
    diesel::insert_into(keys::table)
        .values((
            keys::workspace_id.eq(workspace),
            keys::version.eq(version),
            keys::wrapped.eq(wrapped),
            keys::state.eq(KeyState::Active),
            keys::created_at.eq(means.now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Every key of a workspace, the newest first.
pub fn all(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<WorkspaceKey>> {
    Ok(keys::table
        .filter(keys::workspace_id.eq(workspace))
        .order(keys::version.desc())
        .select(WorkspaceKey::as_select())
        .load(conn)?)
}

/// Every key of some workspaces, by workspace and number.
pub fn of_all(conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<WorkspaceKey>> {
    let ids: Vec<&str> = workspaces.iter().map(Id::as_str).collect();
    Ok(keys::table
        .filter(keys::workspace_id.eq_any(ids))
        .order((keys::workspace_id, keys::version))
        .select(WorkspaceKey::as_select())
        .load(conn)?)
}

/// Those of some workspaces' keys that open.
pub fn openable(conn: &mut Conn, means: &Means, workspaces: &[Id<Workspace>]) -> Result<HashSet<(Id<Workspace>, i32)>> {
    let mut found = of_all(conn, workspaces)?;
    found.retain(|key| key.state != KeyState::Retired);
    let (open, lost): (Vec<_>, Vec<_>) = found.into_iter().partition(|key| key.open(means).is_ok());
    if !lost.is_empty() {
        root_key::judge_current(conn, means)?;
    }
    Ok(open.into_iter().map(|key| (key.workspace_id, key.version)).collect())
}

/// The key of this number, unless it was retired.
pub fn numbered(conn: &mut Conn, workspace: &Id<Workspace>, version: i32) -> Result<Option<WorkspaceKey>> {
    Ok(keys::table
        .filter(keys::workspace_id.eq(workspace).and(keys::version.eq(version)))
        .filter(keys::state.ne(KeyState::Retired))
        .select(WorkspaceKey::as_select())
        .first(conn)
        .optional()?)
}

/// The key that seals now, asked of the database inside the write that uses it: whatever a process remembers
/// may be out of date. The chain's lock keeps it the one that seals until this write is committed.
///
/// If there is none, or it cannot be opened, a new one is made, so that lost values can be entered again.
pub fn sealing(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>) -> Result<(i32, Arc<Key>)> {
    audit::lock(tx, workspace.as_str())?;
    let found = all(tx.conn(), workspace)?;
    let cause = match found.iter().find(|key| key.state == KeyState::Active) {
        Some(active) => match active.open(means) {
            Ok(key) => return Ok((active.version, key)),
            Err(cause) => cause.to_string(),
        },
        None => "there is no active key".to_owned(),
    };
    root_key::judge_current(tx.conn(), means)?;
    tracing::error!(%workspace, cause, "the key of a workspace is lost; a new one is made");
    let version = next(tx, workspace, &found)?;
    replace_active(tx, means, workspace, version)?;
    let entry = audit::Entry::allow("workspace_key.replaced", audit::Target::workspace(workspace))
        .code("unreadable")
        .detail("key", version);
    audit::record(tx, means, workspace.as_str(), &Actor::job("keys"), entry)?;
    let made = numbered(tx.conn(), workspace, version)?.ok_or_else(|| Error::internal("a key that was just made"))?;
    Ok((version, made.open(means)?))
}

/// A number that no key has and no blob names.
fn next(tx: &mut Tx<'_>, workspace: &Id<Workspace>, found: &[WorkspaceKey]) -> Result<i32> {
    let kept = found.first().map_or(0, |key| key.version);
    let named = sealed::keys(tx.conn(), std::slice::from_ref(workspace))?;
    Ok(named.iter().map(|(_, key)| *key).fold(kept, i32::max) + 1)
}

fn replace_active(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>, version: i32) -> Result<()> {
    diesel::update(keys::table.filter(keys::workspace_id.eq(workspace).and(keys::state.eq(KeyState::Active))))
        .set(keys::state.eq(KeyState::Retained))
        .execute(tx.conn())?;
    insert(tx, means, workspace, version)
}

/// Makes a new key that seals from this moment on; the one before only opens. Returns its number.
pub fn begin_rotation(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageKeys>) -> Result<i32> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let found = all(tx.conn(), workspace)?;
    root_key::judge_current(tx.conn(), means)?;
    let version = next(tx, workspace, &found)?;
    replace_active(tx, means, workspace, version)?;
    let entry =
        audit::Entry::allow("workspace_key.rotated", audit::Target::workspace(workspace)).detail("key", version);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(version)
}

/// Erases a retained key for good, if nothing is sealed under it any more; `false` if something still is, or if
/// there is no such retained key.
pub fn retire(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageKeys>, version: i32) -> Result<bool> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if sealed::count(tx.conn(), workspace, version)? > 0 {
        return Ok(false);
    }
    let retained = keys::table
        .filter(keys::workspace_id.eq(workspace).and(keys::version.eq(version)))
        .filter(keys::state.eq(KeyState::Retained));
    let affected = diesel::update(retained)
        .set((keys::wrapped.eq(Vec::<u8>::new()), keys::state.eq(KeyState::Retired), keys::retired_at.eq(Some(now))))
        .execute(tx.conn())?;
    if affected == 0 {
        return Ok(false);
    }
    root_key::note_retirement(tx, now)?;
    let entry =
        audit::Entry::allow("workspace_key.retired", audit::Target::workspace(workspace)).detail("key", version);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(true)
}
