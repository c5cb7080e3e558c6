//! Proves a chain: numbers without gaps, hashes that follow, authentication codes that fit, and stored
//! credentials ([`stored`]), tokens and OAuth clients ([`consents`]) that are what the lines tell.

mod consents;
mod stored;

pub use consents::{CARRIES_APP, RESEALS_APP, RESEALS_GRANT, consents};
pub use stored::{CARRIES, RESEALS, WRITES_VERSION, stored};

pub(super) use consents::{APPS, GRANTS, SAVES_APP, last_lines_of, plain_key};
pub(super) use stored::{is_told, told_of};

use super::audit::Event;
use super::audit_summary;
use crate::crypto::keyring::Keyring;
use crate::crypto::{mac, token};
use crate::db::Conn;
use crate::db::schema::{audit_events, audit_heads};
use crate::error::{Error, Result};
use diesel::prelude::*;
use std::fmt;

const BATCH: i64 = 1000;
/// What verifying a chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Sound up to this number.
    Sound(i64),
    /// Broken: where the chain itself is first, or everything stored that contradicts a sound one.
    Broken(Vec<Fault>),
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bad number: one past the last line for a missing tail, the line that a stored credential
    /// contradicts, 0 for a credential that no line tells of.
    pub seq: i64,
    /// What contradicts its lines; none where the chain itself is broken.
    pub what: Option<Subject>,
    /// What is wrong.
    pub why: &'static str,
}

/// Something stored that audit lines tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A credential or its tokens, by its id.
    Credential(String),
    /// An OAuth client of the workspace: the service and the name of the client there.
    Client(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(id) => write!(f, "credential {id}"),
            Self::Client(id) => write!(f, "OAuth client {id}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            None => write!(f, "event {}: {}", self.seq, self.why),
            Some(what) => write!(f, "event {}: {what}: {}", self.seq, self.why),
        }
    }
}

/// The names of the chains, in batches behind `after`.
pub fn chains(conn: &mut Conn, after: &str) -> Result<Vec<String>> {
    Ok(audit_heads::table
        .filter(audit_heads::chain.gt(after))
        .order(audit_heads::chain)
        .limit(BATCH)
        .select(audit_heads::chain)
        .load(conn)?)
}

/// Whether there is a chain of this name.
pub fn is_chain(conn: &mut Conn, chain: &str) -> Result<bool> {
    let head = audit_heads::table.filter(audit_heads::chain.eq(chain)).select(audit_heads::seq);
    Ok(diesel::select(diesel::dsl::exists(head)).get_result(conn)?)
}

/// A place in a chain that was proved: the number of its line and that line's hash.
pub type Place = (i64, [u8; 32]);

/// The place before the first line.
pub const START: Place = (0, mac::FIRST);

/// The end of a chain as its head tells it; none where a head cannot be.
pub fn end(conn: &mut Conn, chain: &str) -> Result<Option<Place>> {
    let (seq, hash): (i64, Vec<u8>) = audit_heads::table
        .filter(audit_heads::chain.eq(chain))
        .select((audit_heads::seq, audit_heads::hash))
        .first(conn)?;
    Ok(hash.try_into().ok().map(|hash| (seq, hash)))
}

