//! What the keys of workspaces are needed for, for the operator.

use super::sealed;
use super::workspace::Workspace;
use super::workspace_key::{self, KeyState};
use super::{Means, rewrap};
use crate::clock::At;
use crate::db::Conn;
use crate::error::Result;
use std::collections::BTreeMap;
use std::fmt;

/// Why a key that does not seal is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// So many rows wait to be sealed under the active key.
    Rotation(i64),
    /// It is missing or damaged, and so many rows are sealed under it.
    Lost {
        /// Those rows.
        rows: i64,
    },
    /// It opens, and is wrapped under an older instance root.
    Rewrap,
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotation(0) => f.write_str("only opens; nothing is sealed under it, and it waits to be retired"),
            Self::Rotation(rows) => write!(f, "only opens; {rows} left to be sealed anew"),
            Self::Lost { rows } => {
                write!(f, "MISSING OR DAMAGED; {rows} cannot be opened until it is back or they are entered again")
            }
            Self::Rewrap => f.write_str("is wrapped under an older instance root; the running server changes that"),
        }
    }
}

/// The keys of one workspace.
#[derive(Debug)]
pub struct KeyStatus {
    /// Its slug.
    pub slug: String,
    /// The number of the key that seals; 0 if there is none.
    pub active: i32,
    /// Since when.
    pub active_since: At,
    /// What is to be said of its keys.
    pub needs: BTreeMap<i32, Needs>,
}

/// The next page of workspaces behind the slug `after`.
pub fn page(conn: &mut Conn, means: &Means, after: &str, limit: i64) -> Result<Vec<KeyStatus>> {
    let page = Workspace::page(conn, after, limit)?;
    let ids: Vec<_> = page.iter().map(|workspace| workspace.id.clone()).collect();
    let (open, used) = (workspace_key::openable(conn, means, &ids)?, sealed::keys(conn, &ids)?);
    let kept = workspace_key::of_all(conn, &ids)?;
    let mut found = Vec::new();
    for workspace in page {
        let own = |key: &&workspace_key::WorkspaceKey| key.workspace_id == workspace.id;
        let active = kept.iter().filter(own).find(|key| key.state == KeyState::Active);
        let mut status = KeyStatus {
            slug: workspace.slug.clone(),
            active: active.map_or(0, |key| key.version),
            active_since: active.map_or(means.now(), |key| key.created_at),
            needs: BTreeMap::new(),
        };
        for key in kept.iter().filter(own) {
            if key.state == KeyState::Retained {
                let rows = sealed::count(conn, &workspace.id, key.version)?;
                status.needs.insert(key.version, Needs::Rotation(rows));
            } else if rewrap::is_behind(means, key) {
                status.needs.insert(key.version, Needs::Rewrap);
            }
            if key.state != KeyState::Retired && !open.contains(&(workspace.id.clone(), key.version)) {
                status.needs.insert(key.version, Needs::Lost { rows: 0 });
            }
        }
        for (_, key) in
            used.iter().filter(|(owner, key)| *owner == workspace.id && !open.contains(&(owner.clone(), *key)))
        {
            let rows = sealed::count(conn, &workspace.id, *key)?;
            status.needs.insert(*key, Needs::Lost { rows });
        }
        found.push(status);
    }
    Ok(found)
}
