//! Tokens that end soon: the admins of a workspace are told twice before.

use super::bot::Bot;
use super::bot_token::{BotToken, WARN_DAYS};
use super::outbox::{self, Promise};
use super::permission::{Allowed, KeepHouse};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit, member};
use crate::clock::At;
use crate::db::schema::{bot_tokens as tokens, bots, workspaces};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Days before its end on which a token is warned of, the earliest first.
const MARKS: [i64; 2] = [WARN_DAYS, 3];
/// Tokens of one mail; the rest comes with the next.
const BATCH: i64 = 50;
/// A warning that could not be sent for so long is of no use.
const GOOD_FOR: TimeDelta = TimeDelta::days(2);

/// A token whose end is near.
#[derive(Debug, Clone, Queryable)]
pub struct Ending {
    /// The token.
    pub id: Id<BotToken>,
    /// What people call it.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// When it ends.
    pub expires_at: At,
    /// When it was revoked.
    revoked_at: Option<At>,
    /// The token that was made in its place.
    replaced_by: Option<String>,
    /// Its bot, unless that is gone: id and name.
    pub bot: Option<(Id<Bot>, String)>,
    /// Whether it never had a bot: it manages the workspace.
    manages: bool,
}

impl Ending {
    /// Whether anybody would miss it.
    fn counts(&self, now: At) -> bool {
        let open = self.revoked_at.is_none() && self.replaced_by.is_none() && self.expires_at > now;
        open && (self.bot.is_some() || self.manages)
    }
}

/// When a token that ends then is warned of next; `None` when that is over.
pub(super) fn next(now: At, expires_at: At) -> Option<At> {
    MARKS.iter().map(|days| expires_at.plus(-TimeDelta::days(*days))).find(|at| *at > now)
}

/// Workspaces that have a token to be warned of, outside of those in `passed`.
pub fn due(conn: &mut Conn, now: At, passed: &[Id<Workspace>], limit: i64) -> Result<Vec<Id<Workspace>>> {
    let due = tokens::table.filter(tokens::warn_at.le(now)).select(tokens::workspace_id).distinct();
    Ok(due.filter(tokens::workspace_id.ne_all(passed.to_vec())).limit(limit).load(conn)?)
}

/// A mail to one admin: subject and text.
pub type Write<'a> = dyn Fn(&Workspace, &User, &[Ending]) -> Result<(String, String)> + 'a;

/// Promises a mail to each admin about the tokens of a workspace that are due, and notes when they are due again.
/// Those that nobody would miss are passed over. How many tokens were due.
pub fn warn(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, write: &Write<'_>) -> Result<usize> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let all = due_in(tx.conn(), allowed.workspace(), now)?;
    for token in &all {
        let its = tokens::workspace_id.eq(allowed.workspace()).and(tokens::id.eq(&token.id));
        diesel::update(tokens::table.filter(its))
            .set(tokens::warn_at.eq(next(now, token.expires_at)))
            .execute(tx.conn())?;
    }
    let count = all.len();
    let ending: Vec<Ending> = all.into_iter().filter(|token| token.counts(now)).collect();
    if ending.is_empty() {
        return Ok(count);
    }
    let workspace: Workspace = workspaces::table
        .filter(workspaces::id.eq(allowed.workspace()))
        .select(Workspace::as_select())
        .first(tx.conn())?;
    for admin in member::admins(tx.conn(), &workspace.id, now)? {
        let (subject, text) = write(&workspace, &admin, &ending)?;
        let promise = Promise {
            workspace: Some(&workspace.id),
            user: Some(&admin.id),
            kind: "token_end",
            to: &admin.email,
            subject: &subject,
            text: &text,
            good_for: GOOD_FOR,
        };
        outbox::promise(tx, means, &promise)?;
    }
    for token in &ending {
        let days = token.expires_at.since(now).num_days();
        let entry = audit::Entry::allow("token.end_told", audit::Target::token(&token.id))
            .detail("token", token.prefix.as_str())
            .detail("days", days);
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(count)
}

fn due_in(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<Vec<Ending>> {
    let its_bot = bots::workspace_id.eq(tokens::workspace_id).and(bots::id.nullable().eq(tokens::bot_id));
    Ok(tokens::table
        .left_join(bots::table.on(its_bot.and(bots::deleted_at.is_null())))
        .filter(tokens::workspace_id.eq(workspace).and(tokens::warn_at.le(now)))
        .order(tokens::expires_at)
        .limit(BATCH)
        .select((
            tokens::id,
            tokens::name,
            tokens::prefix,
            tokens::expires_at,
            tokens::revoked_at,
            tokens::replaced_by,
            (bots::id, bots::name).nullable(),
            tokens::bot_id.is_null(),
        ))
        .load(conn)?)
}

/// The token of a bot that ends first among those that end soon: its name and end.
pub fn first_of(conn: &mut Conn, workspace: &Id<Workspace>, bot: &Id<Bot>, now: At) -> Result<Option<(String, At)>> {
    Ok(tokens::table
        .filter(tokens::workspace_id.eq(workspace).and(tokens::bot_id.eq(bot.as_str())))
        .filter(tokens::revoked_at.is_null().and(tokens::replaced_by.is_null()))
        .filter(tokens::expires_at.gt(now).and(tokens::expires_at.le(now.plus(TimeDelta::days(WARN_DAYS)))))
        .order(tokens::expires_at)
        .select((tokens::name, tokens::expires_at))
        .first(conn)
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::next;
    use crate::clock::At;
    use chrono::TimeDelta;

    #[test]
    fn a_token_is_warned_of_twice_unless_it_is_short_lived() {
        let now = At::from_micros(1_795_000_000_000_000).unwrap();
        let days = |n: i64| now.plus(TimeDelta::days(n));
        assert_eq!(next(now, days(90)), Some(days(76)));
        assert_eq!(next(days(76), days(90)), Some(days(87)));
        assert_eq!(next(days(87), days(90)), None);
        assert_eq!(next(now, days(14)), Some(days(11)), "not at once");
        assert_eq!(next(now, days(3)), None);
    }
}
