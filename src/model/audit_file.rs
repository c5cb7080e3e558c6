//! The export of a whole chain as JSON lines: the first says whose chain it is and where it begins, then a line an
//! event with everything its hash covers, and at the end a signed checkpoint. It verifies without the database. Where
//! the beginning of the chain was pruned, the first line carries the signed summary of that.

use super::audit::{Event, Hashed};
use super::audit_summary::Summary;
use super::audit_verify::{Place, START};
use super::checkpoint::Checkpoint;
use crate::crypto::signer::PublicKey;
use crate::crypto::{hex, mac};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read};

/// The version of the form.
const FORM: u32 = 1;
/// No line of an export is longer, in bytes.
const LONGEST: u64 = 1 << 20;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Title {
    credenza_audit: u32,
    chain: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pruned: Option<String>,
}

/// A line of an event: what its hash covers, by the names it has there, and the hash in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    chain: String,
    seq: i64,
    at: String,
    request_id: String,
    actor_kind: String,
    actor_id: String,
    session: String,
    address: String,
    agent: String,
    action: String,
    target_kind: String,
    target_id: String,
    outcome: String,
    code: String,
    details: String,
    hash: String,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    checkpoint: String,
}

fn line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map(|text| text + "\n").map_err(Error::internal)
}

/// The first line of an export; with the note of what was pruned from the chain, if there is one.
pub fn title(chain: &str, pruned: Option<String>) -> Result<String> {
    line(&Title { credenza_audit: FORM, chain: chain.to_owned(), pruned })
}

/// The line of an event.
pub fn event(event: &Event) -> Result<String> {
    line(&Line {
        chain: event.chain.clone(),
        seq: event.seq,
        at: event.at.rfc3339(),
        request_id: event.request_id.clone(),
        actor_kind: event.actor_kind.clone(),
        actor_id: event.actor_id.clone(),
        session: event.session.clone(),
        address: event.address.clone(),
        agent: event.agent.clone(),
        action: event.action.clone(),
        target_kind: event.target_kind.clone(),
        target_id: event.target_id.clone(),
        outcome: event.outcome.as_str().to_owned(),
        code: event.code.clone(),
        details: event.details.clone(),
        hash: hex(&event.hash),
    })
}

/// The last line: the signed note of where the export ends.
pub fn end(note: &str) -> Result<String> {
    line(&End { checkpoint: note.to_owned() })
}

/// Where an export is broken: the first bad number (0 for what is no event), and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {0}: {1}")]
pub struct Broken(pub i64, pub &'static str);

impl Line {
    fn hash_after(&self, previous: &[u8; 32]) -> Option<[u8; 32]> {
        let row = Hashed {
            chain: &self.chain,
            seq: self.seq,
            at: self.at.clone(),
            request_id: &self.request_id,
            actor_kind: &self.actor_kind,
            actor_id: &self.actor_id,
            session: &self.session,
            address: &self.address,
            agent: &self.agent,
            action: &self.action,
            target_kind: &self.target_kind,
            target_id: &self.target_id,
            outcome: &self.outcome,
            code: &self.code,
            details: &self.details,
        };
        mac::event_hash(previous, &row).ok()
    }
}

/// What an export was proved to be.
#[derive(Debug)]
pub struct Proved {
    /// What was pruned from the beginning of the chain, if anything was.
    pub pruned: Option<Summary>,
    /// The checkpoint at the end, which says how far it goes.
    pub end: Checkpoint,
}

/// Proves an export with public keys alone.
pub fn verify(file: impl BufRead, keys: &[PublicKey]) -> std::result::Result<Proved, Broken> {
    let mut lines = Lines(file);
    let title: Title = lines.next().ok_or(Broken(0, "the file is empty"))?.and_then(|text| {
        serde_json::from_str(&text).map_err(|_| Broken(0, "the first line is not that of an audit export"))
    })?;
    if title.credenza_audit != FORM {
        return Err(Broken(0, "the export is of a later version"));
    }
    let pruned = title.pruned.as_deref().map(|note| {
        Summary::open(keys, &title.chain, note)
            .ok_or(Broken(1, "no given key signed the summary of what was pruned from the chain"))
    });
    let pruned = pruned.transpose()?;
    let mut last = pruned.as_ref().map_or(START, |summary| summary.last);
    while let Some(text) = lines.next() {
        let text = text.map_err(|broken| Broken(last.0 + 1, broken.1))?;
        if let Ok(end) = serde_json::from_str::<End>(&text) {
            return match lines.next() {
                None => finish(&title, &end, last, keys).map(|end| Proved { pruned, end }),
                Some(_) => Err(Broken(last.0 + 1, "there are lines behind the end")),
            };
        }
        last = step(&title, &text, last)?;
    }
    Err(Broken(last.0 + 1, "the end of the file is missing"))
}

fn step(title: &Title, text: &str, last: Place) -> std::result::Result<Place, Broken> {
    let broken = |why| Broken(last.0 + 1, why);
    let line: Line = serde_json::from_str(text).map_err(|_| broken("the line cannot be read"))?;
    if line.chain != title.chain {
        return Err(broken("the line is of another chain"));
    }
    if line.seq != last.0 + 1 {
        return Err(broken("a line is missing"));
    }
    let hash = line.hash_after(&last.1).ok_or(broken("the line cannot be read"))?;
    if unhex(&line.hash) != Some(hash) {
        return Err(broken("the line was changed, or does not follow the one before"));
    }
    Ok((line.seq, hash))
}

fn finish(title: &Title, end: &End, last: Place, keys: &[PublicKey]) -> std::result::Result<Checkpoint, Broken> {
    let checkpoint = Checkpoint::open(keys, &end.checkpoint)
        .ok_or(Broken(last.0, "no given key signed the checkpoint at the end"))?;
    if checkpoint.chain != title.chain {
        return Err(Broken(last.0, "the checkpoint is of another chain"));
    }
    if checkpoint.head.seq > last.0 {
        return Err(Broken(last.0 + 1, "the end of the chain is missing"));
    }
    if (checkpoint.head.seq, checkpoint.head.hash) != last {
        return Err(Broken(last.0, "the checkpoint is not that of the last event"));
    }
    Ok(checkpoint)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Lines of bounded length.
struct Lines<R>(R);

impl<R: BufRead> Iterator for Lines<R> {
    type Item = std::result::Result<String, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        match self.0.by_ref().take(LONGEST).read_until(b'\n', &mut bytes) {
            Err(_) => Some(Err(Broken(0, "the file cannot be read"))),
            Ok(0) => None,
            Ok(_) if bytes.last() != Some(&b'\n') => Some(Err(Broken(0, "the line is cut off"))),
            Ok(_) => Some(String::from_utf8(bytes).map_err(|_| Broken(0, "the line is not text"))),
        }
    }
}
