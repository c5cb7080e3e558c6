//! A workspace at a glance: what is in trouble and whom that hurts, what ends soon, and how its keys, its mail and the
//! instance's backups are. A handful of queries, each over an index, whatever the workspace holds.

use super::audit::{Event, INSTANCE, Outcome};
use super::bot::Bot;
use super::bot_token::WARN_DAYS;
use super::credential::Credential;
use super::permission::Role;
use super::status::Status;
use super::workspace::Workspace;
use super::workspace_key::{self, KeyState};
use super::{Means, outbox};
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{audit_events as events, blocks, bot_tokens as tokens, bots, credentials};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Credentials in trouble that are named.
pub const NAMED: usize = 10;
/// Rows of published bots that are read to find those.
const READ: i64 = 300;
/// Tokens and checks that are listed.
const LISTED: i64 = 8;
/// What needs somebody, the worst first.
pub const TROUBLE: [Status; 3] = [Status::Broken, Status::Unreadable, Status::Expiring];

/// A credential in trouble, and the published bots that have a block for it.
#[derive(Debug)]
pub struct Trouble {
    /// The credential.
    pub credential: Credential,
    /// The bots, by name.
    pub bots: Vec<(Id<Bot>, String)>,
}

/// A token that ends soon.
#[derive(Debug, Queryable)]
pub struct Ending {
    /// Its name.
    pub name: String,
    /// When it ends.
    pub at: At,
    /// Its bot, unless it manages the workspace.
    pub bot: Option<(Id<Bot>, String)>,
}

/// How the keys of a workspace are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// One seals, and every one opens.
    Sound(At),
    /// Older ones are still needed: what they sealed is being sealed anew.
    Rotating,
    /// So many do not open.
    Lost(usize),
}

/// What is told to whoever runs the workspace.
#[derive(Debug)]
pub struct Care {
    /// Tokens that end soon.
    pub tokens: Vec<Ending>,
    /// Mails that wait, and those that could not be sent.
    pub mail: outbox::Unsent,
}

/// All of it, as far as a role sees it.
#[derive(Debug)]
pub struct Overview {
    /// What is in trouble, what hurts published bots first.
    pub troubles: Vec<Trouble>,
    /// The last checks that people asked for; none for a role without history.
    pub checks: Option<Vec<Event>>,
    /// For an admin.
    pub care: Option<Care>,
    /// For a role that inspects.
    pub keys: Option<Keys>,
    /// When the program made a backup last, of what it can back up itself.
    pub backup: Option<At>,
}

impl Overview {
    /// Reads what a role may see.
    pub fn of(conn: &mut Conn, means: &Means, workspace: &Id<Workspace>, role: Role) -> Result<Self> {
        let now = means.now();
        let (inspects, manages) = (role.inspects(), role == Role::Admin);
        Ok(Self {
            troubles: troubles(conn, workspace)?,
            checks: inspects.then(|| checks(conn, workspace)).transpose()?,
            care: manages.then(|| care(conn, workspace, now)).transpose()?,
            keys: inspects.then(|| keys(conn, means, workspace)).transpose()?,
            backup: if inspects { backup(conn)? } else { None },
        })
    }
}

