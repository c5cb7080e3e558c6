//! Deleting a workspace. Its people, tokens and keys go at once, so that nobody gets in and nothing of it can be opened;
//! its rows follow, a bounded number in each transaction. Its audit stays.

use super::permission::{Actor, Allowed, ManageSettings};
use super::workspace::Workspace;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{
    audit_events as events, bot_tokens as tokens, bots, credentials, invitations, memberships, oauth_flows,
    oauth_grants, outbox, workspace_keys, workspaces,
};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;

/// The word of the line that ends what a chain tells of stored things.
pub const DELETES: &str = "workspace.deleted";
/// Published bots that are named.
const NAMED: i64 = 20;
/// Credentials that go in one transaction.
const BATCH: i64 = 200;

/// What ends with a workspace.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    /// Published bots, by name: the first twenty.
    pub published: Vec<String>,
    /// All published bots.
    pub published_total: i64,
    /// Tokens that still work.
    pub tokens: i64,
    /// Credentials that are not deleted.
    pub credentials: i64,
    /// People.
    pub people: i64,
}

/// What would end with a workspace.
pub fn losses(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Losses> {
    let published = || {
        let here = bots::workspace_id.eq(workspace).and(bots::deleted_at.is_null());
        bots::table.filter(here).filter(bots::published_at.is_not_null())
    };
    Ok(Losses {
        published: published().order((bots::name_key, bots::id)).limit(NAMED).select(bots::name).load(conn)?,
        published_total: published().count().get_result(conn)?,
        tokens: tokens::table
            .filter(tokens::workspace_id.eq(workspace).and(tokens::revoked_at.is_null()))
            .filter(tokens::expires_at.gt(now))
            .count()
            .get_result(conn)?,
        credentials: super::count::all(conn, workspace)?.iter().map(|(_, n)| n).sum(),
        people: super::member::count(conn, workspace, now)?,
    })
}

/// Deletes a workspace: from here on nobody gets in, no token works, and nothing sealed can be opened.
///
/// # Errors
/// [`Error::Conflict`] if `typed` is not its name.
pub fn delete(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageSettings>, typed: &str) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let id = allowed.workspace();
    let workspace = Workspace::get(tx.conn(), id)?;
    if typed.trim() != workspace.name {
        return Err(Error::Conflict(format!("Type “{}” to delete it.", workspace.name)));
    }
    let Losses { published_total, tokens: working, credentials, people, .. } = losses(tx.conn(), id, now)?;
    let entry = audit::Entry::allow(DELETES, audit::Target::workspace(id))
        .detail("name", workspace.name)
        .detail("slug", workspace.slug)
        .detail("credentials", credentials)
        .detail("published_bots", published_total)
        .detail("tokens", working)
        .detail("people", people);
    audit::record_allowed(tx, means, allowed, entry)?;
    diesel::delete(memberships::table.filter(memberships::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(invitations::table.filter(invitations::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(tokens::table.filter(tokens::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(workspace_keys::table.filter(workspace_keys::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(oauth_flows::table.filter(oauth_flows::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(oauth_grants::table.filter(oauth_grants::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::delete(outbox::table.filter(outbox::workspace_id.eq(id))).execute(tx.conn())?;
    diesel::update(workspaces::table.filter(workspaces::id.eq(id)))
        .set(workspaces::deleted_at.eq(Some(now)))
        .execute(tx.conn())?;
    Ok(())
}

/// A deleted workspace whose rows are not all gone.
pub fn due(conn: &mut Conn) -> Result<Option<Id<Workspace>>> {
    let deleted = workspaces::table.filter(workspaces::deleted_at.is_not_null()).order(workspaces::deleted_at);
    Ok(deleted.select(workspaces::id).first(conn).optional()?)
}

/// Removes some rows of a deleted workspace; `true` once it is gone altogether, which is written down for the operator.
pub fn sweep(tx: &mut Tx<'_>, means: &Means, id: &Id<Workspace>) -> Result<bool> {
    let is_it = workspaces::id.eq(id).and(workspaces::deleted_at.is_not_null());
    let found: Option<(String, String)> =
        workspaces::table.filter(is_it).select((workspaces::slug, workspaces::name)).first(tx.conn()).optional()?;
    let Some((slug, name)) = found else { return Ok(true) };
    let some: Vec<String> = credentials::table
        .filter(credentials::workspace_id.eq(id))
        .order(credentials::id)
        .limit(BATCH)
        .select(credentials::id)
        .load(tx.conn())?;
    if !some.is_empty() {
        let these = credentials::workspace_id.eq(id).and(credentials::id.eq_any(&some));
        diesel::delete(credentials::table.filter(these)).execute(tx.conn())?;
        return Ok(false);
    }
    diesel::delete(workspaces::table.filter(workspaces::id.eq(id))).execute(tx.conn())?;
    let entry = audit::Entry::allow(DELETES, audit::Target::workspace(id)).detail("name", name).detail("slug", slug);
    audit::record(tx, means, audit::INSTANCE, &Actor::job("workspace deletion"), entry)?;
    Ok(true)
}

/// Whether a chain tells that its workspace was deleted: nothing is stored any more that its lines speak of.
pub(super) fn is_told(conn: &mut Conn, chain: &str) -> Result<bool> {
    let line = events::table
        .filter(events::chain.eq(chain).and(events::action.eq(DELETES)))
        .filter(events::outcome.eq(audit::Outcome::Allow))
        .select(events::seq);
    Ok(chain != audit::INSTANCE && diesel::select(diesel::dsl::exists(line)).get_result(conn)?)
}
