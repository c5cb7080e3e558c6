//! Workspace keys that are still wrapped under an older instance root are wrapped again under the active one.

use super::permission::Actor;
use super::workspace::Workspace;
use super::workspace_key::{KeyState, WorkspaceKey};
use super::{Means, audit, root_key};
use crate::crypto::envelope;
use crate::db::schema::workspace_keys as keys;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// Keys of one page.
const BATCH: i64 = 200;

/// A place in the order of all workspace keys.
pub type Place = (String, i32);

/// A key with what it is wrapped in now and what it shall be.
pub struct Rewrapped {
    workspace: Id<Workspace>,
    version: i32,
    old: Vec<u8>,
    new: Vec<u8>,
}

/// The next page of keys behind `after`: those of it to be wrapped again, how many of it cannot be opened, and
/// where the page after it begins.
pub fn page(conn: &mut Conn, means: &Means, after: &Place) -> Result<(Vec<Rewrapped>, usize, Option<Place>)> {
    let (workspace, version) = (after.0.as_str(), after.1);
    let behind = keys::workspace_id.gt(workspace).or(keys::workspace_id.eq(workspace).and(keys::version.gt(version)));
    let page: Vec<WorkspaceKey> = keys::table
        .filter(keys::workspace_id.ge(workspace).and(behind))
        .order((keys::workspace_id, keys::version))
        .limit(BATCH)
        .select(WorkspaceKey::as_select())
        .load(conn)?;
    let next = page.last().map(|key| (key.workspace_id.to_string(), key.version));
    let (mut found, mut lost) = (Vec::new(), 0);
    for key in page.into_iter().filter(|key| key.state != KeyState::Retired) {
        let number = u32::try_from(key.version).unwrap_or_default();
        match means.keyring.rewrap_workspace_key(key.workspace_id.as_str(), number, &key.wrapped) {
            Ok(None) => {}
            Ok(Some(new)) => {
                found.push(Rewrapped { workspace: key.workspace_id, version: key.version, old: key.wrapped, new });
            }
            Err(_) => lost += 1,
        }
    }
    Ok((found, lost, next))
}

/// Whether a key is wrapped under another instance root than the active one.
pub fn is_behind(means: &Means, key: &WorkspaceKey) -> bool {
    key.state != KeyState::Retired
        && envelope::key_id(&key.wrapped).is_ok_and(|root| root != means.keyring.root_version())
}

/// Stores those that are still as they were read; returns how many.
pub fn store(tx: &mut Tx<'_>, means: &Means, page: &[Rewrapped]) -> Result<usize> {
    let mut stored = 0;
    for key in page {
        let same = keys::table
            .filter(keys::workspace_id.eq(&key.workspace).and(keys::version.eq(key.version)))
            .filter(keys::wrapped.eq(&key.old));
        stored += diesel::update(same).set(keys::wrapped.eq(&key.new)).execute(tx.conn())?;
    }
    if stored > 0 {
        root_key::note_retirement(tx, means.now())?;
        let entry = audit::Entry::allow("workspace_key.rewrapped", audit::Target::instance())
            .detail("keys", stored)
            .detail("root", means.keyring.root_version());
        audit::record(tx, means, audit::INSTANCE, &Actor::job("keys"), entry)?;
    }
    Ok(stored)
}