fn troubles(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<Trouble>> {
    let mut found: Vec<Trouble> = Vec::new();
    for (credential, bot, name) in hurting(conn, workspace)? {
        let (at, has_room) = (found.iter().position(|one| one.credential.id == credential.id), found.len() < NAMED);
        match at.and_then(|at| found.get_mut(at)) {
            Some(one) if one.bots.iter().any(|(known, _)| *known == bot) => {}
            Some(one) => one.bots.push((bot, name)),
            None if has_room => found.push(Trouble { credential, bots: vec![(bot, name)] }),
            None => {}
        }
    }
    for status in TROUBLE {
        if found.len() >= NAMED {
            break;
        }
        let rows: Vec<Credential> = credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_null()))
            .filter(credentials::status.eq(status))
            .order(credentials::id.desc())
            .limit(i64::try_from(NAMED * 2).unwrap_or(i64::MAX))
            .select(Credential::as_select())
            .load(conn)?;
        let room = NAMED - found.len();
        let known: Vec<Id<Credential>> = found.iter().map(|one| one.credential.id.clone()).collect();
        let others = rows.into_iter().filter(|row| !known.contains(&row.id)).take(room);
        found.extend(others.map(|credential| Trouble { credential, bots: Vec::new() }));
    }
    let rank = |one: &Trouble| TROUBLE.iter().position(|status| *status == one.credential.status);
    found.sort_by_key(|one| (one.bots.is_empty(), rank(one)));
    Ok(found)
}

/// Credentials in trouble beside each published bot with a block for them.
fn hurting(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<(Credential, Id<Bot>, String)>> {
    let of_block = bots::workspace_id.eq(blocks::workspace_id).and(bots::id.eq(blocks::bot_id));
    let chosen =
        credentials::workspace_id.eq(blocks::workspace_id).and(credentials::id.nullable().eq(blocks::credential_id));
    Ok(blocks::table
        .inner_join(bots::table.on(of_block))
        .inner_join(credentials::table.on(chosen))
        .filter(blocks::workspace_id.eq(workspace))
        .filter(bots::published_at.is_not_null().and(bots::deleted_at.is_null()))
        .filter(credentials::deleted_at.is_null().and(credentials::status.eq_any(TROUBLE)))
        .order((credentials::status, credentials::id.desc(), bots::name_key))
        .limit(READ)
        .select((Credential::as_select(), bots::id, bots::name))
        .load(conn)?)
}

/// The last checks, by whoever asked for them.
fn checks(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<Event>> {
    Ok(events::table
        .filter(events::chain.eq(workspace.as_str()).and(events::action.eq("credential.checked")))
        .order(events::seq.desc())
        .limit(LISTED)
        .select(Event::as_select())
        .load(conn)?)
}

fn care(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Care> {
    let of_token = bots::workspace_id.eq(tokens::workspace_id).and(bots::id.nullable().eq(tokens::bot_id));
    let ending = tokens::table
        .left_join(bots::table.on(of_token))
        .filter(tokens::workspace_id.eq(workspace).and(tokens::revoked_at.is_null()))
        .filter(tokens::expires_at.gt(now).and(tokens::expires_at.le(now.plus(TimeDelta::days(WARN_DAYS)))))
        .order((tokens::expires_at, tokens::id))
        .limit(LISTED)
        .select((tokens::name, tokens::expires_at, (bots::id, bots::name).nullable()));
    Ok(Care { tokens: ending.load(conn)?, mail: outbox::unsent(conn, workspace, now)? })
}

fn keys(conn: &mut Conn, means: &Means, workspace: &Id<Workspace>) -> Result<Keys> {
    let own = std::slice::from_ref(workspace);
    let (kept, open) = (workspace_key::of_all(conn, own)?, workspace_key::openable(conn, means, own)?);
    let needed = kept.iter().filter(|key| key.state != KeyState::Retired);
    let lost = needed.clone().filter(|key| !open.contains(&(workspace.clone(), key.version))).count();
    let active = kept.iter().find(|key| key.state == KeyState::Active);
    Ok(match active {
        _ if lost > 0 => Keys::Lost(lost),
        None => Keys::Lost(1),
        Some(_) if needed.count() > 1 => Keys::Rotating,
        Some(active) => Keys::Sound(active.created_at),
    })
}

fn backup(conn: &mut Conn) -> Result<Option<At>> {
    Ok(events::table
        .filter(events::chain.eq(INSTANCE).and(events::action.eq("instance.backed_up")))
        .filter(events::outcome.eq(Outcome::Allow))
        .order(events::seq.desc())
        .select(events::at)
        .first(conn)
        .optional()?)
}
