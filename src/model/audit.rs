//! The audit log: a hash chain for each workspace and one for the instance.
//!
//! A line is written in the transaction of what it tells of. `hash = SHA-256(0x00 ‖ prev_hash ‖ JCS(row))`,
//! `mac = HMAC-SHA-256(audit key, hash)`; the head of each chain is a row of its own, whose lock orders the lines.

use super::Means;
use super::bot::Bot;
use super::bot_token::BotToken;
use super::invitation::Invitation;
use super::outbox::Mail;
use super::permission::{Actor, Allowed, Permission};
use super::user::User;
use super::workspace::Workspace;
use crate::anchor::Head;
use crate::clock::At;
use crate::crypto::mac;
use crate::db::schema::{audit_events, audit_heads};
use crate::db::types::text_enum;
use crate::db::{Conn, Tx, dialect};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

/// The chain of what belongs to no workspace.
pub const INSTANCE: &str = "instance";
text_enum! {
    /// How an act ended.
    Outcome {
        /// It was done.
        Allow = "allow",
        /// It was refused.
        Deny = "deny",
        /// It failed.
        Error = "error",
    }
}

/// What an act was aimed at.
#[derive(Debug, Clone)]
pub struct Target {
    kind: &'static str,
    id: String,
}

impl Target {
    /// A credential.
    pub fn credential(id: &str) -> Self {
        Self { kind: "credential", id: id.to_owned() }
    }

    /// A bot.
    pub fn bot(id: &Id<Bot>) -> Self {
        Self { kind: "bot", id: id.to_string() }
    }

    /// A token.
    pub fn token(id: &Id<BotToken>) -> Self {
        Self { kind: "token", id: id.to_string() }
    }

    /// A person.
    pub fn user(id: &Id<User>) -> Self {
        Self { kind: "user", id: id.to_string() }
    }

    /// An invitation.
    pub fn invitation(id: &Id<Invitation>) -> Self {
        Self { kind: "invitation", id: id.to_string() }
    }

    /// A mail that was promised.
    pub fn mail(id: &Id<Mail>) -> Self {
        Self { kind: "mail", id: id.to_string() }
    }

    /// A workspace.
    pub fn workspace(id: &Id<Workspace>) -> Self {
        Self { kind: "workspace", id: id.to_string() }
    }

    /// An audit chain.
    pub fn chain(name: &str) -> Self {
        Self { kind: "chain", id: name.to_owned() }
    }

    /// The OAuth client of a workspace at a service.
    pub fn app(integration: &str, client: &str) -> Self {
        Self { kind: "app", id: format!("{integration}/{client}") }
    }

    /// The same by the id that a line has of it.
    pub(super) fn app_of(id: &str) -> Self {
        Self { kind: "app", id: id.to_owned() }
    }

    /// An address of the console that was refused.
    pub fn route(pattern: &str) -> Self {
        Self { kind: "route", id: pattern.chars().take(200).collect() }
    }

    /// The instance itself.
    pub fn instance() -> Self {
        Self { kind: "instance", id: String::new() }
    }
}

/// One line to be written. Details hold names and numbers, never values of fields.
#[derive(Debug, Clone)]
pub struct Entry {
    action: &'static str,
    target: Target,
    outcome: Outcome,
    code: String,
    details: Map<String, Value>,
}

impl Entry {
    /// Something was done.
    pub fn allow(action: &'static str, target: Target) -> Self {
        Self { action, target, outcome: Outcome::Allow, code: String::new(), details: Map::new() }
    }

    /// Something was refused, and why.
    pub fn deny(action: &'static str, target: Target, code: &str) -> Self {
        Self { outcome: Outcome::Deny, code: code.to_owned(), ..Self::allow(action, target) }
    }

    /// A reason or result code.
    pub fn code(mut self, code: &str) -> Self {
        self.code = code.to_owned();
        self
    }

