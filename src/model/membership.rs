//! Who belongs to a workspace, and as what.

use super::invitation::Invitation;
use super::listed::{Counts, Head, Lists};
use super::permission::{Actor, Allowed, ManageMembers, Permission, Role};
use super::support::Access;
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{audit_heads, memberships, users, workspaces};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;
use std::sync::Arc;

/// A person in a workspace that was asked for by its slug.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The workspace.
    pub workspace: Workspace,
    /// The person.
    pub user: User,
    /// Their role in it.
    pub role: Role,
}

impl Standing {
    /// Where `user` stands in the workspace `slug`: `None` for no such workspace and for strangers alike.
    pub fn find(conn: &mut Conn, slug: &str, user: &Id<User>, now: At) -> Result<Option<Self>> {
        let row: Option<(Workspace, User, Role)> = memberships::table
            .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
            .inner_join(users::table.on(users::id.eq(memberships::user_id)))
            .filter(workspaces::slug.eq(slug).and(memberships::user_id.eq(user)))
            .filter(users::disabled_at.is_null())
            .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
            .select((Workspace::as_select(), User::as_select(), memberships::role))
            .first(conn)
            .optional()?;
        Ok(row.map(|(workspace, user, role)| Self { workspace, user, role }))
    }

    /// The permission, if the role has it.
    pub fn allowed<P: Permission>(&self, actor: Actor) -> Option<Allowed<P>> {
        Allowed::person(self.workspace.id.clone(), self.user.id.clone(), self.role, actor)
    }
}

/// The switcher shows at most so many workspaces.
pub const SWITCHER: i64 = 50;

/// What a page of a workspace needs besides its own subject.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Who and where.
    pub standing: Standing,
    /// The person's workspaces.
    pub workspaces: Vec<Workspace>,
    /// How many credentials the workspace has in each status.
    pub counts: Arc<Counts>,
    /// Where the head of the workspace's chain stood before they were counted.
    pub head: Head,
    /// Who may look in as support, for an admin to see.
    pub support: Vec<Access>,
}

impl Surroundings {
    /// As [`Standing::find`], with the rest.
    pub fn find(conn: &mut Conn, lists: &Lists, slug: &str, user: &Id<User>, now: At) -> Result<Option<Self>> {
        let Some(user) = User::find(conn, user)? else { return Ok(None) };
        let open = open_to(conn, &user.id, now)?;
        Self::of(conn, lists, slug, user, open, now)
    }

    /// As [`Surroundings::of`], without the database, if all that it needs is kept.
    pub fn kept(lists: &Lists, slug: &str, user: &User, open: &[Open], now: At) -> Option<Self> {
        let Open { workspace, role, head } = open.iter().find(|open| open.workspace.slug == slug)?;
        let counts = lists.kept_counts(&workspace.id, head)?;
        let support = match role {
            Role::Admin => lists.kept_support(&workspace.id, head, now)?,
            Role::Member | Role::Support => Vec::new(),
        };
        let standing = Standing { workspace: workspace.clone(), user: user.clone(), role: *role };
        let mut workspaces: Vec<Workspace> = open.iter().map(|open| open.workspace.clone()).collect();
        workspaces.sort_by(|a, b| a.slug.cmp(&b.slug));
        Some(Self { standing, workspaces, counts, head: head.clone(), support })
    }

    /// The same for a person who was just read and has not been disabled, and the workspaces that are open to them.
    pub fn of(
        conn: &mut Conn,
        lists: &Lists,
        slug: &str,
        user: User,
        mut open: Vec<Open>,
        now: At,
    ) -> Result<Option<Self>> {
        let (standing, head) = match open.iter().find(|open| open.workspace.slug == slug) {
            Some(Open { workspace, role, head }) => {
                (Standing { workspace: workspace.clone(), user, role: *role }, head.clone())
            }
            // Who has more workspaces than the switcher shows may be in one that it does not.
            None if i64::try_from(open.len()).is_ok_and(|n| n < SWITCHER) => return Ok(None),
            None => match Standing::find(conn, slug, &user.id, now)? {
                Some(standing) => {
                    let head = Lists::head(conn, &standing.workspace.id)?;
                    (standing, head)
                }
                None => return Ok(None),
            },
        };
        open.sort_by(|a, b| a.workspace.slug.cmp(&b.workspace.slug));
        let workspaces = open.into_iter().map(|open| open.workspace).collect();
        let counts = lists.counts(conn, &standing.workspace.id, &head)?;
        let support = match standing.role {
            Role::Admin => lists.support(conn, &standing.workspace.id, &head, now)?,
            Role::Member | Role::Support => Vec::new(),
        };
        Ok(Some(Self { standing, workspaces, counts, head, support }))
    }
}

