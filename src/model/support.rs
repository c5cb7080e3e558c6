//! Support access that the customer sees: an admin lets somebody look in for a reason and a time; each of their views
//! is a line of that workspace's audit, and it ends by itself.

use super::permission::{Actor, Allowed, KeepHouse, ManageMembers, ManageSupport, Role};
use super::user::{User, email_key};
use super::workspace::Workspace;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{memberships, users, workspaces};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use std::ops::RangeInclusive;

/// The hours for which somebody may be let in.
pub const HOURS: RangeInclusive<i64> = 1..=720;
/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 200;
/// Grants that are shown at once.
const SHOWN: i64 = 50;

/// Somebody who may look in.
#[derive(Debug, Clone, Queryable)]
pub struct Access {
    /// Their id.
    pub user: Id<User>,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Why; empty where the operator gave none.
    pub reason: String,
    /// Until when; none where the operator set no end.
    pub until: Option<At>,
}

/// Everybody who may look into a workspace as support, at most fifty.
pub fn open(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Vec<Access>> {
    Ok(memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(memberships::role.eq(Role::Support)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(memberships::user_id)
        .limit(SHOWN)
        .select((memberships::user_id, users::name, users::email, memberships::reason, memberships::expires_at))
        .load(conn)?)
}

/// A workspace that is open to a support person, the reason and the end.
pub type Open = (Workspace, String, Option<At>);

/// The workspaces open to somebody as support.
pub fn open_to(conn: &mut Conn, user: &Id<User>, now: At) -> Result<Vec<Open>> {
    Ok(memberships::table
        .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
        .filter(memberships::user_id.eq(user).and(memberships::role.eq(Role::Support)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(memberships::workspace_id)
        .limit(SHOWN)
        .select((Workspace::as_select(), memberships::reason, memberships::expires_at))
        .load(conn)?)
}

/// A reason, trimmed, on one line; [`Error::Unprocessable`] for none and for one that is too long.
pub fn checked_reason(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_REASON || text.chars().any(char::is_control) {
        return Err(Error::Unprocessable(format!("Give the reason in 1 to {LONGEST_REASON} characters, on one line.")));
    }
    Ok(text.to_owned())
}

/// Lets the person of an address look in for so many hours.
///
/// # Errors
/// [`Error::Unprocessable`] for a reason, hours or an address that will not do, [`Error::Conflict`] for somebody who
/// is in the workspace already.
pub fn grant(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageSupport>,
    email: &str,
    reason: &str,
    hours: i64,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let reason = checked_reason(reason)?;
    if !HOURS.contains(&hours) {
        return Err(Error::Unprocessable("Support can be let in for 1 to 720 hours.".into()));
    }
    let found: Option<Id<User>> = users::table
        .filter(users::email_key.eq(email_key(email)).and(users::disabled_at.is_null()))
        .select(users::id)
        .first(tx.conn())
        .optional()?;
    let user = found.ok_or_else(|| {
        Error::Unprocessable("Nobody signs in here with this address. Ask the person for the one they use.".into())
    })?;
    let of_user = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(&user));
    // One whose time is over may still be there until the job comes by.
    diesel::delete(memberships::table.filter(of_user).filter(memberships::expires_at.le(now))).execute(tx.conn())?;
    let until = now.plus(TimeDelta::hours(hours));
    let done = tx.savepoint(|tx| {
        diesel::insert_into(memberships::table)
            .values((
                memberships::workspace_id.eq(allowed.workspace()),
                memberships::user_id.eq(&user),
                memberships::role.eq(Role::Support),
                memberships::reason.eq(&reason),
                memberships::expires_at.eq(Some(until)),
                memberships::created_at.eq(now),
            ))
            .execute(tx.conn())?;
        Ok(())
    });
    super::unique_as(done, "This person is in the workspace already.")?;
    granted(tx, means, allowed.workspace(), allowed.actor(), (&user, &reason, Some(until)))
}

/// Gives somebody whom the operator has just added as support a reason and an end.
pub fn set_terms(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    user: &Id<User>,
    reason: &str,
    until: Option<At>,
) -> Result<()> {
    let is_them = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    diesel::update(memberships::table.filter(is_them).filter(memberships::role.eq(Role::Support)))
        .set((memberships::reason.eq(reason), memberships::expires_at.eq(until)))
        .execute(tx.conn())?;
    granted(tx, means, allowed.workspace(), allowed.actor(), (user, reason, until))
}

fn granted(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    actor: &Actor,
    (user, reason, until): (&Id<User>, &str, Option<At>),
) -> Result<()> {
    let until = until.map_or_else(|| "it is ended".to_owned(), |at| at.utc().format("%Y-%m-%d %H:%M UTC").to_string());
    let entry = audit::Entry::allow("support.granted", audit::Target::user(user))
        .detail("reason", reason)
        .detail("until", until);
    audit::record(tx, means, workspace.as_str(), actor, entry).map(|_| ())
}

/// Ends somebody's access at once; [`Error::NotFound`] if they have none.
pub fn end(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageSupport>, user: &Id<User>) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let is_them = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    let ended = diesel::delete(memberships::table.filter(is_them).filter(memberships::role.eq(Role::Support)))
        .execute(tx.conn())?;
    if ended == 0 {
        return Err(Error::NotFound);
    }
    audit::record_allowed(tx, means, allowed, audit::Entry::allow("support.ended", audit::Target::user(user)))
}

/// Support access whose time is over, outside of the workspaces in `passed`.
pub fn due_expired(conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, Id<User>)>> {
    Ok(memberships::table
        .filter(memberships::expires_at.le(means.now()).and(memberships::role.eq(Role::Support)))
        .filter(memberships::workspace_id.ne_all(passed.to_vec()))
        .order((memberships::workspace_id, memberships::user_id))
        .limit(SHOWN)
        .select((memberships::workspace_id, memberships::user_id))
        .load(conn)?)
}

/// Removes one access whose time is over, which nobody has felt since, and writes that down.
pub fn expire(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, user: &Id<User>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let is_them = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    let ended = diesel::delete(memberships::table.filter(is_them).filter(memberships::expires_at.le(now)))
        .execute(tx.conn())?;
    if ended == 0 {
        return Ok(());
    }
    audit::record_allowed(tx, means, allowed, audit::Entry::allow("support.expired", audit::Target::user(user)))
}

/// Writes down what a support person is about to be shown.
pub fn viewed(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    actor: &Actor,
    target: audit::Target,
) -> Result<()> {
    audit::record(tx, means, workspace.as_str(), actor, audit::Entry::allow("support.viewed", target)).map(|_| ())
}