    /// One more detail.
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// A stored line, as it is read back and hashed.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(crate::db::MultiBackend))]
pub struct Event {
    /// The chain it belongs to.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub seq: i64,
    /// When.
    pub at: At,
    /// The id of the request, job or command it belongs to.
    pub request_id: String,
    /// What sort of actor.
    pub actor_kind: String,
    /// Which one.
    pub actor_id: String,
    /// First characters of the hashed session key.
    pub session: String,
    /// The client's address.
    pub address: String,
    /// The client's description of itself.
    pub agent: String,
    /// What was done.
    pub action: String,
    /// What sort of target.
    pub target_kind: String,
    /// Which one.
    pub target_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub code: String,
    /// Names and numbers, as JSON.
    pub details: String,
    /// The hash of the line before.
    pub prev_hash: Vec<u8>,
    /// This line's hash.
    pub hash: Vec<u8>,
    /// Its authentication code.
    pub mac: Vec<u8>,
    /// The key that made it.
    pub mac_key: i32,
}

/// What of a line is hashed: everything but the three hashes.
#[derive(Serialize)]
pub(super) struct Hashed<'a> {
    pub(super) chain: &'a str,
    pub(super) seq: i64,
    pub(super) at: String,
    pub(super) request_id: &'a str,
    pub(super) actor_kind: &'a str,
    pub(super) actor_id: &'a str,
    pub(super) session: &'a str,
    pub(super) address: &'a str,
    pub(super) agent: &'a str,
    pub(super) action: &'a str,
    pub(super) target_kind: &'a str,
    pub(super) target_id: &'a str,
    pub(super) outcome: &'a str,
    pub(super) code: &'a str,
    pub(super) details: &'a str,
}

impl Event {
    /// The hash that this line should have behind `previous`.
    pub fn hash_after(&self, previous: &[u8; 32]) -> Result<[u8; 32]> {
        let row = Hashed {
            chain: &self.chain,
            seq: self.seq,
            at: self.at.rfc3339(),
            request_id: &self.request_id,
            actor_kind: &self.actor_kind,
            actor_id: &self.actor_id,
            session: &self.session,
            address: &self.address,
            agent: &self.agent,
            action: &self.action,
            target_kind: &self.target_kind,
            target_id: &self.target_id,
            outcome: self.outcome.as_str(),
            code: &self.code,
            details: &self.details,
        };
        mac::event_hash(previous, &row)
    }

    /// One detail as it was written.
    pub fn detail(&self, name: &str) -> Option<Value> {
        serde_json::from_str::<Map<String, Value>>(&self.details).ok()?.remove(name)
    }
}

/// Makes the head of a new chain.
pub(super) fn start(tx: &mut Tx<'_>, chain: &str) -> Result<()> {
    diesel::insert_into(audit_heads::table)
        .values((audit_heads::chain.eq(chain), audit_heads::seq.eq(0), audit_heads::hash.eq(mac::FIRST.to_vec())))
        .execute(tx.conn())?;
    Ok(())
}

/// The hash of the last line of a chain: it is another after every change of what the chain tells of.
pub(super) fn head(conn: &mut Conn, chain: &str) -> Result<Vec<u8>> {
    Ok(audit_heads::table.filter(audit_heads::chain.eq(chain)).select(audit_heads::hash).first(conn)?)
}

