//! Every kind of row that holds something sealed under a key of its workspace, so that a rotation and a drill
//! reach all of them. A column `sealed` that is not named here fails a test.

use super::permission::{Allowed, ManageKeys};
use super::sealed_oauth::{SealedApps, SealedFlows, SealedGrants};
use super::sealed_version::SealedVersions;
use super::workspace::Workspace;
use super::workspace_key::{self, KeyState};
use super::{Means, root_key};
use crate::crypto::context::Context;
use crate::crypto::envelope::{self, Key, OpenError};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// One sealed row, of whatever kind.
pub struct Sealed {
    /// Its place in the order of its kind; the next page begins behind it.
    pub place: (String, i64),
    /// What it is sealed for.
    pub context: Context,
    /// The sealed bytes.
    pub blob: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {})", self.place.0, self.place.1)
    }
}

/// A kind of sealed row. Its pages come in the order of the place, by key, and never hold more than `limit`.
pub trait Kind: Sync {
    /// Its table and column.
    fn column(&self) -> &'static str;

    /// How people call one of its rows.
    fn name(&self, place: &(String, i64)) -> String;

    /// Rows of a workspace that are sealed under one key, behind `after`.
    fn page(
        &self,
        conn: &mut Conn,
        means: &Means,
        workspace: &Id<Workspace>,
        key: i32,
        after: &(String, i64),
        limit: i64,
    ) -> Result<Vec<Sealed>>;

    /// How many rows of a workspace are sealed under one key.
    fn count(&self, conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64>;

    /// The numbers of the keys that its rows of some workspaces are sealed under.
    fn keys(&self, conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, i32)>>;

    /// Puts `blob`, sealed under `key`, in the place of the old one, if that is still there, and writes a line of
    /// it. `false` if somebody else was first.
    fn swap(
        &self,
        tx: &mut Tx<'_>,
        means: &Means,
        allowed: &Allowed<ManageKeys>,
        old: &Sealed,
        blob: Vec<u8>,
        key: i32,
    ) -> Result<bool>;

    /// What is wrong with an opened value, if anything is.
    fn fault(&self, row: &Sealed, plain: &[u8]) -> Option<&'static str>;
}

/// All of them.
pub const KINDS: [&dyn Kind; 4] = [&SealedVersions, &SealedGrants, &SealedApps, &SealedFlows];

/// How many rows of a workspace are sealed under one key.
pub fn count(conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64> {
    KINDS.iter().map(|kind| kind.count(conn, workspace, key)).sum()
}

/// The numbers of the keys that something of some workspaces is sealed under, without order.
pub fn keys(conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<HashSet<(Id<Workspace>, i32)>> {
    let mut all = HashSet::new();
    for kind in KINDS {
        all.extend(kind.keys(conn, workspaces)?);
    }
    Ok(all)
}

/// The keys of one workspace that open, by number, and those that do not.
pub struct Opening {
    keys: BTreeMap<u32, Arc<Key>>,
    /// The number of the key that seals, whether it opens or not.
    pub active: Option<i32>,
    /// The numbers of kept keys that cannot be opened, and why.
    pub lost: Vec<(i32, OpenError)>,
}

impl Opening {
    /// Opens every key that was not retired.
    pub fn of(conn: &mut Conn, means: &Means, workspace: &Id<Workspace>) -> Result<Self> {
        let (mut keys, mut lost, mut active) = (BTreeMap::new(), Vec::new(), None);
        for kept in workspace_key::all(conn, workspace)?.iter().filter(|key| key.state != KeyState::Retired) {
            if kept.state == KeyState::Active {
                active = Some(kept.version);
            }
            match kept.open(means) {
                Ok(key) => drop(keys.insert(key.id(), key)),
                Err(cause) => lost.push((kept.version, cause)),
            }
        }
        if !lost.is_empty() {
            root_key::judge_current(conn, means)?;
        }
        Ok(Self { keys, active, lost })
    }

    /// How many keys open.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of this number.
    pub fn key(&self, version: i32) -> Option<&Arc<Key>> {
        self.keys.get(&u32::try_from(version).ok()?)
    }

    /// Opens a blob with the key that it names.
    pub fn open(&self, context: &Context, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        envelope::open(|id| self.keys.get(&id).map(Arc::as_ref), context, blob)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({} keys)", self.keys.len())
    }
}