/// Verifies one chain from its first line to its head, then the credentials it tells of. The first line is the one
/// behind what was pruned, as the signed summary has it.
pub fn chain(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Verdict> {
    let Some(end) = end(conn, chain)? else { return broken(0, "the head of the chain cannot be read") };
    loop {
        let begin = match audit_summary::begin(conn, keyring, chain)? {
            Ok(begin) => begin,
            Err(fault) => return Ok(Verdict::Broken(vec![fault])),
        };
        match walk(conn, keyring, chain, begin, end, i64::MAX)? {
            Ok(_) => break,
            // Its beginning was pruned meanwhile: once more, from where it begins now.
            Err(_) if audit_summary::is_beyond(conn, keyring, chain, begin)? => {}
            Err(fault) => return Ok(Verdict::Broken(vec![fault])),
        }
    }
    let mut contradicted = stored(conn, keyring, chain)?;
    contradicted.extend(consents(conn, keyring, chain)?);
    Ok(if contradicted.is_empty() { Verdict::Sound(end.0) } else { Verdict::Broken(contradicted) })
}

/// Proves a chain from behind a place that was proved before, for about `most` lines or to its end. Where it gets
/// to the end, the head must be that of the last line and nothing may lie beyond.
pub fn walk(
    conn: &mut Conn,
    keyring: &Keyring,
    chain: &str,
    from: Place,
    end: Place,
    most: i64,
) -> Result<std::result::Result<Place, Fault>> {
    let fault = |seq, why| Ok(Err(Fault { seq, what: None, why }));
    let mut last = from;
    while last.0 < end.0 && last.0 - from.0 < most {
        let batch = match lines(conn, chain, last.0, end.0, BATCH) {
            Err(error) if is_unreadable(&error) => match lines(conn, chain, last.0, end.0, 1) {
                Err(error) if is_unreadable(&error) => return fault(last.0 + 1, "the line cannot be read"),
                one => one?,
            },
            batch => batch?,
        };
        if batch.is_empty() {
            return fault(last.0 + 1, "the end of the chain is missing");
        }
        match follow(keyring, last, &batch)? {
            Ok(place) => last = place,
            Err(fault) => return Ok(Err(fault)),
        }
    }
    if last.0 < end.0 {
        return Ok(Ok(last));
    }
    if last.0 > end.0 {
        return fault(end.0 + 1, "the head of the chain was set back");
    }
    if !token::same(&last.1, &end.1) {
        return fault(last.0, "the head of the chain does not match its last line");
    }
    if is_longer(conn, chain, end.0)? {
        return fault(end.0 + 1, "there are lines beyond the head of the chain");
    }
    Ok(Ok(last))
}

/// Proves lines that lie behind a place that was proved; the place of the last of them.
pub(super) fn follow(keyring: &Keyring, from: Place, lines: &[Event]) -> Result<std::result::Result<Place, Fault>> {
    let mut last = from;
    for event in lines {
        match step(keyring, last, event)? {
            Ok(hash) => last = (event.seq, hash),
            Err(why) => return Ok(Err(Fault { seq: last.0 + 1, what: None, why })),
        }
    }
    Ok(Ok(last))
}

/// Whether lines lie beyond the head, asked for in one query with the head, which may have moved on meanwhile.
fn is_longer(conn: &mut Conn, chain: &str, seen: i64) -> Result<bool> {
    let beyond: i64 = audit_events::table
        .inner_join(audit_heads::table.on(audit_heads::chain.eq(audit_events::chain)))
        .filter(audit_events::chain.eq(chain).and(audit_events::seq.gt(seen)))
        .filter(audit_events::seq.gt(audit_heads::seq))
        .count()
        .get_result(conn)?;
    Ok(beyond > 0)
}

fn broken(seq: i64, why: &'static str) -> Result<Verdict> {
    Ok(Verdict::Broken(vec![Fault { seq, what: None, why }]))
}

/// The lines behind the one of the number `after`, up to that of `head`; at most `limit`.
pub(super) fn lines(conn: &mut Conn, chain: &str, after: i64, head: i64, limit: i64) -> Result<Vec<Event>> {
    Ok(audit_events::table
        .filter(audit_events::chain.eq(chain).and(audit_events::seq.gt(after)))
        .filter(audit_events::seq.le(head))
        .order(audit_events::seq)
        .limit(limit)
        .select(Event::as_select())
        .load(conn)?)
}

/// Whether a stored value is none that its column can have.
fn is_unreadable(error: &Error) -> bool {
    matches!(error, Error::Database(diesel::result::Error::DeserializationError(_)))
}

fn step(
    keyring: &Keyring,
    last: (i64, [u8; 32]),
    event: &Event,
) -> Result<std::result::Result<[u8; 32], &'static str>> {
    if event.seq != last.0 + 1 {
        return Ok(Err("a line is missing"));
    }
    if !token::same(&event.prev_hash, &last.1) {
        return Ok(Err("the line does not follow the one before"));
    }
    let hash = event.hash_after(&last.1)?;
    if !token::same(&event.hash, &hash) {
        return Ok(Err("the line was changed"));
    }
    let key = u32::try_from(event.mac_key).ok().and_then(|id| keyring.audit_key(id));
    match key {
        Some(key) if key.verify(&hash, &event.mac) => Ok(Ok(hash)),
        Some(_) => Ok(Err("the authentication code does not fit")),
        None => Ok(Err("the key of the authentication code is unknown")),
    }
}