/// Takes the lock that orders the chain, before anything of the workspace is read for a change.
pub(super) fn lock(tx: &mut Tx<'_>, chain: &str) -> Result<()> {
    if dialect::needs_row_locks(tx.conn()) {
        diesel::update(audit_heads::table.filter(audit_heads::chain.eq(chain)))
            .set(audit_heads::seq.eq(audit_heads::seq + 0))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// Appends one line to a chain, in the caller's transaction; returns its number.
pub fn record(tx: &mut Tx<'_>, means: &Means, chain: &str, actor: &Actor, entry: Entry) -> Result<i64> {
    let (seq, prev_hash): (i64, Vec<u8>) = diesel::update(audit_heads::table.filter(audit_heads::chain.eq(chain)))
        .set(audit_heads::seq.eq(audit_heads::seq + 1))
        .returning((audit_heads::seq, audit_heads::hash))
        .get_result(tx.conn())?;
    let mut event = Event {
        chain: chain.to_owned(),
        seq,
        at: means.now(),
        request_id: actor.request_id.clone(),
        actor_kind: actor.kind.to_owned(),
        actor_id: actor.id.clone(),
        session: actor.session.clone(),
        address: actor.address.clone(),
        agent: actor.agent.clone(),
        action: entry.action.to_owned(),
        target_kind: entry.target.kind.to_owned(),
        target_id: entry.target.id,
        outcome: entry.outcome,
        code: entry.code,
        details: serde_json::to_string(&entry.details).map_err(Error::internal)?,
        prev_hash,
        hash: Vec::new(),
        mac: Vec::new(),
        mac_key: 0,
    };
    let previous = <[u8; 32]>::try_from(event.prev_hash.as_slice()).map_err(Error::internal)?;
    let hash = event.hash_after(&previous)?;
    let key = means.keyring.audit();
    event.mac = key.mac(&hash)?.to_vec();
    event.mac_key = i32::try_from(key.id()).map_err(Error::internal)?;
    event.hash = hash.to_vec();
    diesel::update(audit_heads::table.filter(audit_heads::chain.eq(chain)))
        .set(audit_heads::hash.eq(&event.hash))
        .execute(tx.conn())?;
    insert(tx, &event)?;
    tx.head(chain, Head { seq, hash });
    Ok(seq)
}

fn insert(tx: &mut Tx<'_>, event: &Event) -> Result<()> {
    diesel::insert_into(audit_events::table)
        .values((
            audit_events::chain.eq(&event.chain),
            audit_events::seq.eq(event.seq),
            audit_events::at.eq(event.at),
            audit_events::request_id.eq(&event.request_id),
            audit_events::actor_kind.eq(&event.actor_kind),
            audit_events::actor_id.eq(&event.actor_id),
            audit_events::session.eq(&event.session),
            audit_events::address.eq(&event.address),
            audit_events::agent.eq(&event.agent),
            audit_events::action.eq(&event.action),
            audit_events::target_kind.eq(&event.target_kind),
            audit_events::target_id.eq(&event.target_id),
            audit_events::outcome.eq(event.outcome),
            audit_events::code.eq(&event.code),
            audit_events::details.eq(&event.details),
            audit_events::prev_hash.eq(&event.prev_hash),
            audit_events::hash.eq(&event.hash),
            audit_events::mac.eq(&event.mac),
            audit_events::mac_key.eq(event.mac_key),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Writes down that somebody was refused `P`.
pub fn record_denied<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    actor: &Actor,
    route: &str,
) -> Result<()> {
    let entry = Entry::deny(P::NAME, Target::route(route), "role");
    record(tx, means, workspace.as_str(), actor, entry).map(|_| ())
}

/// Writes down something that a permission was held for but that changed no row of its own.
pub fn record_allowed<P: Permission>(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<P>, entry: Entry) -> Result<()> {
    record(tx, means, allowed.workspace().as_str(), allowed.actor(), entry).map(|_| ())
}

/// When the newest line of all chains was written; `None` while there is none.
pub fn newest(conn: &mut Conn) -> Result<Option<At>> {
    let at_head = audit_events::chain.eq(audit_heads::chain).and(audit_events::seq.eq(audit_heads::seq));
    Ok(audit_heads::table
        .inner_join(audit_events::table.on(at_head))
        .select(diesel::dsl::max(audit_events::at))
        .first(conn)?)
}

/// The last `limit` lines about one target, newest first.
pub fn history(conn: &mut Conn, workspace: &Id<Workspace>, target_id: &str, limit: i64) -> Result<Vec<Event>> {
    Ok(audit_events::table
        .filter(audit_events::chain.eq(workspace.as_str()).and(audit_events::target_id.eq(target_id)))
        .order(audit_events::seq.desc())
        .limit(limit)
        .select(Event::as_select())
        .load(conn)?)
}
