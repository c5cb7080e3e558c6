//! Signed-in sessions. Only a hash of the key is kept.

use super::listed::Head;
use super::membership::{Open, SWITCHER};
use super::permission::{Actor, Role};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit, step};
use crate::clock::At;
use crate::db::schema::{audit_heads, memberships, sessions, users, workspaces};
use crate::db::{Conn, Together, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use std::collections::HashMap;

/// A session ends after this long without a request.
pub const IDLE: TimeDelta = TimeDelta::minutes(60);
/// A session ends this long after signing in, whatever happens.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// So many sessions of a person are listed.
const LISTED: i64 = 100;
/// `seen_at` is written at most this often.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// One session.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(crate::db::MultiBackend))]
pub struct Session {
    /// SHA-256 of the key in the cookie, in hexadecimal.
    pub id: String,
    /// Whose it is.
    pub user_id: Id<User>,
    /// When it began.
    pub created_at: At,
    /// When the password was last given.
    pub auth_at: At,
    /// When it was last used, to the minute.
    pub seen_at: At,
    /// The client's address when it began.
    pub address: String,
    /// The client's description of itself.
    pub agent: String,
}

/// How long the sessions of a person last: as long as the strictest of their workspaces lets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    idle: TimeDelta,
    absolute: TimeDelta,
}

impl Lifetime {
    /// The strictest of these workspaces; the program's own limits hold in any case.
    pub fn within<'a>(workspaces: impl IntoIterator<Item = &'a Workspace>) -> Self {
        let most = Self { idle: IDLE, absolute: ABSOLUTE };
        workspaces.into_iter().fold(most, |least, workspace| Self {
            idle: least.idle.min(workspace.settings.idle()),
            absolute: least.absolute.min(workspace.settings.absolute()),
        })
    }
}

/// A session that has not ended.
#[derive(Debug, Clone)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// Its person.
    pub user: User,
    /// The workspaces that are open to them.
    pub open: Vec<Open>,
}

/// Looks the sessions of requests up: by the hash of their key, at the time of the request.
pub type Visitors = Together<(String, At), Live>;

/// Makes what looks sessions up.
pub fn visitors() -> Visitors {
    Together::new(|conn, asked| {
        let ids: Vec<String> = asked.iter().map(|(id, _)| id.clone()).collect();
        let latest = asked.iter().map(|(_, at)| *at).max().unwrap_or(At::EPOCH);
        let live = Session::live(conn, &ids, latest)?;
        Ok(asked.iter().filter_map(|one| Some((one.clone(), live.get(&one.0)?.clone()))).collect())
    })
}

/// A session to be stored.
pub struct NewSession<'a> {
    /// SHA-256 of the key in the cookie, in hexadecimal.
    pub id: &'a str,
    /// Whose it is.
    pub user_id: &'a Id<User>,
    /// When it began, before it was renewed.
    pub created_at: At,
    /// When the password was given.
    pub auth_at: At,
    /// The client's address.
    pub address: &'a str,
    /// The client's description of itself.
    pub agent: &'a str,
}

/// A session, its person, and one of their workspaces, if they have any.
type Row = (Session, User, Option<Workspace>, Option<Role>, Option<Head>);

macro_rules! rows_of {
    ($which:expr, $now:expr, $most:expr) => {{
        let valid = memberships::expires_at.is_null().or(memberships::expires_at.gt($now));
        let theirs = memberships::user_id.eq(users::id).and(valid);
        let its_workspace = workspaces::id.nullable().eq(memberships::workspace_id.nullable());
        let its_chain = audit_heads::chain.nullable().eq(memberships::workspace_id.nullable());
        sessions::table
            .inner_join(users::table.on(users::id.eq(sessions::user_id)))
            .left_join(memberships::table.on(theirs))
            .left_join(workspaces::table.on(its_workspace))
            .left_join(audit_heads::table.on(its_chain))
            .filter($which)
            .filter(users::disabled_at.is_null())
            .filter(sessions::seen_at.gt($now.plus(-IDLE)))
            .filter(sessions::created_at.gt($now.plus(-ABSOLUTE)))
            .order((sessions::id, memberships::workspace_id))
            .limit($most)
            .select((
                Session::as_select(),
                User::as_select(),
                Option::<Workspace>::as_select(),
                memberships::role.nullable(),
                audit_heads::hash.nullable(),
            ))
    }};
}

