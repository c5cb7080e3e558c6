//! Proves a chain: numbers without gaps, hashes that follow, authentication codes that fit, and stored
//! credentials that are what the lines tell ([`stored`]).

mod stored;

pub use stored::{WRITES_VERSION, stored};

use super::audit::Event;
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
    /// Broken: where the chain itself is first, or every credential that contradicts a sound one.
    Broken(Vec<Fault>),
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bad number: one past the last line for a missing tail, the line that a stored credential
    /// contradicts, 0 for a credential that no line tells of.
    pub seq: i64,
    /// The credential that contradicts its lines; none where the chain itself is broken.
    pub credential: Option<String>,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.credential {
            None => write!(f, "event {}: {}", self.seq, self.why),
            Some(id) => write!(f, "event {}: credential {id}: {}", self.seq, self.why),
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

/// Verifies one chain from its first line to its head, then the credentials it tells of.
pub fn chain(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Verdict> {
    let (head_seq, head_hash): (i64, Vec<u8>) = audit_heads::table
        .filter(audit_heads::chain.eq(chain))
        .select((audit_heads::seq, audit_heads::hash))
        .first(conn)?;
    let mut last = (0, mac::FIRST);
    loop {
        let batch = match lines(conn, chain, last.0, head_seq, BATCH) {
            Err(error) if is_unreadable(&error) => match lines(conn, chain, last.0, head_seq, 1) {
                Err(error) if is_unreadable(&error) => {
                    return broken(last.0 + 1, "the line cannot be read");
                }
                one => one?,
            },
            batch => batch?,
        };
        if batch.is_empty() {
            break;
        }
        for event in &batch {
            match step(keyring, last, event)? {
                Ok(hash) => last = (event.seq, hash),
                Err(why) => return broken(last.0 + 1, why),
            }
        }
    }
    if last.0 != head_seq {
        return broken(last.0 + 1, "the end of the chain is missing");
    }
    if !token::same(&last.1, &head_hash) {
        return broken(last.0, "the head of the chain does not match its last line");
    }
    let beyond: i64 = audit_events::table
        .filter(audit_events::chain.eq(chain).and(audit_events::seq.gt(head_seq)))
        .count()
        .get_result(conn)?;
    if beyond > 0 {
        return broken(head_seq + 1, "there are lines beyond the head of the chain");
    }
    let contradicted = stored(conn, keyring, chain)?;
    Ok(if contradicted.is_empty() { Verdict::Sound(head_seq) } else { Verdict::Broken(contradicted) })
}

fn broken(seq: i64, why: &'static str) -> Result<Verdict> {
    Ok(Verdict::Broken(vec![Fault { seq, credential: None, why }]))
}

fn lines(conn: &mut Conn, chain: &str, after: i64, head: i64, limit: i64) -> Result<Vec<Event>> {
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
