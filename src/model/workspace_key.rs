//! The keys of a workspace, wrapped under the instance root.

use super::Means;
use super::workspace::Workspace;
use crate::db::schema::workspace_keys;
use crate::db::types::text_enum;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;

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
#[diesel(table_name = workspace_keys, check_for_backend(crate::db::MultiBackend))]
pub struct WorkspaceKey {
    /// Its number, which blobs name.
    pub version: i32,
    /// The key under the instance root.
    pub wrapped: Vec<u8>,
}

/// Makes the first key of a workspace.
pub(super) fn create(tx: &mut Tx<'_>, means: &Means, workspace: &Id<Workspace>) -> Result<()> {
    let wrapped = means.keyring.create_workspace_key(workspace.as_str(), 1)?;
    diesel::insert_into(workspace_keys::table)
        .values((
            workspace_keys::workspace_id.eq(workspace),
            workspace_keys::version.eq(1),
            workspace_keys::wrapped.eq(wrapped),
            workspace_keys::state.eq(KeyState::Active),
            workspace_keys::created_at.eq(means.now()),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// The key that seals now.
pub fn active(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<WorkspaceKey> {
    workspace_keys::table
        .filter(workspace_keys::workspace_id.eq(workspace).and(workspace_keys::state.eq(KeyState::Active)))
        .order(workspace_keys::version.desc())
        .select(WorkspaceKey::as_select())
        .first(conn)
        .optional()?
        .ok_or_else(|| Error::unavailable("the workspace has no active key"))
}

/// The key of this number, unless it was retired.
pub fn numbered(conn: &mut Conn, workspace: &Id<Workspace>, version: i32) -> Result<Option<WorkspaceKey>> {
    Ok(workspace_keys::table
        .filter(workspace_keys::workspace_id.eq(workspace).and(workspace_keys::version.eq(version)))
        .filter(workspace_keys::state.ne(KeyState::Retired))
        .select(WorkspaceKey::as_select())
        .first(conn)
        .optional()?)
}
