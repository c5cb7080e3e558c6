//! Compares the credentials that are stored with what their audit lines tell: which version is in use, for each
//! version whose secret is still stored the hash of its blob and the code of its plain values, the handle, and
//! whether the credential was deleted.
//!
//! The lines and the rows are walked side by side in the order of the credentials' ids, a batch at a time.

use super::{Fault, Subject, is_unreadable};
use crate::crypto::keyring::Keyring;
use crate::crypto::token;
use crate::db::Conn;
use crate::db::schema::{audit_events as events, credential_versions as versions, credentials};
use crate::error::{Error, Result};
use crate::model::audit::{self, Event, Outcome};
use crate::model::credential::Credential;
use crate::model::sealing::digest;
use crate::model::version::{Version, VersionState};
use crate::model::workspace_deletion;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const BATCH: i64 = 500;
/// No more contradictions than this are told of one chain.
const MOST: usize = 100;

/// Acts that write a version of a credential: each line tells what a row is held against.
pub const WRITES_VERSION: [&str; 5] =
    ["credential.created", "credential.edited", "credential.rotated", "credential.connected", STAGES];
/// Writes a version that does not serve yet.
const STAGES: &str = "credential.staged";
/// Acts that bring a version that was written before into use.
const SERVES: [&str; 2] = ["credential.promoted", "credential.rolled_back"];
/// Seals a version anew under another key: its line tells the hash of the new blob, and nothing of what lies in
/// clear, which is still held against the line that wrote the version.
pub const RESEALS: &str = "credential.resealed";
/// Tells all that earlier lines told of a credential, since those are about to be pruned.
pub const CARRIES: &str = "credential.carried";
/// Acts that make a credential come and go.
const MOVES: [&str; 3] = ["credential.deleted", "credential.restored", "credential.purged"];

/// Whether an act tells something that a stored credential is held against.
pub(in crate::model) fn is_told(action: &str) -> bool {
    acts().any(|known| known == action)
}

fn acts() -> impl Iterator<Item = &'static str> {
    WRITES_VERSION.into_iter().chain([RESEALS, CARRIES]).chain(SERVES).chain(MOVES)
}

