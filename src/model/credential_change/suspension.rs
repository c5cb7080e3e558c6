//! Switching a credential off for a while, and on again.

use super::{Saved, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, KeepHouse, Permission, SuspendCredential};
use crate::model::status::Status;
use crate::model::{Means, audit, count};
use diesel::prelude::*;

/// The longest suspension, in hours: a year.
pub const LONGEST_SUSPENSION_H: i64 = 366 * 24;

/// Switches a credential off until `until`, or until somebody switches it on: its values stay, and checks no longer
/// move its status. One that is off already gets the new end. A `revision` is judged if it is given.
pub fn suspend(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<SuspendCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    until: Option<At>,
) -> Result<Saved> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    let beneath = before.suspended_from.unwrap_or(before.status);
    if before.suspended_at.is_some() && before.suspended_until == until {
        return Ok(Saved::Done);
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::status.eq(Status::Suspended),
            credentials::suspended_at.eq(before.suspended_at.or(Some(now))),
            credentials::suspended_until.eq(until),
            credentials::suspended_from.eq(Some(beneath)),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), Some(Status::Suspended))?;
    let entry = audit::Entry::allow("credential.suspended", audit::Target::credential(id.as_str()))
        .detail("from", beneath.as_str())
        .detail("until", until.map(At::rfc3339));
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

/// Switches a credential on again. A `revision` is judged if it is given.
pub fn resume(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<SuspendCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let before = Credential::get(tx.conn(), allowed.workspace(), id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    switch_on(tx, means, allowed, &before)?;
    Ok(Saved::Done)
}

/// Switches a credential on again whose time is over.
pub fn resume_due(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, id: &Id<Credential>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    match Credential::find(tx.conn(), allowed.workspace(), id)? {
        Some(before) if before.suspended_until.is_some_and(|end| end <= now) => switch_on(tx, means, allowed, &before),
        _ => Ok(()),
    }
}

fn switch_on<P: Permission>(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<P>, before: &Credential) -> Result<()> {
    if before.suspended_at.is_none() {
        return Ok(());
    }
    // What was found meanwhile to be unreadable still is.
    let status = match before.status {
        Status::Suspended => before.suspended_from.unwrap_or(Status::Unverified),
        found => found,
    };
    diesel::update(one(&before.workspace_id, &before.id))
        .set((
            credentials::status.eq(status),
            credentials::suspended_at.eq(None::<At>),
            credentials::suspended_until.eq(None::<At>),
            credentials::suspended_from.eq(None::<Status>),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    count::shift(tx, &before.workspace_id, Some(before.status), Some(status))?;
    let entry = audit::Entry::allow("credential.resumed", audit::Target::credential(before.id.as_str()))
        .detail("to", status.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}
