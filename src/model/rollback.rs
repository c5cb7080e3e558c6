//! A database that was put back to an older state: noticed by the anchor, accepted by the operator alone.

use super::permission::Actor;
use super::{Means, audit, audit_summary, bot_token, invitation};
use crate::anchor::{Head, Heads, Known};
use crate::crypto::keyring::Keyring;
use crate::db::schema::{
    audit_events as events, audit_heads as heads, email_changes, instance, password_resets, sessions, steps,
};
use crate::db::{Conn, Tx};
use crate::error::Result;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::fmt;

/// Chains that are looked at in one query.
const GROUP: usize = 100;
/// So many gaps are named in the audit.
const NAMED: usize = 20;

/// How a chain falls short of the anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The chain; empty where the whole database is another one.
    pub chain: String,
    /// The last line that the anchor knows.
    pub anchored: i64,
    /// What is there instead.
    pub found: Found,
}

/// What is in the place of an anchored head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A chain that ends before it.
    Shorter(i64),
    /// Another line.
    Other,
    /// No such chain.
    Nothing,
    /// The database of another installation.
    Foreign,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain, anchored, .. } = self;
        match self.found {
            Found::Shorter(seq) => write!(f, "{chain} ends at event {seq}; it once had {anchored}"),
            Found::Other => write!(f, "{chain} has another event {anchored} than it once had"),
            Found::Nothing => write!(f, "{chain} is not there; it once had {anchored} events"),
            Found::Foreign => f.write_str("the database is that of another installation"),
        }
    }
}

/// Every way in which the database falls short of what the anchor knows. Empty: it is the same or further. A head
/// that was pruned is vouched for by the signed summary.
pub fn gaps(conn: &mut Conn, keyring: &Keyring, known: &Known) -> Result<Vec<Gap>> {
    let id: Option<String> = instance::table.select(instance::id).first(conn).optional()?;
    if id.as_ref() != Some(&known.instance) {
        return Ok(vec![Gap { chain: String::new(), anchored: 0, found: Found::Foreign }]);
    }
    let all: Vec<(&String, &Head)> = known.heads.iter().collect();
    let mut gaps = Vec::new();
    for group in all.chunks(GROUP) {
        let lines = lines_at(conn, group)?;
        let ends = ends(conn, group)?;
        let chains: Vec<&str> = group.iter().map(|(chain, _)| chain.as_str()).collect();
        let pruned = audit_summary::of_chains(conn, keyring, &chains)?;
        for (chain, head) in group {
            let last = pruned.get(chain.as_str()).map(|summary| summary.last);
            let is_pruned = last.is_some_and(|last| last.0 > head.seq || last == (head.seq, head.hash));
            let found = match (ends.get(chain.as_str()), lines.get(chain.as_str())) {
                (None, _) => Found::Nothing,
                (Some(end), _) if *end < head.seq => Found::Shorter(*end),
                (Some(_), None) if is_pruned => continue,
                (Some(_), Some(hash)) if hash.as_slice() == head.hash => continue,
                (Some(_), None) if head.seq == 0 => continue,
                _ => Found::Other,
            };
            gaps.push(Gap { chain: (*chain).clone(), anchored: head.seq, found });
        }
    }
    Ok(gaps)
}

fn ends(conn: &mut Conn, group: &[(&String, &Head)]) -> Result<BTreeMap<String, i64>> {
    let chains: Vec<&str> = group.iter().map(|(chain, _)| chain.as_str()).collect();
    let rows = heads::table.filter(heads::chain.eq_any(chains)).select((heads::chain, heads::seq));
    Ok(rows.load::<(String, i64)>(conn)?.into_iter().collect())
}

/// The hash of the anchored line of each chain.
fn lines_at(conn: &mut Conn, group: &[(&String, &Head)]) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut query = events::table.select((events::chain, events::hash)).into_boxed();
    for (chain, head) in group {
        query = query.or_filter(events::chain.eq(chain.as_str()).and(events::seq.eq(head.seq)));
    }
    Ok(query.load::<(String, Vec<u8>)>(conn)?.into_iter().collect())
}

/// The head of every chain, for the anchor.
pub fn all_heads(conn: &mut Conn) -> Result<Heads> {
    let rows: Vec<(String, i64, Vec<u8>)> = heads::table.select((heads::chain, heads::seq, heads::hash)).load(conn)?;
    let head = |seq, hash: Vec<u8>| Some(Head { seq, hash: hash.try_into().ok()? });
    Ok(rows.into_iter().filter_map(|(chain, seq, hash)| Some((chain, head(seq, hash)?))).collect())
}

/// What lets somebody in and was ended, since it may have been ended after the older state was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: usize,
    /// Tokens of bots and of automations that manage.
    pub tokens: usize,
    /// Invitations.
    pub invitations: usize,
    /// Links to choose a password or confirm an address, and sign-ins and second factors that were begun.
    pub begun: usize,
}

/// Writes down that the operator takes the older state for good, and ends every session, token, invitation and link:
/// one that was ended after that state was saved must not live again.
pub fn accept(tx: &mut Tx<'_>, means: &Means, gaps: &[Gap]) -> Result<Ended> {
    let now = means.now();
    let ended = Ended {
        sessions: diesel::delete(sessions::table).execute(tx.conn())?,
        tokens: bot_token::revoke_all(tx, now)?,
        invitations: invitation::withdraw_all(tx, now)?,
        begun: diesel::delete(password_resets::table).execute(tx.conn())?
            + diesel::delete(email_changes::table).execute(tx.conn())?
            + diesel::delete(steps::table).execute(tx.conn())?,
    };
    let named: Vec<String> = gaps.iter().take(NAMED).map(ToString::to_string).collect();
    let entry = audit::Entry::allow("instance.rollback_accepted", audit::Target::instance())
        .detail("chains", gaps.len())
        .detail("gaps", named)
        .detail("sessions_ended", ended.sessions)
        .detail("tokens_revoked", ended.tokens)
        .detail("invitations_withdrawn", ended.invitations)
        .detail("begun_ended", ended.begun);
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry)?;
    Ok(ended)
}
