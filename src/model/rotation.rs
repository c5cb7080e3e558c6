//! Sealing anew what an older key of a workspace sealed: a page at a time, by compare-and-swap, so that it can
//! stop anywhere and go on later, beside whoever else writes.

use super::permission::{Allowed, ManageKeys};
use super::sealed::{self, KINDS, Opening, Sealed};
use super::workspace::Workspace;
use super::workspace_key::{self, KeyState};
use super::{Means, root_key};
use crate::db::schema::workspace_keys as keys;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// Rows that are sealed anew in one transaction.
pub const BATCH: i64 = 100;

/// How far the pages of one key have come: the kind of row, and the place in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    kind: usize,
    place: (String, i64),
}

/// A page, sealed anew in memory and not yet stored.
#[derive(Debug)]
pub struct Page {
    kind: usize,
    key: i32,
    rows: Vec<(Sealed, Vec<u8>)>,
    /// How many rows of the page could not be opened: they stay as they are.
    pub unreadable: u64,
    /// Where the next page begins.
    pub next: Progress,
}

/// The numbers of the keys of a workspace that only open, oldest first.
pub fn retained(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<i32>> {
    Ok(keys::table
        .filter(keys::workspace_id.eq(workspace).and(keys::state.eq(KeyState::Retained)))
        .order(keys::version)
        .select(keys::version)
        .load(conn)?)
}

/// Workspaces with a key that only opens, behind `after`: their rotation is not complete.
pub fn unfinished(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Id<Workspace>>> {
    Ok(keys::table
        .filter(keys::state.eq(KeyState::Retained).and(keys::workspace_id.gt(after)))
        .order(keys::workspace_id)
        .select(keys::workspace_id)
        .distinct()
        .limit(limit)
        .load(conn)?)
}

/// Whether a rotation of this workspace retired a key whose bytes may still be in the file.
pub fn awaits_compaction(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<bool> {
    use crate::db::schema::instance;
    let done: Option<crate::clock::At> = instance::table.select(instance::compacted_at).first(conn)?;
    let newest = workspace_key::all(conn, workspace)?.iter().filter_map(|key| key.retired_at).max();
    Ok(newest.is_some_and(|at| done.is_none_or(|done| done < at)) && root_key::due_compaction(conn)?.is_some())
}

/// Reads the next page of rows under `old`, opens them and seals them under the active key. `None` at the end.
pub fn prepare(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    old: i32,
    from: &Progress,
) -> Result<Option<Page>> {
    let mut from = from.clone();
    while let Some(kind) = KINDS.get(from.kind) {
        let found = kind.page(conn, means, workspace, old, &from.place, BATCH)?;
        if let Some(last) = found.last() {
            let next = Progress { kind: from.kind, place: last.place.clone() };
            return sealed_anew(conn, means, workspace, found, next).map(Some);
        }
        from = Progress { kind: from.kind + 1, place: (String::new(), 0) };
    }
    Ok(None)
}

fn sealed_anew(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    found: Vec<Sealed>,
    next: Progress,
) -> Result<Page> {
    let opening = Opening::of(conn, means, workspace)?;
    let active = opening.active.unwrap_or_default();
    let mut page = Page { kind: next.kind, key: active, rows: Vec::new(), unreadable: 0, next };
    let Some(key) = opening.key(active) else {
        page.unreadable = found.len() as u64;
        return Ok(page);
    };
    for row in found {
        match opening.open(&row.context, &row.blob) {
            Ok(plain) => {
                let blob = means.keyring.seal(key, &row.context, &plain)?;
                page.rows.push((row, blob));
            }
            Err(_) => page.unreadable += 1,
        }
    }
    Ok(page)
}

/// Stores a page: each row that is still as it was read, with its line. Nothing is stored if another key seals
/// by now. Returns how many rows were swapped.
pub fn store(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageKeys>, page: &Page) -> Result<u64> {
    allowed.begin(tx, means.now())?;
    let active = workspace_key::numbered(tx.conn(), allowed.workspace(), page.key)?;
    if active.is_none_or(|key| key.state != KeyState::Active) {
        return Ok(0);
    }
    let Some(kind) = KINDS.get(page.kind) else { return Ok(0) };
    let mut swapped = 0;
    for (row, blob) in &page.rows {
        swapped += u64::from(kind.swap(tx, means, allowed, row, blob.clone(), page.key)?);
    }
    Ok(swapped)
}

/// How many rows of a workspace are still under keys that only open.
pub fn left(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<i64> {
    retained(conn, workspace)?.into_iter().map(|key| sealed::count(conn, workspace, key)).sum()
}
