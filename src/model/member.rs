//! The people of a workspace: who they are, what they may do, and how they go.

use super::invitation;
use super::permission::{Actor, Allowed, LeaveWorkspace, ManageMembers, Permission, Role};
use super::session::Session;
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit, membership};
use crate::clock::At;
use crate::db::schema::{memberships, passkeys, users};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::dsl::exists;
use diesel::prelude::*;

/// Admins of one workspace who are told of something.
const TOLD: i64 = 50;

/// Somebody in a workspace.
#[derive(Debug, Clone, Queryable)]
pub struct Member {
    /// The person.
    pub user: User,
    /// Their address as it is compared, by which the list is ordered.
    pub email_key: String,
    /// When the operator disabled them, if ever.
    pub disabled_at: Option<At>,
    /// Whether a password alone does not sign them in.
    pub second_factor: bool,
    /// What they may do.
    pub role: Role,
    /// Since when they belong to it.
    pub since: At,
    /// When that ends by itself.
    pub until: Option<At>,
}

/// Whether the person of a row has an authenticator app or a passkey.
macro_rules! has_second_factor {
    () => {
        users::totp_sealed.is_not_null().or(exists(passkeys::table.filter(passkeys::user_id.eq(users::id))))
    };
}

/// The people of a workspace by address, `limit` at a time, behind `after`; support whose time is over is left out.
pub fn page(conn: &mut Conn, workspace: &Id<Workspace>, after: &str, now: At, limit: i64) -> Result<Vec<Member>> {
    Ok(memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(users::email_key.gt(after)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(users::email_key)
        .limit(limit)
        .select((
            User::as_select(),
            users::email_key,
            users::disabled_at,
            has_second_factor!(),
            memberships::role,
            memberships::created_at,
            memberships::expires_at,
        ))
        .load(conn)?)
}

/// How many people a workspace has.
pub fn count(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<i64> {
    Ok(memberships::table
        .filter(memberships::workspace_id.eq(workspace))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .count()
        .get_result(conn)?)
}

/// One of them; [`Error::NotFound`] for anybody else.
pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<Member> {
    memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(memberships::user_id.eq(user)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select((
            User::as_select(),
            users::email_key,
            users::disabled_at,
            has_second_factor!(),
            memberships::role,
            memberships::created_at,
            memberships::expires_at,
        ))
        .first(conn)
        .optional()?
        .ok_or(Error::NotFound)
}

/// Whether a workspace has another admin than `user` who can sign in.
pub fn has_other_admin(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<bool> {
    let others = memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(memberships::user_id.ne(user)))
        .filter(memberships::role.eq(Role::Admin).and(users::disabled_at.is_null()))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select(memberships::user_id);
    Ok(diesel::select(exists(others)).get_result(conn)?)
}

/// The admins of a workspace who can sign in, by address; fifty at most.
pub(super) fn admins(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Vec<User>> {
    Ok(memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(memberships::role.eq(Role::Admin)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .filter(users::disabled_at.is_null())
        .order(users::email_key)
        .limit(TOLD)
        .select(User::as_select())
        .load(conn)?)
}

fn keep_an_admin(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<()> {
    match has_other_admin(conn, workspace, user, now)? {
        true => Ok(()),
        false => Err(Error::Conflict(
            "This is the last admin of the workspace, and a workspace needs one. Make somebody else an admin first."
                .into(),
        )),
    }
}

/// Gives a member another role, felt by their next request. `steps_down`: and makes whoever does it a member, in the
/// same step. [`Error::Conflict`] where that would leave the workspace without an admin.
pub fn set_role(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    user: &Id<User>,
    role: Role,
    steps_down: bool,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let before = get(tx.conn(), allowed.workspace(), user, now)?;
    if before.until.is_some() {
        return Err(Error::Conflict("Access that ends by itself is changed where it was granted.".into()));
    }
    if before.role == Role::Admin && role != Role::Admin {
        keep_an_admin(tx.conn(), allowed.workspace(), user, now)?;
    }
    if before.role != role {
        put_role(tx, means, allowed, user, (before.role, role))?;
    }
    match allowed.by().filter(|own| steps_down && role == Role::Admin && *own != user) {
        None => Ok(()),
        Some(own) => put_role(tx, means, allowed, own, (Role::Admin, Role::Member)),
    }
}

/// Another role; the invitations of whoever is no admin any more end.
fn put_role(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    user: &Id<User>,
    (from, to): (Role, Role),
) -> Result<()> {
    if from == Role::Admin {
        invitation::withdraw_all_of(tx, allowed.workspace(), user, means.now())?;
    }
    let row = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    diesel::update(memberships::table.filter(row)).set(memberships::role.eq(to)).execute(tx.conn())?;
    let entry = audit::Entry::allow("member.role_changed", audit::Target::user(user))
        .detail("from", from.as_str())
        .detail("to", to.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Takes somebody out of the workspace: their sessions end, and so do the invitations they sent.
pub fn remove(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageMembers>, user: &Id<User>) -> Result<()> {
    go(tx, means, allowed, user, "member.removed")
}

/// Takes whoever asks out of the workspace.
pub fn leave(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<LeaveWorkspace>) -> Result<()> {
    let user = allowed.by().cloned().ok_or(Error::NotFound)?;
    go(tx, means, allowed, &user, "member.left")
}

fn go<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    user: &Id<User>,
    action: &'static str,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let before = get(tx.conn(), allowed.workspace(), user, now)?;
    if before.role == Role::Admin {
        keep_an_admin(tx.conn(), allowed.workspace(), user, now)?;
    }
    let row = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    diesel::delete(memberships::table.filter(row)).execute(tx.conn())?;
    invitation::withdraw_all_of(tx, allowed.workspace(), user, now)?;
    let own = allowed.by() == Some(user);
    let ended = if own { 0 } else { Session::end_all_of(tx, user, None)? };
    let entry = audit::Entry::allow(action, audit::Target::user(user))
        .detail("role", before.role.as_str())
        .detail("sessions", ended);
    audit::record_allowed(tx, means, allowed, entry)
}

/// Takes a person's access to everything away and ends their sessions and the invitations they sent, or gives the
/// access back; for the operator. [`Error::Conflict`] where a workspace would be left without an admin.
pub fn set_disabled(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, disabled: bool) -> Result<()> {
    let now = means.now();
    let led = membership::workspaces_led_by(tx.conn(), user, now)?;
    for workspace in led.iter().filter(|_| disabled) {
        audit::lock(tx, workspace.id.as_str())?;
        if !has_other_admin(tx.conn(), &workspace.id, user, now)? {
            return Err(Error::Conflict(format!(
                "This is the last admin of {}. Make somebody else an admin of it first.",
                workspace.slug
            )));
        }
    }
    User::set_disabled(tx, user, disabled.then_some(now))?;
    if disabled {
        invitation::withdraw_everywhere(tx, user, now)?;
    }
    let ended = Session::end_all_of(tx, user, None)?;
    let action = if disabled { "person.disabled" } else { "person.enabled" };
    let entry = audit::Entry::allow(action, audit::Target::user(user)).detail("sessions", ended);
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry).map(drop)
}

/// Whether somebody did something in a workspace, although they may be gone.
pub fn was_here(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>) -> Result<bool> {
    use crate::db::schema::audit_events as events;
    let about = events::table
        .filter(events::chain.eq(workspace.as_str()).and(events::target_id.eq(user.as_str())))
        .filter(events::target_kind.eq("user"))
        .select(events::seq);
    Ok(diesel::select(exists(about)).get_result(conn)?)
}
