//! What is stored is held against audit lines. Before such lines are pruned, what they tell is told once more: one new
//! line a credential or client, made from the old lines alone, so that a contradiction stays one.

use super::Means;
use super::audit::{Entry, Event, Outcome, Target, record_allowed};
use super::audit_verify::{APPS, CARRIES, CARRIES_APP, GRANTS, SAVES_APP, is_told, last_lines_of, plain_key, told_of};
use super::permission::{Allowed, KeepHouse};
use super::version::VersionState;
use crate::db::schema::credential_versions as versions;
use crate::db::{Conn, Tx};
use crate::error::Result;
use diesel::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Credentials that are looked at in one query.
const GROUP: usize = 100;

/// Tells once more what these lines, which are about to go, tell of things that are held against them; nothing where
/// a later line told all of it already.
pub(super) fn carry(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, lines: &[Event]) -> Result<()> {
    let Some(last) = lines.last().map(|line| line.seq) else { return Ok(()) };
    let named = |kind: &str, is_needed: &dyn Fn(&str) -> bool| -> Vec<String> {
        let needed = lines
            .iter()
            .filter(|line| line.target_kind == kind && line.outcome == Outcome::Allow && is_needed(&line.action));
        needed.map(|line| line.target_id.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let credentials = named("credential", &|action| is_told(action) || GRANTS.contains(&action));
    for group in credentials.chunks(GROUP) {
        credentials_of(tx, means, allowed, group, last)?;
    }
    for group in named("app", &|action| APPS.contains(&action)).chunks(GROUP) {
        clients_of(tx, means, allowed, group, last)?;
    }
    Ok(())
}

fn credentials_of(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<KeepHouse>,
    ids: &[String],
    last: i64,
) -> Result<()> {
    let chain = allowed.workspace().as_str();
    let grants = last_lines_of(tx.conn(), chain, &GRANTS, ids)?;
    let stored = stored_versions(tx.conn(), chain, ids)?;
    for told in told_of(tx.conn(), chain, ids)? {
        if told.is_gone() || told.carried.is_some_and(|carried| carried > last) {
            continue;
        }
        let mut entry = Entry::allow(CARRIES, Target::credential(&told.credential));
        for (name, value) in told.details(stored.get(&told.credential).map_or(&[], Vec::as_slice))? {
            entry = entry.detail(&name, value);
        }
        for name in ["grant", "serial"] {
            if let Some(value) = grants.get(&told.credential).and_then(|line| line.detail(name)) {
                entry = entry.detail(name, value);
            }
        }
        record_allowed(tx, means, allowed, entry)?;
    }
    Ok(())
}

/// The versions of each credential that are held against their lines: the live ones, and those with a secret.
fn stored_versions(conn: &mut Conn, chain: &str, ids: &[String]) -> Result<BTreeMap<String, Vec<i64>>> {
    let rows: Vec<(String, i64)> = versions::table
        .filter(versions::workspace_id.eq(chain).and(versions::credential_id.eq_any(ids)))
        .filter(versions::state.eq(VersionState::Live).or(versions::sealed.is_not_null()))
        .select((versions::credential_id, versions::version))
        .load(conn)?;
    let mut all: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (credential, version) in rows {
        all.entry(credential).or_default().push(version);
    }
    Ok(all)
}

fn clients_of(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, ids: &[String], last: i64) -> Result<()> {
    let chain = allowed.workspace().as_str();
    let saved = last_lines_of(tx.conn(), chain, &[SAVES_APP, CARRIES_APP], ids)?;
    for (id, line) in last_lines_of(tx.conn(), chain, &APPS, ids)? {
        let is_carried = saved.get(&id).is_some_and(|line| line.action == CARRIES_APP && line.seq > last);
        let (Some(blob), Some(saved), false) = (line.detail("app"), saved.get(&id), is_carried) else { continue };
        let entry = Entry::allow(CARRIES_APP, Target::app_of(&id))
            .detail("app", blob)
            .detail("plain", saved.detail("plain").unwrap_or(Value::Null))
            .detail("plain_key", plain_key(saved));
        record_allowed(tx, means, allowed, entry)?;
    }
    Ok(())
}