impl Session {
    /// The sessions of these key hashes, their persons, and the workspaces that are open to each, as many as the switcher
    /// shows, the oldest first; without those that have ended and people who have been disabled. One query, since every
    /// page asks it.
    pub fn live(conn: &mut Conn, ids: &[String], now: At) -> Result<HashMap<String, Live>> {
        let most = i64::try_from(ids.len()).unwrap_or(i64::MAX).saturating_mul(SWITCHER);
        let rows: Vec<Row> = match ids {
            [id] => rows_of!(sessions::id.eq(id), now, most).load(conn)?,
            ids => rows_of!(sessions::id.eq_any(ids), now, most).load(conn)?,
        };
        let overflows = ids.len() > 1 && i64::try_from(rows.len()).is_ok_and(|n| n >= most);
        if let (true, Some((some, others))) = (overflows, ids.split_at_checked(ids.len() / 2)) {
            // Somebody has more workspaces than the switcher shows, and others may be cut off behind them.
            let mut all = Self::live(conn, some, now)?;
            all.extend(Self::live(conn, others, now)?);
            return Ok(all);
        }
        let mut all: HashMap<String, Live> = HashMap::new();
        for (session, user, workspace, role, head) in rows {
            let live = all.entry(session.id.clone()).or_insert_with(|| Live { session, user, open: Vec::new() });
            if let (Some(workspace), Some(role), Some(head)) = (workspace, role, head)
                && i64::try_from(live.open.len()).is_ok_and(|n| n < SWITCHER)
            {
                live.open.push(Open { workspace, role, head });
            }
        }
        Ok(all)
    }

    /// Whether the session has lasted longer than it may.
    pub fn has_outlived(&self, lifetime: Lifetime, now: At) -> bool {
        now.since(self.seen_at) >= lifetime.idle || now.since(self.created_at) >= lifetime.absolute
    }

    /// Whether `seen_at` is old enough to be written again.
    pub fn is_stale(&self, now: At) -> bool {
        now.since(self.seen_at) >= SEEN_EVERY
    }

    /// Stores a new session.
    pub fn create(tx: &mut Tx<'_>, new: &NewSession<'_>, now: At) -> Result<()> {
        diesel::insert_into(sessions::table)
            .values((
                sessions::id.eq(new.id),
                sessions::user_id.eq(new.user_id),
                sessions::created_at.eq(new.created_at),
                sessions::auth_at.eq(new.auth_at),
                sessions::seen_at.eq(now),
                sessions::address.eq(new.address),
                sessions::agent.eq(new.agent),
                sessions::state.eq("{}"),
            ))
            .execute(tx.conn())?;
        Ok(())
    }

    /// Notes that the session was used.
    pub fn touch(tx: &mut Tx<'_>, id: &str, now: At) -> Result<()> {
        diesel::update(sessions::table.filter(sessions::id.eq(id)))
            .set(sessions::seen_at.eq(now))
            .execute(tx.conn())?;
        Ok(())
    }

    /// The sessions of a person that have not ended, the latest first.
    pub fn of(conn: &mut Conn, user: &Id<User>, now: At) -> Result<Vec<Self>> {
        Ok(sessions::table
            .filter(sessions::user_id.eq(user))
            .filter(sessions::seen_at.gt(now.plus(-IDLE)).and(sessions::created_at.gt(now.plus(-ABSOLUTE))))
            .order((sessions::seen_at.desc(), sessions::id))
            .limit(LISTED)
            .select(Self::as_select())
            .load(conn)?)
    }

    /// Ends a session.
    pub fn end(tx: &mut Tx<'_>, id: &str) -> Result<()> {
        diesel::delete(sessions::table.filter(sessions::id.eq(id))).execute(tx.conn())?;
        Ok(())
    }

    /// Ends every session of a person but the one whose id begins with `spared`, and what they have begun towards
    /// another; returns how many sessions.
    pub fn end_all_of(tx: &mut Tx<'_>, user: &Id<User>, spared: Option<&str>) -> Result<usize> {
        step::end_all_of(tx, user)?;
        let theirs = sessions::table.filter(sessions::user_id.eq(user));
        Ok(match spared.filter(|prefix| !prefix.is_empty()) {
            None => diesel::delete(theirs).execute(tx.conn())?,
            Some(prefix) => {
                let others = sessions::id.not_like(format!("{prefix}%"));
                diesel::delete(theirs.filter(others)).execute(tx.conn())?
            }
        })
    }

    /// Removes what has ended by itself; returns how many.
    pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
        let ended = sessions::seen_at.le(now.plus(-IDLE)).or(sessions::created_at.le(now.plus(-ABSOLUTE)));
        Ok(diesel::delete(sessions::table.filter(ended)).execute(tx.conn())?)
    }
}

/// Ends one of a person's own sessions, by the first characters of its id, or all but the one of now.
pub fn end_own(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, which: Option<&str>, actor: &Actor) -> Result<()> {
    let ended = match which {
        None => Session::end_all_of(tx, user, Some(&actor.session))?,
        Some(handle) => {
            let one = sessions::id.like(format!("{handle}%")).and(sessions::user_id.eq(user));
            diesel::delete(sessions::table.filter(one)).execute(tx.conn())?
        }
    };
    if ended == 0 && which.is_some() {
        return Err(Error::NotFound);
    }
    let entry = audit::Entry::allow("person.sessions_ended", audit::Target::user(user)).detail("sessions", ended);
    audit::record(tx, means, audit::INSTANCE, actor, entry).map(drop)
}
