//! Compares the tokens and the OAuth clients that are stored with what their last audit lines tell.

use super::stored::CARRIES;
use super::{Fault, Subject, is_unreadable};
use crate::crypto::keyring::Keyring;
use crate::crypto::token;
use crate::db::Conn;
use crate::db::schema::{audit_events as events, oauth_apps as apps, oauth_grants as grants};
use crate::error::Result;
use crate::id::Id;
use crate::model::audit::{self, Event, Outcome};
use crate::model::oauth_app::OAuthApp;
use crate::model::sealing::digest;
use crate::model::workspace::Workspace;
use crate::model::workspace_deletion;
use diesel::dsl::max;
use diesel::prelude::*;
use std::collections::BTreeMap;

const BATCH: i64 = 500;
/// No more contradictions than this are told of one chain.
const MOST: usize = 100;
/// More clients than services and their methods nobody has.
const CLIENTS: i64 = 5000;

/// Seals tokens anew under another key.
pub const RESEALS_GRANT: &str = "grant.resealed";
/// Seals a client anew under another key.
pub const RESEALS_APP: &str = "app.resealed";
/// Tells once more what earlier lines told of a client, since those are about to be pruned.
pub const CARRIES_APP: &str = "app.carried";
/// Acts after which a credential has the tokens that the line tells of, or none where it tells of none.
pub(in crate::model) const GRANTS: [&str; 7] = [
    "credential.created",
    "credential.connected",
    "credential.refreshed",
    RESEALS_GRANT,
    CARRIES,
    "credential.deleted",
    "credential.purged",
];
/// Acts after which there is the client that the line tells of, or none.
pub(in crate::model) const APPS: [&str; 4] = [SAVES_APP, RESEALS_APP, CARRIES_APP, "app.removed"];
/// Saves a client as it was entered.
pub(in crate::model) const SAVES_APP: &str = "app.saved";

/// All tokens and clients of a workspace that contradict their audit lines, the first hundred of each; empty for
/// the chain of the instance. The chain itself must have been proved before.
pub fn consents(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<Vec<Fault>> {
    let Some(workspace) = Id::parse(chain).filter(|_| chain != audit::INSTANCE) else { return Ok(Vec::new()) };
    if workspace_deletion::is_told(conn, chain)? {
        return Ok(Vec::new());
    }
    let mut faults = tokens(conn, chain)?;
    faults.extend(clients(conn, keyring, &workspace)?);
    Ok(faults)
}

fn tokens(conn: &mut Conn, chain: &str) -> Result<Vec<Fault>> {
    let (mut faults, mut after) = (Vec::new(), String::new());
    loop {
        let told = last_lines(conn, chain, "credential", &GRANTS, &after)?;
        let last = told.last_key_value().map(|(id, _)| id.clone());
        let until = last.filter(|_| told.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX));
        let mut rows = rows(conn, chain, &after, until.as_deref(), told.len())?;
        for (id, line) in told {
            let why = match (line.detail("grant"), rows.remove(&id)) {
                (None, None) => None,
                (None, Some(_)) => Some("there are tokens that were never written down"),
                (Some(_), None) => Some("its tokens are missing, and nobody removed them"),
                (Some(_), Some(None)) => Some("its tokens cannot be read"),
                (Some(blob), Some(Some((serial, sealed)))) => {
                    let same = blob.as_str() == Some(&digest(&sealed)) && line.detail("serial") == Some(serial.into());
                    (!same).then_some("its tokens are not the ones that were written down")
                }
            };
            faults.extend(why.map(|why| Fault { seq: line.seq, what: Some(Subject::Credential(id)), why }));
        }
        let strange = "there are tokens that were never written down";
        faults.extend(rows.into_keys().map(|id| Fault { seq: 0, what: Some(Subject::Credential(id)), why: strange }));
        match until {
            Some(until) if faults.len() < MOST => after = until,
            _ => {
                faults.truncate(MOST);
                return Ok(faults);
            }
        }
    }
}

/// The last line of each thing behind `after` that is one of these acts, in the order of their ids.
fn last_lines(conn: &mut Conn, chain: &str, kind: &str, acts: &[&str], after: &str) -> Result<BTreeMap<String, Event>> {
    let last: Vec<(String, Option<i64>)> = events::table
        .filter(events::chain.eq(chain).and(events::target_kind.eq(kind)).and(events::target_id.gt(after)))
        .filter(events::action.eq_any(acts).and(events::outcome.eq(Outcome::Allow)))
        .group_by(events::target_id)
        .order(events::target_id)
        .limit(BATCH)
        .select((events::target_id, max(events::seq)))
        .load(conn)?;
    numbered(conn, chain, last.into_iter().filter_map(|(_, seq)| seq).collect())
}

/// The same of these things alone.
pub(in crate::model) fn last_lines_of(
    conn: &mut Conn,
    chain: &str,
    acts: &[&str],
    ids: &[String],
) -> Result<BTreeMap<String, Event>> {
    let last: Vec<(String, Option<i64>)> = events::table
        .filter(events::chain.eq(chain).and(events::target_id.eq_any(ids)))
        .filter(events::action.eq_any(acts).and(events::outcome.eq(Outcome::Allow)))
        .group_by(events::target_id)
        .select((events::target_id, max(events::seq)))
        .load(conn)?;
    numbered(conn, chain, last.into_iter().filter_map(|(_, seq)| seq).collect())
}

