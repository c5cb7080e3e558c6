//! What time does to credentials: statuses age, ends come near, deleted ones go for good.
//!
//! Each unit takes a small batch, moves the counts with it, and writes an audit line for each credential.

use super::count;
use super::credential::Credential;
use super::credential_change::one;
use super::permission::{Allowed, KeepHouse};
use super::status::{EXPIRING_WITHIN, GOOD_FOR, Status};
use super::version::VersionState;
use super::workspace::Workspace;
use super::workspace_settings::Settings;
use super::{Means, audit, block};
use crate::clock::At;
use crate::db::schema::{credential_versions as versions, credentials, workspaces};
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Rows of one unit.
const BATCH: i64 = 100;
/// No workspace keeps deleted credentials for a shorter time.
const KEPT_AT_LEAST: TimeDelta = TimeDelta::days(1);

/// One credential that something is due for.
pub type Due = (Id<Workspace>, Id<Credential>);

/// Working credentials without a good check for a week. As the others, outside of the workspaces in `passed`.
pub fn due_ageing(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<Due>> {
    due(conn, passed, |query| {
        let stale = means.now().plus(-GOOD_FOR);
        query
            .filter(credentials::deleted_at.is_null())
            .filter(credentials::status.eq_any([Status::Working, Status::Expiring]))
            .filter(credentials::good_at.le(stale))
    })
}

/// Working credentials whose end is near.
pub fn due_expiring(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<Due>> {
    due(conn, passed, |query| {
        let near = means.now().plus(EXPIRING_WITHIN);
        query
            .filter(credentials::deleted_at.is_null())
            .filter(credentials::status.eq(Status::Working))
            .filter(credentials::expires_at.le(near))
    })
}

/// Deleted credentials whose time is over, which each workspace decides for itself.
pub fn due_purge(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<Due>> {
    let now = means.now();
    let deleted: Vec<(Id<Workspace>, Json<Settings>, Option<At>)> = credentials::table
        .inner_join(workspaces::table.on(workspaces::id.eq(credentials::workspace_id)))
        .filter(credentials::deleted_at.le(now.plus(-KEPT_AT_LEAST)).and(workspaces::deleted_at.is_null()))
        .filter(credentials::workspace_id.ne_all(passed.to_vec()))
        .group_by((credentials::workspace_id, workspaces::settings))
        .select((credentials::workspace_id, workspaces::settings, diesel::dsl::min(credentials::deleted_at)))
        .load(conn)?;
    let due_in = deleted.into_iter().find_map(|(id, settings, oldest)| {
        let until = now.plus(-settings.0.keep_deleted());
        oldest.is_some_and(|oldest| oldest <= until).then_some((id, until))
    });
    let Some((workspace, until)) = due_in else { return Ok(Vec::new()) };
    due(conn, passed, |query| {
        query.filter(credentials::workspace_id.eq(workspace)).filter(credentials::deleted_at.le(until))
    })
}

/// Credentials that were switched off until a moment that has come.
pub fn due_resumption(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<Due>> {
    due(conn, passed, |query| {
        query.filter(credentials::deleted_at.is_null()).filter(credentials::suspended_until.le(means.now()))
    })
}

/// One credential whose staged version is due, and its service.
pub type DueVersion = (Id<Workspace>, (Id<Credential>, String));

/// Credentials with a staged version whose moment has come, and their services.
pub fn due_promotion(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<DueVersion>> {
    Ok(versions::table
        .inner_join(
            credentials::table.on(credentials::workspace_id
                .eq(versions::workspace_id)
                .and(credentials::id.eq(versions::credential_id))),
        )
        .filter(versions::promote_at.le(means.now()).and(versions::state.eq(VersionState::Staged)))
        .filter(credentials::deleted_at.is_null().and(versions::workspace_id.ne_all(passed.to_vec())))
        .order(versions::promote_at)
        .limit(BATCH)
        .select((credentials::workspace_id, (credentials::id, credentials::integration)))
        .load(conn)?)
}

/// Credentials with a version whose overlap has ended, deleted ones among them.
pub fn due_erasure(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<Due>> {
    Ok(versions::table
        .filter(versions::retire_at.le(means.now()).and(versions::sealed.is_not_null()))
        .filter(versions::state.eq(VersionState::Previous).and(versions::workspace_id.ne_all(passed.to_vec())))
        .order(versions::retire_at)
        .limit(BATCH)
        .select((versions::workspace_id, versions::credential_id))
        .load(conn)?)
}

type All<'a> = credentials::BoxedQuery<'a, crate::db::MultiBackend>;

fn due(
    conn: &mut Conn,
    passed: &[Id<Workspace>],
    narrowed: impl FnOnce(All<'static>) -> All<'static>,
) -> Result<Vec<Due>> {
    Ok(narrowed(credentials::table.into_boxed())
        .filter(credentials::workspace_id.ne_all(passed.to_vec()))
        .order((credentials::workspace_id, credentials::id))
        .limit(BATCH)
        .select((credentials::workspace_id, credentials::id))
        .load(conn)?)
}

/// Moves one credential to `to`, if what made it due still holds.
pub fn age(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<KeepHouse>,
    id: &Id<Credential>,
    to: Status,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let Some(before) = Credential::find(tx.conn(), allowed.workspace(), id)? else { return Ok(()) };
    let holds = match to {
        Status::Unverified => {
            matches!(before.status, Status::Working | Status::Expiring)
                && before.good_at.is_none_or(|good| now.since(good) >= GOOD_FOR)
        }
        Status::Expiring => {
            before.status == Status::Working && before.expires_at.is_some_and(|end| end.since(now) <= EXPIRING_WITHIN)
        }
        _ => false,
    };
    if !holds {
        return Ok(());
    }
    diesel::update(one(allowed.workspace(), id)).set(credentials::status.eq(to)).execute(tx.conn())?;
    count::shift(tx, allowed.workspace(), Some(before.status), Some(to))?;
    let entry = audit::Entry::allow("credential.aged", audit::Target::credential(id.as_str()))
        .detail("from", before.status.as_str())
        .detail("to", to.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Removes one deleted credential for good, if its time is over.
pub fn purge(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, id: &Id<Credential>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let found = match Credential::get_deleted(tx.conn(), allowed.workspace(), id) {
        Err(crate::error::Error::NotFound) => return Ok(()),
        found => found?,
    };
    let settings: Json<Settings> = workspaces::table
        .filter(workspaces::id.eq(allowed.workspace()))
        .select(workspaces::settings)
        .first(tx.conn())?;
    if found.deleted_at.is_none_or(|at| now.since(at) < settings.0.keep_deleted()) {
        return Ok(());
    }
    block::empty(tx, allowed.workspace(), id)?;
    diesel::delete(one(allowed.workspace(), id)).execute(tx.conn())?;
    let entry =
        audit::Entry::allow("credential.purged", audit::Target::credential(id.as_str())).detail("name", found.name);
    audit::record_allowed(tx, means, allowed, entry)
}
