//! Invitations: a link that lets one address into a workspace, once, within a week.

use super::permission::{Actor, Allowed, ManageMembers, Role};
use super::user::{self, User};
use super::workspace::Workspace;
use super::{Means, audit, membership};
use crate::clock::At;
use crate::crypto::token;
use crate::db::schema::{invitations, memberships, users, workspaces};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use chrono::TimeDelta;
use diesel::prelude::*;

/// An invitation is of use for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::days(7);
/// So many may be open at once in a workspace.
pub const MOST_OPEN: i64 = 200;

/// One invitation.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = invitations, check_for_backend(crate::db::MultiBackend))]
pub struct Invitation {
    /// Its id.
    pub id: Id<Invitation>,
    /// The workspace it leads into.
    pub workspace_id: Id<Workspace>,
    /// The address it was sent to.
    pub email: String,
    /// What they will be.
    pub role: Role,
    /// Who asked them.
    pub invited_by: String,
    /// When.
    pub created_at: At,
    /// Until when it can be accepted.
    pub expires_at: At,
}

/// Invitations of a workspace that were neither accepted nor withdrawn, the latest first; those whose time is over among
/// them.
pub fn open(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<Invitation>> {
    Ok(invitations::table
        .filter(invitations::workspace_id.eq(workspace))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()))
        .order(invitations::id.desc())
        .limit(MOST_OPEN)
        .select(Invitation::as_select())
        .load(conn)?)
}

/// One that is open; [`Error::NotFound`] for any other.
pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Invitation>) -> Result<Invitation> {
    invitations::table
        .filter(invitations::workspace_id.eq(workspace).and(invitations::id.eq(id)))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()))
        .select(Invitation::as_select())
        .first(conn)
        .optional()?
        .ok_or(Error::NotFound)
}

/// The invitation that a link opens now, and its workspace.
pub fn by_token(conn: &mut Conn, token: &str, now: At) -> Result<Option<(Invitation, Workspace)>> {
    Ok(invitations::table
        .inner_join(workspaces::table.on(workspaces::id.eq(invitations::workspace_id)))
        .filter(invitations::token_hash.eq(token::digest(token)))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()))
        .filter(invitations::expires_at.gt(now))
        .select((Invitation::as_select(), Workspace::as_select()))
        .first(conn)
        .optional()?)
}

/// Asks an address into the workspace. The token goes into the link and nowhere else. [`Error::Conflict`] for somebody
/// who is in it, or was asked already.
pub fn create(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    email: &str,
    role: Role,
    link: &Secret,
) -> Result<Invitation> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let email = user::checked_email(email)?;
    let key = user::email_key(&email);
    judge(tx.conn(), allowed.workspace(), &key, now)?;
    let id = Id::new();
    diesel::insert_into(invitations::table)
        .values((
            invitations::workspace_id.eq(allowed.workspace()),
            invitations::id.eq(&id),
            invitations::email_key.eq(&key),
            invitations::email.eq(&email),
            invitations::role.eq(role),
            invitations::token_hash.eq(token::digest(link.expose())),
            invitations::invited_by.eq(&allowed.actor().id),
            invitations::created_at.eq(now),
            invitations::expires_at.eq(now.plus(GOOD_FOR)),
        ))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("invitation.sent", audit::Target::invitation(&id))
        .detail("email", email)
        .detail("role", role.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    get(tx.conn(), allowed.workspace(), &id)
}

fn judge(conn: &mut Conn, workspace: &Id<Workspace>, email_key: &str, now: At) -> Result<()> {
    let members = memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(users::email_key.eq(email_key)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select(memberships::user_id);
    if diesel::select(diesel::dsl::exists(members)).get_result(conn)? {
        return Err(Error::Conflict("This person is in the workspace already.".into()));
    }
    let open = invitations::table
        .filter(invitations::workspace_id.eq(workspace))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()))
        .select(invitations::email_key)
        .limit(MOST_OPEN);
    let open: Vec<String> = open.load(conn)?;
    if open.iter().any(|key| key == email_key) {
        return Err(Error::Conflict("This address was invited already. Send that invitation again instead.".into()));
    }
    if i64::try_from(open.len()).is_ok_and(|n| n >= MOST_OPEN) {
        return Err(Error::Conflict(format!("{MOST_OPEN} invitations are open. Withdraw some before you send more.")));
    }
    Ok(())
}

