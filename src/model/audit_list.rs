//! A page of a chain, newest lines first, narrowed by who, what, whom, how it ended and when.
//!
//! One filter alone is an index that ends in the number of the line. With several, the narrowest one leads, and a
//! page looks at no more than [`WINDOW`] of its lines: one that finds little says how far it looked, and goes on
//! from there. So no page takes longer than another one, however long the chain is.

use super::audit::{Event, Outcome};
use crate::clock::At;
use crate::db::schema::audit_events as events;
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use chrono::TimeDelta;
use diesel::prelude::*;

/// Lines of the leading filter that one page looks at.
pub const WINDOW: i64 = 10_000;
/// Clocks of several machines differ by less than this: so much further around a time is looked.
const SKEW: TimeDelta = TimeDelta::minutes(1);

/// What is asked for; nothing is everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The id of who acted; empty for the operator.
    pub actor: Option<String>,
    /// The word of what was done.
    pub action: Option<String>,
    /// The id of what it was done to.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Not before.
    pub from: Option<At>,
    /// Before this.
    pub until: Option<At>,
}

/// The filter whose index leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    Target,
    Actor,
    Action,
    Outcome,
    Nothing,
}

impl Filter {
    /// The narrowest filter that is set, and whether there are others behind it.
    fn leader(&self) -> (Leader, bool) {
        let set = [
            (self.target.is_some(), Leader::Target),
            (self.actor.is_some(), Leader::Actor),
            (self.action.is_some(), Leader::Action),
            (self.outcome.is_some(), Leader::Outcome),
        ];
        let mut set = set.into_iter().filter(|(is_set, _)| *is_set).map(|(_, leader)| leader);
        (set.next().unwrap_or(Leader::Nothing), set.next().is_some())
    }
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The lines, newest first.
    pub events: Vec<Event>,
    /// Where the next page begins: before this number.
    pub next: Option<i64>,
    /// How far back was looked, where the page is not full although there may be more.
    pub looked_to: Option<At>,
}

type Lines<'a> = events::BoxedQuery<'a, MultiBackend>;

/// The lines that match, before the line of the number `before`; at most `limit`.
pub fn page(conn: &mut Conn, chain: &str, filter: &Filter, before: Option<i64>, limit: usize) -> Result<Page> {
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
    let Some((mut low, high)) = bounds(conn, chain, filter, before)? else {
        return Ok(Page { events: Vec::new(), next: None, looked_to: None });
    };
    let floor = floor(conn, chain, filter, (low, high))?;
    if let Some((seq, _)) = floor {
        low = seq;
    }
    let mut found: Vec<Event> = narrowed(filter, led(filter, within(chain, low, high)))
        .order(events::seq.desc())
        .limit(wanted + 1)
        .select(Event::as_select())
        .load(conn)?;
    if found.len() > limit {
        found.truncate(limit);
        let next = found.last().map(|event| event.seq);
        return Ok(Page { events: found, next, looked_to: None });
    }
    Ok(Page { events: found, next: floor.map(|(seq, _)| seq), looked_to: floor.map(|(_, at)| at) })
}

/// The lines that match, in their order, behind the line of the number `after`; at most `limit`. For an export.
pub fn onward(conn: &mut Conn, chain: &str, filter: &Filter, after: i64, limit: i64) -> Result<Vec<Event>> {
    Ok(narrowed(filter, within(chain, after + 1, i64::MAX))
        .order(events::seq)
        .limit(limit)
        .select(Event::as_select())
        .load(conn)?)
}

/// Lines of a chain from `low` on, before `high`.
fn within<'a>(chain: &'a str, low: i64, high: i64) -> Lines<'a> {
    events::table.into_boxed().filter(events::chain.eq(chain).and(events::seq.ge(low)).and(events::seq.lt(high)))
}

/// Narrowed by the leading filter alone.
fn led<'a>(filter: &'a Filter, lines: Lines<'a>) -> Lines<'a> {
    match (filter.leader().0, filter) {
        (Leader::Target, Filter { target: Some(target), .. }) => lines.filter(events::target_id.eq(target)),
        (Leader::Actor, Filter { actor: Some(actor), .. }) => lines.filter(events::actor_id.eq(actor)),
        (Leader::Action, Filter { action: Some(action), .. }) => lines.filter(events::action.eq(action)),
        (Leader::Outcome, Filter { outcome: Some(outcome), .. }) => lines.filter(events::outcome.eq(*outcome)),
        _ => lines,
    }
}

/// Narrowed by everything that is asked for.
fn narrowed<'a>(filter: &'a Filter, mut lines: Lines<'a>) -> Lines<'a> {
    if let Some(target) = &filter.target {
        lines = lines.filter(events::target_id.eq(target));
    }
    if let Some(actor) = &filter.actor {
        lines = lines.filter(events::actor_id.eq(actor));
        if actor.is_empty() {
            lines = lines.filter(events::actor_kind.eq("operator"));
        }
    }
    if let Some(action) = &filter.action {
        lines = lines.filter(events::action.eq(action));
    }
    if let Some(outcome) = filter.outcome {
        lines = lines.filter(events::outcome.eq(outcome));
    }
    if let Some(from) = filter.from {
        lines = lines.filter(events::at.ge(from));
    }
    if let Some(until) = filter.until {
        lines = lines.filter(events::at.lt(until));
    }
    lines
}

/// The numbers between which the lines lie: from, and before. `None` where there can be none.
fn bounds(conn: &mut Conn, chain: &str, filter: &Filter, before: Option<i64>) -> Result<Option<(i64, i64)>> {
    let of_chain = events::table.filter(events::chain.eq(chain));
    let first: Option<i64> = of_chain.order(events::seq).select(events::seq).first(conn).optional()?;
    let last: Option<i64> = of_chain.order(events::seq.desc()).select(events::seq).first(conn).optional()?;
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let (mut low, mut high) = (first, before.map_or(last + 1, |before| before.min(last + 1)));
    if let Some(from) = filter.from {
        low = first_since(conn, chain, (first, last), from.plus(-SKEW))?;
    }
    if let Some(until) = filter.until {
        high = high.min(first_since(conn, chain, (first, last), until.plus(SKEW))?);
    }
    Ok((low < high).then_some((low, high)))
}

/// The first line of that time or later, by halving: a chain is in the order of its times, so that no index is
/// needed, and some twenty look-ups find one among millions. One past the last if there is none.
fn first_since(conn: &mut Conn, chain: &str, (first, last): (i64, i64), at: At) -> Result<i64> {
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<At> = events::table
            .filter(events::chain.eq(chain).and(events::seq.ge(middle)))
            .order(events::seq)
            .select(events::at)
            .first(conn)
            .optional()?;
        if found.is_some_and(|found| found < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The line down to which a page looks, where several filters meet and the leading one has more lines than that.
fn floor(conn: &mut Conn, chain: &str, filter: &Filter, (low, high): (i64, i64)) -> Result<Option<(i64, At)>> {
    let is_operator = filter.actor.as_ref().is_some_and(String::is_empty);
    if !filter.leader().1 && !is_operator {
        return Ok(None);
    }
    let seq: Option<i64> = led(filter, within(chain, low, high))
        .order(events::seq.desc())
        .offset(WINDOW)
        .limit(1)
        .select(events::seq)
        .first(conn)
        .optional()?;
    let Some(seq) = seq else { return Ok(None) };
    let at = events::table.filter(events::chain.eq(chain).and(events::seq.eq(seq))).select(events::at).first(conn)?;
    Ok(Some((seq, at)))
}
