//! How many credentials a workspace has in each status: the numbers on the chips.

use super::status::Status;
use super::workspace::Workspace;
use crate::db::schema::credential_counts as counts;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// Makes the rows of a new workspace, all zero.
pub(super) fn start(tx: &mut Tx<'_>, workspace: &Id<Workspace>) -> Result<()> {
    for status in Status::ALL {
        diesel::insert_into(counts::table)
            .values((counts::workspace_id.eq(workspace), counts::status.eq(status), counts::n.eq(0)))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// Moves one credential from a status to another; `None` is “not there”.
pub(super) fn shift(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    from: Option<Status>,
    to: Option<Status>,
) -> Result<()> {
    if from != to {
        add(tx, workspace, from, -1)?;
        add(tx, workspace, to, 1)?;
    }
    Ok(())
}

fn add(tx: &mut Tx<'_>, workspace: &Id<Workspace>, status: Option<Status>, by: i64) -> Result<()> {
    if let Some(status) = status {
        diesel::update(counts::table.filter(counts::workspace_id.eq(workspace).and(counts::status.eq(status))))
            .set(counts::n.eq(counts::n + by))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The number in each status.
pub fn all(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<(Status, i64)>> {
    Ok(counts::table.filter(counts::workspace_id.eq(workspace)).select((counts::status, counts::n)).load(conn)?)
}