/// Gives an open invitation another link, good for another week; the old one opens nothing any more.
pub fn renew(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    id: &Id<Invitation>,
    link: &Secret,
) -> Result<Invitation> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let found = get(tx.conn(), allowed.workspace(), id)?;
    let row = invitations::workspace_id.eq(allowed.workspace()).and(invitations::id.eq(id));
    diesel::update(invitations::table.filter(row))
        .set((invitations::token_hash.eq(token::digest(link.expose())), invitations::expires_at.eq(now.plus(GOOD_FOR))))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("invitation.sent_again", audit::Target::invitation(id))
        .detail("email", found.email.clone())
        .detail("role", found.role.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(found)
}

/// Takes an open invitation back.
pub fn withdraw(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageMembers>, id: &Id<Invitation>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let found = get(tx.conn(), allowed.workspace(), id)?;
    let row = invitations::workspace_id.eq(allowed.workspace()).and(invitations::id.eq(id));
    diesel::update(invitations::table.filter(row)).set(invitations::withdrawn_at.eq(Some(now))).execute(tx.conn())?;
    let entry = audit::Entry::allow("invitation.withdrawn", audit::Target::invitation(id)).detail("email", found.email);
    audit::record_allowed(tx, means, allowed, entry)
}

/// Takes back every open invitation that somebody sent: they may not any more.
pub(super) fn withdraw_all_of(tx: &mut Tx<'_>, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<()> {
    let open = invitations::table
        .filter(invitations::workspace_id.eq(workspace).and(invitations::invited_by.eq(user.as_str())))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()));
    diesel::update(open).set(invitations::withdrawn_at.eq(Some(now))).execute(tx.conn())?;
    Ok(())
}

/// Takes back every open invitation that somebody sent, into whichever workspace.
pub(super) fn withdraw_everywhere(tx: &mut Tx<'_>, user: &Id<User>, now: At) -> Result<()> {
    let open = invitations::table
        .filter(invitations::invited_by.eq(user.as_str()))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()));
    diesel::update(open).set(invitations::withdrawn_at.eq(Some(now))).execute(tx.conn())?;
    Ok(())
}

/// Takes back every open invitation of every workspace; how many.
pub(super) fn withdraw_all(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    let open = invitations::table.filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()));
    Ok(diesel::update(open).set(invitations::withdrawn_at.eq(Some(now))).execute(tx.conn())?)
}

/// Who accepts.
pub enum Guest<'a> {
    /// Somebody who is known, and whose address it was sent to.
    Known(&'a Id<User>),
    /// Somebody new, with a name and the hash of a password.
    New {
        /// What they are called.
        name: &'a str,
        /// The PHC string of their password.
        password_hash: &'a str,
    },
}

/// Lets somebody in. It works once: whoever comes second gets [`Error::Conflict`].
pub fn accept(tx: &mut Tx<'_>, means: &Means, token: &str, guest: &Guest<'_>, actor: &Actor) -> Result<Id<User>> {
    let now = means.now();
    let hash = token::digest(token);
    let workspace: Option<Id<Workspace>> = invitations::table
        .filter(invitations::token_hash.eq(&hash))
        .select(invitations::workspace_id)
        .first(tx.conn())
        .optional()?;
    let workspace = workspace.ok_or(Error::NotFound)?;
    audit::lock(tx, workspace.as_str())?;
    let open = invitations::table
        .filter(invitations::token_hash.eq(&hash).and(invitations::expires_at.gt(now)))
        .filter(invitations::accepted_at.is_null().and(invitations::withdrawn_at.is_null()));
    let found: Option<Invitation> = open.select(Invitation::as_select()).first(tx.conn()).optional()?;
    let found =
        found.ok_or_else(|| Error::Conflict("This invitation was accepted or withdrawn a moment ago.".into()))?;
    let user = match guest {
        Guest::Known(user) => {
            let person = User::find(tx.conn(), user)?.ok_or(Error::SignInNeeded)?;
            if user::email_key(&person.email) != user::email_key(&found.email) {
                return Err(Error::Forbidden);
            }
            (*user).clone()
        }
        Guest::New { name, password_hash } => {
            let user = User::create(tx, &found.email, password_hash, now)?;
            User::set_name(tx, &user, name)?;
            user
        }
    };
    let row = invitations::workspace_id.eq(&workspace).and(invitations::id.eq(&found.id));
    diesel::update(invitations::table.filter(row)).set(invitations::accepted_at.eq(Some(now))).execute(tx.conn())?;
    let actor = Actor { kind: "person", id: user.to_string(), ..actor.clone() };
    membership::admit(tx, means, &Allowed::invited(workspace, actor), &user, &found)?;
    Ok(user)
}
