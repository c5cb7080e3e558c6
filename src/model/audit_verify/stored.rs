//! Compares the credentials that are stored with what their audit lines tell: one line a credential says which
//! version is live, the hash of its blob, the code of its plain values, its handle, and whether it was deleted.
//!
//! The lines and the rows are walked side by side in the order of the credentials' ids, a batch at a time.

use super::{Fault, Subject, is_unreadable};
use crate::crypto::keyring::Keyring;
use crate::crypto::token;
use crate::db::Conn;
use crate::db::schema::{audit_events as events, credential_versions as versions, credentials};
use crate::error::Result;
use crate::model::audit::{self, Event, Outcome};
use crate::model::credential::Credential;
use crate::model::sealing::digest;
use crate::model::version::{Version, VersionState};
use diesel::prelude::*;
use std::collections::BTreeMap;

const BATCH: i64 = 500;
/// No more contradictions than this are told of one chain.
const MOST: usize = 100;

/// Acts that write a version of a credential: each line tells what a row is held against.
pub const WRITES_VERSION: [&str; 4] =
    ["credential.created", "credential.edited", "credential.rotated", "credential.connected"];
/// Seals a version anew under another key: its line tells the hash of the new blob, and nothing of what lies in
/// clear, which is still held against the line that wrote the version.
pub const RESEALS: &str = "credential.resealed";
/// Acts that make a credential come and go.
const MOVES: [&str; 3] = ["credential.deleted", "credential.restored", "credential.purged"];