/// Every credential of a workspace that contradicts its audit lines, the first hundred of them; empty for the
/// chain of the instance. The chain itself must have been proved before.
pub fn stored(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Vec<Fault>> {
    let (mut faults, mut compared, mut told) = (Vec::new(), String::new(), Vec::new());
    if chain == audit::INSTANCE || workspace_deletion::is_told(conn, chain)? {
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
        .filter(events::action.eq_any(acts()))
        .filter(events::outcome.eq(Outcome::Allow))
        .order((events::target_id, events::seq))
        .limit(BATCH)
        .select(Event::as_select())
        .load(conn)?)
}

/// All that the lines tell of these credentials, in the order of their ids.
pub(in crate::model) fn told_of(conn: &mut Conn, chain: &str, ids: &[String]) -> Result<Vec<Told>> {
    let lines: Vec<Event> = events::table
        .filter(events::chain.eq(chain).and(events::target_kind.eq("credential")))
        .filter(events::target_id.eq_any(ids).and(events::action.eq_any(acts())))
        .filter(events::outcome.eq(Outcome::Allow))
        .order((events::target_id, events::seq))
        .select(Event::as_select())
        .load(conn)?;
    let mut told = Vec::new();
    lines.iter().for_each(|event| take_in(&mut told, event));
    Ok(told)
}

/// What the lines tell of one credential.
pub(in crate::model) struct Told {
    pub(in crate::model) credential: String,
    /// The version in use, and the line that brought it there.
    live: Option<(i64, i64)>,
    written: BTreeMap<i64, Written>,
    /// What became of it last, and by which line.
    state: State,
    seq: i64,
    handle: Option<String>,
    /// The line that told all this once more, if one did.
    pub(in crate::model) carried: Option<i64>,
}

/// What the lines tell of one version.
struct Written {
    /// The line that wrote it.
    seq: i64,
    /// The code of what lies in clear, and the key that made it.
    plain: Option<String>,
    plain_key: i32,
    /// The line that sealed it last, and the hash of what that made.
    sealed_seq: i64,
    blob: Option<String>,
}

#[derive(PartialEq, Eq)]
enum State {
    Here,
    Deleted,
    Gone,
}

/// A version as a line that carries it tells it.
#[derive(Serialize, Deserialize)]
struct Carried {
    version: i64,
    plain: Option<String>,
    plain_key: i32,
    blob: Option<String>,
}

impl Told {
    /// Whether it was removed for good: nothing that is stored is held against its lines.
    pub(in crate::model) fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    /// What a line has to tell so that the earlier ones are not needed: `stored` are the versions that are held
    /// against their lines.
    pub(in crate::model) fn details(&self, stored: &[i64]) -> Result<Map<String, Value>> {
        let live = self.live.map(|(version, _)| version);
        let versions: Vec<Carried> = self
            .written
            .iter()
            .filter(|(version, _)| Some(**version) == live || stored.contains(version))
            .map(|(version, written)| Carried {
                version: *version,
                plain: written.plain.clone(),
                plain_key: written.plain_key,
                blob: written.blob.clone(),
            })
            .collect();
        let mut details = Map::new();
        details.insert("versions".into(), serde_json::to_value(versions).map_err(Error::internal)?);
        details.insert("live".into(), live.into());
        details.insert("handle".into(), self.handle.clone().into());
        details.insert("deleted".into(), (self.state == State::Deleted).into());
        Ok(details)
    }

    /// Takes over what such a line tells, in the place of all before it.
    fn take_over(&mut self, event: &Event) {
        let seq = event.seq;
        let versions = event.detail("versions").and_then(|list| serde_json::from_value::<Vec<Carried>>(list).ok());
        let written = |one: Carried| {
            let Carried { version, plain, plain_key, blob } = one;
            (version, Written { seq, plain, plain_key, sealed_seq: seq, blob })
        };
        let is_deleted = event.detail("deleted") == Some(true.into());
        self.written = versions.unwrap_or_default().into_iter().map(written).collect();
        self.live = event.detail("live").and_then(|live| live.as_i64()).map(|live| (live, seq));
        self.state = if is_deleted { State::Deleted } else { State::Here };
        (self.seq, self.carried) = (seq, Some(seq));
    }
}

fn take_in(told: &mut Vec<Told>, event: &Event) {
    if told.last().is_none_or(|one| one.credential != event.target_id) {
        let credential = event.target_id.clone();
        told.push(Told {
            credential,
            live: None,
            written: BTreeMap::new(),
            state: State::Here,
            seq: event.seq,
            handle: None,
            carried: None,
        });
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
    if event.action == CARRIES {
        return one.take_over(event);
    }
    // A change of details alone names no version.
    let Some(number) = event.detail("version").and_then(|value| value.as_i64()) else { return };
    let text = |name: &str| event.detail(name).and_then(|value| value.as_str().map(str::to_owned));
    let written = || Written {
        seq: event.seq,
        plain: text("plain"),
        plain_key: event.mac_key,
        sealed_seq: event.seq,
        blob: text("blob"),
    };
    match event.action.as_str() {
        RESEALS => {
            if let Some(version) = one.written.get_mut(&number) {
                (version.sealed_seq, version.blob) = (event.seq, text("blob"));
            }
        }
        STAGES => drop(one.written.insert(number, written())),
        action if SERVES.contains(&action) => one.live = Some((number, event.seq)),
        _ => {
            one.live = Some((number, event.seq));
            one.written.insert(number, written());
        }
    }
}

/// A stored credential, its version in use if that is there, and the others whose secrets are still stored.
type Row = (Credential, Vec<Version>);
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
    let stored = versions::version.eq(credentials::live_version).or(versions::sealed.is_not_null());
    let found: Vec<(Credential, Option<Version>)> = credentials::table
        .left_join(
            versions::table.on(versions::workspace_id
                .eq(credentials::workspace_id)
                .and(versions::credential_id.eq(credentials::id))
                .and(stored)),
        )
        .filter(credentials::workspace_id.eq(chain).and(credentials::id.eq_any(ids)))
        .order((credentials::id, versions::version))
        .select((Credential::as_select(), Option::<Version>::as_select()))
        .load(conn)?;
    let mut rows: Vec<Row> = Vec::new();
    for (row, version) in found {
        match rows.last_mut() {
            Some((last, all)) if last.id == row.id => all.extend(version),
            _ => rows.push((row, version.into_iter().collect())),
        }
    }
    Ok(rows)
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
    let (row, versions) = match found {
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
    let Some((live, seq)) = told.live else { return Some((told.seq, "no version was ever written down")) };
    let Some(in_use) = versions.iter().find(|version| version.version == row.live_version) else {
        return Some((seq, "the version in use is missing"));
    };
    if in_use.state != VersionState::Live {
        return Some((seq, "the version in use is missing"));
    }
    if in_use.version != live {
        return Some((seq, "the version in use is not the one that was written down last"));
    }
    versions.iter().find_map(|version| differs(keyring, told, &row, version, seq))
}

/// How a version differs from the lines that wrote and sealed it.
fn differs(
    keyring: &Keyring,
    told: &Told,
    row: &Credential,
    version: &Version,
    seq: i64,
) -> Option<(i64, &'static str)> {
    if version.state == VersionState::Live && version.version != row.live_version {
        return Some((seq, "two versions are in use"));
    }
    let Some(written) = told.written.get(&version.version) else {
        return Some((seq, "it has a version that was never written down"));
    };
    if written.blob != version.sealed.as_deref().map(digest) {
        return Some((written.sealed_seq, "the sealed values are not the ones that were written down"));
    }
    let key = u32::try_from(written.plain_key).ok().and_then(|id| keyring.audit_key(id));
    let code = key.and_then(|key| version.plain_code(key, row.seal_place()).ok());
    match (&written.plain, code) {
        (Some(told), Some(found)) if token::same(told.as_bytes(), found.as_bytes()) => None,
        _ => Some((written.seq, "the plain values are not the ones that were written down")),
    }
}