fn numbered(conn: &mut Conn, chain: &str, numbers: Vec<i64>) -> Result<BTreeMap<String, Event>> {
    let lines: Vec<Event> = events::table
        .filter(events::chain.eq(chain).and(events::seq.eq_any(numbers)))
        .select(Event::as_select())
        .load(conn)?;
    Ok(lines.into_iter().map(|line| (line.target_id.clone(), line)).collect())
}

/// Stored tokens by credential: their serial number and blob, or none where a column holds what it cannot hold.
type Rows = BTreeMap<String, Option<(i64, Vec<u8>)>>;

fn rows(conn: &mut Conn, chain: &str, after: &str, until: Option<&str>, wanted: usize) -> Result<Rows> {
    let mut query =
        grants::table.filter(grants::workspace_id.eq(chain).and(grants::credential_id.gt(after))).into_boxed();
    if let Some(until) = until {
        query = query.filter(grants::credential_id.le(until));
    }
    let limit = i64::try_from(wanted + MOST).unwrap_or(i64::MAX);
    let ids: Vec<String> = query.order(grants::credential_id).limit(limit).select(grants::credential_id).load(conn)?;
    match load(conn, chain, &ids) {
        Err(error) if is_unreadable(&error) => ids
            .into_iter()
            .map(|id| match load(conn, chain, std::slice::from_ref(&id)) {
                Err(error) if is_unreadable(&error) => Ok((id, None)),
                rows => Ok((id, rows?.pop().map(|(_, serial, sealed)| (serial, sealed)))),
            })
            .collect(),
        rows => Ok(rows?.into_iter().map(|(id, serial, sealed)| (id, Some((serial, sealed)))).collect()),
    }
}

fn load(conn: &mut Conn, chain: &str, ids: &[String]) -> Result<Vec<(String, i64, Vec<u8>)>> {
    Ok(grants::table
        .filter(grants::workspace_id.eq(chain).and(grants::credential_id.eq_any(ids)))
        .select((grants::credential_id, grants::serial, grants::sealed))
        .load(conn)?)
}

fn clients(conn: &mut Conn, keyring: &Keyring, workspace: &Id<Workspace>) -> Result<Vec<Fault>> {
    let mut told = last_lines(conn, workspace.as_str(), "app", &APPS, "")?;
    let all = apps::table.filter(apps::workspace_id.eq(workspace)).limit(CLIENTS);
    let rows: Vec<OAuthApp> = match all.select(OAuthApp::as_select()).load(conn).map_err(Into::into) {
        Err(error) if is_unreadable(&error) => {
            return Ok(vec![Fault { seq: 0, what: None, why: "an OAuth client cannot be read" }]);
        }
        rows => rows?,
    };
    let mut faults = Vec::new();
    for row in rows {
        let id = format!("{}/{}", row.integration, row.client);
        let Some(line) = told.remove(&id).filter(|line| line.detail("app").is_some()) else {
            let why = "it was never written down";
            faults.push(Fault { seq: 0, what: Some(Subject::Client(id)), why });
            continue;
        };
        let why = contradiction(conn, keyring, workspace, &line, &row)?;
        faults.extend(why.map(|why| Fault { seq: line.seq, what: Some(Subject::Client(id)), why }));
    }
    let missing = told.into_iter().filter(|(_, line)| line.detail("app").is_some());
    let why = "it is missing, and nobody removed it";
    faults.extend(missing.map(|(id, line)| Fault { seq: line.seq, what: Some(Subject::Client(id)), why }));
    faults.truncate(MOST);
    Ok(faults)
}

fn contradiction(
    conn: &mut Conn,
    keyring: &Keyring,
    workspace: &Id<Workspace>,
    line: &Event,
    row: &OAuthApp,
) -> Result<Option<&'static str>> {
    if line.detail("app").and_then(|blob| blob.as_str().map(str::to_owned)) != Some(digest(&row.sealed)) {
        return Ok(Some("the sealed values are not the ones that were written down"));
    }
    // The line of a rotation tells of the blob alone.
    let saved = match line.detail("plain") {
        Some(_) => Some(line.clone()),
        None => {
            let of = std::slice::from_ref(&line.target_id);
            last_lines_of(conn, workspace.as_str(), &[SAVES_APP, CARRIES_APP], of)?.remove(&line.target_id)
        }
    };
    let Some(saved) = saved else { return Ok(Some("it was never written down")) };
    let key = u32::try_from(plain_key(&saved)).ok().and_then(|id| keyring.audit_key(id));
    let code = key.and_then(|key| row.plain_code(key).ok());
    let told = saved.detail("plain").and_then(|value| value.as_str().map(str::to_owned));
    Ok(match (told, code) {
        (Some(told), Some(found)) if token::same(told.as_bytes(), found.as_bytes()) => None,
        _ => Some("the plain values are not the ones that were written down"),
    })
}

/// The key that made the code of what lies in clear: the line's own, unless it carries that of another.
pub(in crate::model) fn plain_key(line: &Event) -> i32 {
    let told = line.detail("plain_key").and_then(|key| i32::try_from(key.as_i64()?).ok());
    told.unwrap_or(line.mac_key)
}