/// A workspace that is open to a person.
#[derive(Debug, Clone, Queryable)]
pub struct Open {
    /// The workspace.
    pub workspace: Workspace,
    /// Their role there.
    pub role: Role,
    /// Where the head of its chain stands.
    pub head: Head,
}

/// The workspaces open to a person, as many as the switcher shows, the oldest first, which is the order of the index.
fn open_to(conn: &mut Conn, user: &Id<User>, now: At) -> Result<Vec<Open>> {
    Ok(memberships::table
        .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
        .inner_join(audit_heads::table.on(audit_heads::chain.eq(memberships::workspace_id)))
        .filter(memberships::user_id.eq(user))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(memberships::workspace_id)
        .limit(SWITCHER)
        .select((Workspace::as_select(), memberships::role, audit_heads::hash))
        .load(conn)?)
}

/// The current role of a person in a workspace.
pub(super) fn role(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<Option<Role>> {
    Ok(memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace).and(memberships::user_id.eq(user)))
        .filter(users::disabled_at.is_null())
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select(memberships::role)
        .first(conn)
        .optional()?)
}

/// The workspaces open to a person, by name; at most `limit`.
pub fn workspaces_of(conn: &mut Conn, user: &Id<User>, now: At, limit: i64) -> Result<Vec<Workspace>> {
    Ok(memberships::table
        .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
        .filter(memberships::user_id.eq(user))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(workspaces::slug)
        .limit(limit)
        .select(Workspace::as_select())
        .load(conn)?)
}

/// The workspaces that a person is an admin of.
pub(super) fn workspaces_led_by(conn: &mut Conn, user: &Id<User>, now: At) -> Result<Vec<Workspace>> {
    Ok(memberships::table
        .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
        .filter(memberships::user_id.eq(user).and(memberships::role.eq(Role::Admin)))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .order(workspaces::slug)
        .select(Workspace::as_select())
        .load(conn)?)
}

/// Lets in whom an invitation names. Somebody whose time-limited membership is over, or who is in it already, keeps one
/// row: with the new role.
pub(super) fn admit(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    user: &Id<User>,
    invitation: &Invitation,
) -> Result<()> {
    let row = memberships::workspace_id.eq(allowed.workspace()).and(memberships::user_id.eq(user));
    let over = memberships::expires_at.is_not_null().and(memberships::expires_at.le(means.now()));
    diesel::delete(memberships::table.filter(row).filter(over)).execute(tx.conn())?;
    insert(tx, means, allowed, user, invitation.role)?;
    let entry = audit::Entry::allow("member.added", audit::Target::user(user))
        .detail("role", invitation.role.as_str())
        .detail("invitation", invitation.id.to_string());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Adds a person to a workspace; [`crate::error::Error::Conflict`] if they are in it already.
pub fn add(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageMembers>,
    user: &Id<User>,
    role: Role,
) -> Result<()> {
    insert(tx, means, allowed, user, role)?;
    let entry = audit::Entry::allow("member.added", audit::Target::user(user)).detail("role", role.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

fn insert(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageMembers>, user: &Id<User>, role: Role) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace().clone();
    let done = tx.savepoint(|tx| {
        diesel::insert_into(memberships::table)
            .values((
                memberships::workspace_id.eq(&workspace),
                memberships::user_id.eq(user),
                memberships::role.eq(role),
                memberships::reason.eq(""),
                memberships::created_at.eq(now),
            ))
            .execute(tx.conn())?;
        Ok(())
    });
    super::unique_as(done, "This person is in the workspace already.")
}
