//! Proves a chain: numbers without gaps, hashes that follow, authentication codes that fit, and live
//! versions that are the ones last written down.

use super::audit::{self, Event};
use super::sealed::hex;
use crate::crypto::keyring::Keyring;
use crate::crypto::{mac, token};
use crate::db::Conn;
use crate::db::schema::{audit_events, audit_heads, credential_versions as versions};
use crate::error::{Error, Result};
use diesel::prelude::*;
use sha2::{Digest, Sha256};

const BATCH: i64 = 1000;
/// Acts that write a version, with its number and the hash of its blob.
const WRITES_VERSION: [&str; 3] = ["credential.created", "credential.edited", "credential.rotated"];

/// What verifying a chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Sound up to this number.
    Sound(i64),
    /// Broken.
    Broken(Fault),
}

/// Where a chain is broken first, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {why}")]
pub struct Fault {
    /// The first bad number; one past the last line for a missing tail.
    pub seq: i64,
    /// What is wrong with it.
    pub why: &'static str,
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

/// Verifies one chain from its first line to its head.
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
                    let why = "the line cannot be read";
                    return Ok(Verdict::Broken(Fault { seq: last.0 + 1, why }));
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
                Err(why) => return Ok(Verdict::Broken(Fault { seq: last.0 + 1, why })),
            }
        }
    }
    let fault = |seq, why| Ok(Verdict::Broken(Fault { seq, why }));
    if last.0 != head_seq {
        return fault(last.0 + 1, "the end of the chain is missing");
    }
    if !token::same(&last.1, &head_hash) {
        return fault(last.0, "the head of the chain does not match its last line");
    }
    let beyond: i64 = audit_events::table
        .filter(audit_events::chain.eq(chain).and(audit_events::seq.gt(head_seq)))
        .count()
        .get_result(conn)?;
    if beyond > 0 {
        return fault(head_seq + 1, "there are lines beyond the head of the chain");
    }
    if let Some(seq) = foreign_version(conn, chain)? {
        return fault(seq, "a stored version is not the one that was written down");
    }
    Ok(Verdict::Sound(head_seq))
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

/// The number of the line that a live version contradicts, if any does: a row put back from an older copy.
fn foreign_version(conn: &mut Conn, chain: &str) -> Result<Option<i64>> {
    if chain == audit::INSTANCE {
        return Ok(None);
    }
    let mut after = String::new();
    loop {
        let batch: Vec<(String, i64, Option<Vec<u8>>)> = versions::table
            .filter(versions::workspace_id.eq(chain).and(versions::credential_id.gt(&after)))
            .filter(versions::state.eq(super::version::VersionState::Live))
            .order(versions::credential_id)
            .limit(BATCH)
            .select((versions::credential_id, versions::version, versions::sealed))
            .load(conn)?;
        let Some((last, _, _)) = batch.last() else { return Ok(None) };
        after.clone_from(last);
        for (credential, version, sealed) in &batch {
            let written = last_written(conn, chain, credential)?;
            let blob = sealed.as_ref().map(|blob| hex(&Sha256::digest(blob)));
            match written {
                Some(event)
                    if event.detail("version").and_then(|v| v.as_i64()) == Some(*version)
                        && event.detail("blob").and_then(|b| b.as_str().map(str::to_owned)) == blob => {}
                Some(event) => return Ok(Some(event.seq)),
                None => return Ok(Some(0)),
            }
        }
    }
}

fn last_written(conn: &mut Conn, chain: &str, credential: &str) -> Result<Option<Event>> {
    let mut before = i64::MAX;
    loop {
        let batch: Vec<Event> = audit_events::table
            .filter(audit_events::chain.eq(chain).and(audit_events::target_id.eq(credential)))
            .filter(audit_events::seq.lt(before))
            .filter(audit_events::action.eq_any(WRITES_VERSION))
            .order(audit_events::seq.desc())
            .limit(20)
            .select(Event::as_select())
            .load(conn)?;
        let Some(oldest) = batch.last().map(|event| event.seq) else { return Ok(None) };
        if let Some(found) = batch.into_iter().find(|event| event.detail("blob").is_some()) {
            return Ok(Some(found));
        }
        before = oldest;
    }
}
