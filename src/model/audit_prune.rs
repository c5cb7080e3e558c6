//! Pruning: the oldest lines of a chain go once their time is over, a bounded number in each transaction, and a signed
//! summary of them stays. Nothing that does not hold is pruned: the lines are proved a last time first.

use super::audit::{Entry, Target, record_allowed};
use super::audit_verify::{self, Fault};
use super::permission::{Allowed, KeepHouse};
use super::workspace::Workspace;
use super::{Means, audit_carry, audit_summary};
use crate::clock::At;
use crate::db::schema::audit_events as events;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Lines that go in one transaction.
const LINES: i64 = 1000;
/// A chain is not touched before its first line is so much older than it has to be kept: a day's lines go together.
const TOGETHER: TimeDelta = TimeDelta::days(1);

/// What one step came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Pruned {
    /// So many lines went; there may be more.
    Lines(i64),
    /// No line is old enough.
    Nothing,
    /// The lines do not hold, and stay.
    Broken(Fault),
}

/// Those of these workspaces whose first line is older than their settings want it kept.
pub fn due(conn: &mut Conn, workspaces: &[Workspace], now: At) -> Result<Vec<Id<Workspace>>> {
    let mut due = Vec::new();
    for workspace in workspaces {
        let Some(keep) = workspace.settings.keep_audit() else { continue };
        let first: Option<At> = events::table
            .filter(events::chain.eq(workspace.id.as_str()))
            .order(events::seq)
            .select(events::at)
            .first(conn)
            .optional()?;
        if first.is_some_and(|first| first <= now.plus(-(keep + TOGETHER))) {
            due.push(workspace.id.clone());
        }
    }
    Ok(due)
}

/// Prunes the oldest lines of a workspace's chain whose time is over, some hundred of them.
pub fn prune(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>) -> Result<Pruned> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let Some(keep) = Workspace::get(tx.conn(), allowed.workspace())?.settings.keep_audit() else {
        return Ok(Pruned::Nothing);
    };
    let chain = allowed.workspace().as_str();
    let before = match audit_summary::of_chain(tx.conn(), &means.keyring, chain)? {
        Ok(before) => before,
        Err(fault) => return Ok(Pruned::Broken(fault)),
    };
    let from = before.as_ref().map_or(audit_verify::START, |summary| summary.last);
    let mut lines = audit_verify::lines(tx.conn(), chain, from.0, i64::MAX, LINES)?;
    let until = now.plus(-keep);
    lines.truncate(lines.iter().take_while(|line| line.at < until).count());
    if lines.is_empty() {
        return Ok(Pruned::Nothing);
    }
    let cut = match audit_verify::follow(&means.keyring, from, &lines)? {
        Ok(cut) => cut,
        Err(fault) => return Ok(Pruned::Broken(fault)),
    };
    audit_carry::carry(tx, means, allowed, &lines)?;
    diesel::delete(events::table.filter(events::chain.eq(chain).and(events::seq.le(cut.0)))).execute(tx.conn())?;
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    audit_summary::extend(tx, means, before, &lines, cut)?;
    let entry = Entry::allow("audit.pruned", Target::workspace(allowed.workspace()))
        .detail("events", count)
        .detail("up_to", cut.0);
    record_allowed(tx, means, allowed, entry)?;
    Ok(Pruned::Lines(count))
}