/// Every credential of a workspace that contradicts its audit lines, the first hundred of them; empty for the
/// chain of the instance. The chain itself must have been proved before.
pub fn stored(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Vec<Fault>> {
    let (mut faults, mut compared, mut told) = (Vec::new(), String::new(), Vec::new());
    if chain == audit::INSTANCE {
        return Ok(faults);
    }
    let mut after = (String::new(), 0);
    loop {
        let batch = lines(conn, chain, &after)?;
        let is_last = batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        if let Some(last) = batch.last() {
            after = (last.target_id.clone(), last.seq);
        }
        batch.iter().for_each(|event| take_in(&mut told, event));
        // The credential that the batch ended with may have more lines.
        let unfinished = if is_last { None } else { told.pop() };
        let until = if is_last { None } else { told.last().map(|one: &Told| one.credential.clone()) };
        if is_last || until.is_some() {
            let rows = rows(conn, chain, &compared, until.as_deref(), told.len())?;
            compare(keyring, std::mem::take(&mut told), rows, &mut faults);
            compared = until.unwrap_or_default();
        }
        told.extend(unfinished);
        if is_last || faults.len() >= MOST {
            faults.truncate(MOST);
            return Ok(faults);
        }
    }
}

/// The lines about credentials behind a place in the order of credentials.
fn lines(conn: &mut Conn, chain: &str, after: &(String, i64)) -> Result<Vec<Event>> {
    Ok(events::table
        .filter(events::chain.eq(chain).and(events::target_kind.eq("credential")))
        .filter(events::target_id.gt(&after.0).or(events::target_id.eq(&after.0).and(events::seq.gt(after.1))))
        .filter(events::action.eq_any(WRITES_VERSION.into_iter().chain([RESEALS]).chain(MOVES)))
        .filter(events::outcome.eq(Outcome::Allow))
        .order((events::target_id, events::seq))
        .limit(BATCH)
        .select(Event::as_select())
        .load(conn)?)
}

/// What the lines tell of one credential.
struct Told {
    credential: String,
    /// The line that wrote the version in use.
    written: Option<Event>,
    /// The line that sealed that version anew last, if one did.
    resealed: Option<Event>,
    /// What became of it last, and by which line.
    state: State,
    seq: i64,
    handle: Option<String>,
}

#[derive(PartialEq, Eq)]
enum State {
    Here,
    Deleted,
    Gone,
}

fn take_in(told: &mut Vec<Told>, event: &Event) {
    if told.last().is_none_or(|one| one.credential != event.target_id) {
        let credential = event.target_id.clone();
        told.push(Told { credential, written: None, resealed: None, state: State::Here, seq: event.seq, handle: None });
    }
    let Some(one) = told.last_mut() else { return };
    match event.action.as_str() {
        "credential.deleted" => (one.state, one.seq) = (State::Deleted, event.seq),
        "credential.restored" => (one.state, one.seq) = (State::Here, event.seq),
        "credential.purged" => (one.state, one.seq) = (State::Gone, event.seq),
        _ => {}
    }
    if let Some(handle) = event.detail("handle") {
        one.handle = handle.as_str().map(str::to_owned);
    }
    let number = event.detail("version");
    if event.action == RESEALS {
        if one.written.as_ref().is_some_and(|line| line.detail("version") == number) {
            one.resealed = Some(event.clone());
        }
    } else if number.is_some() {
        // A change of details alone writes no version.
        (one.written, one.resealed) = (Some(event.clone()), None);
    }
}

/// A stored credential and its version in use, if that is there.
type Row = (Credential, Option<Version>);
/// By id; none where a column holds what it cannot hold.
type Rows = BTreeMap<String, Option<Row>>;

/// The rows behind `after` up to `until`: not many more than `wanted`, since the rest was never written down.
fn rows(conn: &mut Conn, chain: &str, after: &str, until: Option<&str>, wanted: usize) -> Result<Rows> {
    let mut query =
        credentials::table.filter(credentials::workspace_id.eq(chain).and(credentials::id.gt(after))).into_boxed();
    if let Some(until) = until {
        query = query.filter(credentials::id.le(until));
    }
    let limit = i64::try_from(wanted + MOST).unwrap_or(i64::MAX);
    let ids: Vec<String> = query.order(credentials::id).limit(limit).select(credentials::id).load(conn)?;
    match load(conn, chain, &ids) {
        Err(error) if is_unreadable(&error) => ids.into_iter().map(|id| one_row(conn, chain, id)).collect(),
        rows => Ok(rows?.into_iter().map(|row| (row.0.id.to_string(), Some(row))).collect()),
    }
}

fn load(conn: &mut Conn, chain: &str, ids: &[String]) -> Result<Vec<Row>> {
    Ok(credentials::table
        .left_join(
            versions::table.on(versions::workspace_id
                .eq(credentials::workspace_id)
                .and(versions::credential_id.eq(credentials::id))
                .and(versions::version.eq(credentials::live_version))),
        )
        .filter(credentials::workspace_id.eq(chain).and(credentials::id.eq_any(ids)))
        .select((Credential::as_select(), Option::<Version>::as_select()))
        .load(conn)?)
}

fn one_row(conn: &mut Conn, chain: &str, id: String) -> Result<(String, Option<Row>)> {
    match load(conn, chain, std::slice::from_ref(&id)) {
        Err(error) if is_unreadable(&error) => Ok((id, None)),
        rows => Ok((id, rows?.pop())),
    }
}

fn compare(keyring: &Keyring, told: Vec<Told>, mut rows: Rows, faults: &mut Vec<Fault>) {
    let found: Vec<(Told, Option<Option<Row>>)> =
        told.into_iter().map(|one| (rows.remove(&one.credential), one)).map(|(row, one)| (one, row)).collect();
    let fault = |seq, id, why| Fault { seq, what: Some(Subject::Credential(id)), why };
    // First: of more rows than were asked for, those of the last lines may be among the ones not loaded.
    faults.extend(rows.into_keys().map(|id| fault(0, id, "it was never written down")));
    for (one, row) in found {
        if let Some((seq, why)) = contradiction(keyring, &one, row) {
            faults.push(fault(seq, one.credential, why));
        }
    }
}

fn contradiction(keyring: &Keyring, told: &Told, found: Option<Option<Row>>) -> Option<(i64, &'static str)> {
    let (row, version) = match found {
        None if told.state == State::Gone => return None,
        None => return Some((told.seq, "it is missing, and nobody removed it")),
        Some(None) => return Some((told.seq, "it cannot be read")),
        Some(Some(row)) => row,
    };
    match (&told.state, row.deleted_at.is_some()) {
        (State::Gone, _) => return Some((told.seq, "it was removed for good, and is there again")),
        (State::Deleted, false) => return Some((told.seq, "it was deleted, and nobody restored it")),
        (State::Here, true) => return Some((told.seq, "it is among the deleted ones, and nobody deleted it")),
        _ => {}
    }
    if told.handle.as_ref() != Some(&row.handle) {
        return Some((told.seq, "its handle is not the one it was given"));
    }
    let Some(line) = &told.written else { return Some((told.seq, "no version was ever written down")) };
    let fault = |why| Some((line.seq, why));
    let Some(version) = version.filter(|version| version.state == VersionState::Live) else {
        return fault("the version in use is missing");
    };
    let text = |name: &str| line.detail(name).and_then(|value| value.as_str().map(str::to_owned));
    if line.detail("version").and_then(|value| value.as_i64()) != Some(version.version) {
        return fault("the version in use is not the one that was written down last");
    }
    let sealing = told.resealed.as_ref().unwrap_or(line);
    let blob = sealing.detail("blob").and_then(|value| value.as_str().map(str::to_owned));
    if blob != version.sealed.as_deref().map(digest) {
        return Some((sealing.seq, "the sealed values are not the ones that were written down"));
    }
    let key = u32::try_from(line.mac_key).ok().and_then(|id| keyring.audit_key(id));
    let code = key.and_then(|key| version.plain_code(key, row.seal_place()).ok());
    match (text("plain"), code) {
        (Some(told), Some(found)) if token::same(told.as_bytes(), found.as_bytes()) => None,
        _ => fault("the plain values are not the ones that were written down"),
    }
}
