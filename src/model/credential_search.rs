//! Searching: the newest holders of the words of a search, or the few credentials that another order must look at.
//!
//! The index of words has the holders of a word from the newest to the oldest. So the newest that hold several
//! words are found by walking down the holders of the rarest of them, and what a page costs does not depend on
//! how many hold the others.

use super::credential_list::{PRIVATE_MARK, Query, Row, Sort};
use super::workspace::Workspace;
use crate::db::schema::{credential_words as words, credentials};
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::fold;
use crate::id::Id;
use diesel::prelude::*;

/// In another order than the newest first, a word with at most so many holders is looked up and its holders are
/// sorted; a more common one is tested along the order.
const RARE: usize = 2_000;
/// More words in a search than this are ignored.
const MOST_TERMS: usize = 6;
/// A beginning that so many stored words share is common enough to be tested along the order.
const MOST_WORDS: usize = 16;

/// What is left of the workspace's credentials.
pub(super) enum Narrowed {
    /// All of them.
    All,
    /// None: some word has no holder.
    None,
    /// These, of which some may not fit.
    To(Vec<String>),
    /// The page that was asked for, and one row more if there is one.
    Page(Vec<Row>),
}

/// The words of a search, folded.
pub(super) fn terms(search: &str) -> Vec<String> {
    let mut terms = fold::words(search);
    terms.truncate(MOST_TERMS);
    terms
}

/// Every text that begins with `term` lies in `[low, high)`.
pub(super) fn range(term: &str) -> (String, String) {
    (term.to_owned(), format!("{term}\u{10ffff}"))
}

/// The same among the words of hosts and accounts; an empty range for who may not search them.
pub(super) fn private_range(term: &str, sees_private: bool) -> (String, String) {
    if sees_private { range(&format!("{PRIVATE_MARK}{term}")) } else { (String::new(), String::new()) }
}

/// Whether the credential of the query around it holds a word that begins with `$term`.
macro_rules! holds {
    ($term:expr, $sees_private:expr) => {{
        let (low, high) = $crate::model::credential_search::range($term);
        let (private_low, private_high) = $crate::model::credential_search::private_range($term, $sees_private);
        let held = diesel::alias!($crate::db::schema::credential_words as held);
        let word = || held.field(words::word);
        let public = word().ge(low).and(word().lt(high));
        let private = word().ge(private_low).and(word().lt(private_high));
        diesel::dsl::exists(
            held.filter(held.field(words::workspace_id).eq(credentials::workspace_id))
                .filter(held.field(words::credential_id).eq(credentials::id))
                .filter(public.or(private)),
        )
    }};
}
pub(super) use holds;

/// Finds the page of a search for the newest, or narrows the list to the holders of a word that has few.
pub(super) fn narrow(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query) -> Result<Narrowed> {
    let terms = terms(&query.search);
    if query.sort == Sort::Newest
        && let Some(found) = newest(conn, workspace, query, &terms)?
    {
        return Ok(Narrowed::Page(found));
    }
    let mut best = Narrowed::All;
    let mut least = RARE + 1;
    for term in &terms {
        let holders = holders(conn, workspace, term, query.sees_private)?;
        if holders.is_empty() {
            return Ok(Narrowed::None);
        }
        if holders.len() < least {
            least = holders.len();
            best = Narrowed::To(holders);
        }
    }
    Ok(best)
}

fn ranges(term: &str, sees_private: bool) -> Vec<(String, String)> {
    let mut ranges = vec![range(term)];
    if sees_private {
        ranges.push(private_range(term, true));
    }
    ranges
}

/// The page of the newest that hold all terms. `None` where every term is the beginning of so many stored words
/// that most credentials hold one.
fn newest(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query, terms: &[String]) -> Result<Option<Vec<Row>>> {
    let mut rarest: Option<(Option<String>, usize, Vec<String>)> = None;
    for (at, term) in terms.iter().enumerate() {
        let Some(stored) = stored_words(conn, workspace, term, query.sees_private)? else { continue };
        // One term needs no comparison.
        let reach = if terms.len() > 1 { reach(conn, workspace, query, &stored)? } else { None };
        if rarest.as_ref().is_none_or(|(least, ..)| reach < *least) {
            rarest = Some((reach, at, stored));
        }
    }
    let Some((_, driver, stored)) = rarest else { return Ok(None) };
    let mut others = terms.to_vec();
    others.remove(driver);
    holding_one_of(conn, workspace, query, &stored, &others).map(Some)
}

/// The stored words that begin with `term`, by one index look-up each; `None` for more than [`MOST_WORDS`].
fn stored_words(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    term: &str,
    sees_private: bool,
) -> Result<Option<Vec<String>>> {
    let mut found = Vec::new();
    for (low, high) in ranges(term, sees_private) {
        let within = words::workspace_id.eq(workspace).and(words::word.lt(high));
        let first = words::table.filter(within.clone()).filter(words::word.ge(low));
        let mut next: Option<String> = first.order(words::word.asc()).select(words::word).first(conn).optional()?;
        while let Some(word) = next {
            let behind = words::table.filter(within.clone()).filter(words::word.gt(word.clone()));
            next = behind.order(words::word.asc()).select(words::word).first(conn).optional()?;
            found.push(word);
            if found.len() > MOST_WORDS {
                return Ok(None);
            }
        }
    }
    Ok(Some(found))
}

/// How far back a page of the holders of these words reaches: the rarer they are, the older is its last one.
/// `None`, which is less than any id, if all of them fit on a page.
fn reach(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query, stored: &[String]) -> Result<Option<String>> {
    let mut nearest = None;
    for word in stored {
        let mut holders = words::table
            .filter(words::workspace_id.eq(workspace).and(words::word.eq(word)))
            .order(words::credential_id.desc())
            .offset(i64::try_from(query.limit).unwrap_or(50))
            .select(words::credential_id)
            .into_boxed::<MultiBackend>();
        if let Some(after) = &query.after {
            holders = holders.filter(words::credential_id.lt(&after.id));
        }
        nearest = nearest.max(holders.first::<String>(conn).optional()?);
    }
    Ok(nearest)
}

/// The newest behind the cursor that hold one of these words and fit the rest of the query; one more than a page.
fn holding_one_of(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    query: &Query,
    stored: &[String],
    others: &[String],
) -> Result<Vec<Row>> {
    let limit = query.limit + 1;
    let mut found: Vec<Row> = Vec::new();
    for word in stored {
        let same = credentials::workspace_id.eq(words::workspace_id).and(credentials::id.eq(words::credential_id));
        let mut holders = words::table
            .inner_join(credentials::table.on(same))
            .filter(words::workspace_id.eq(workspace).and(words::word.eq(word)))
            .filter(credentials::deleted_at.is_null())
            .order(words::credential_id.desc())
            .select(Row::as_select())
            .into_boxed::<MultiBackend>();
        if let Some(integration) = &query.integration {
            holders = holders.filter(credentials::integration.eq(integration));
        }
        if let Some(status) = query.status {
            holders = holders.filter(credentials::status.eq(status));
        }
        if let Some(environment) = query.environment {
            holders = holders.filter(credentials::environment.eq(environment));
        }
        if let Some(after) = &query.after {
            holders = holders.filter(words::credential_id.lt(&after.id));
        }
        // A rarer word reaches further back than the page does.
        if let Some(last) = found.get(limit - 1) {
            holders = holders.filter(words::credential_id.gt(last.id.as_str().to_owned()));
        }
        for other in others {
            holders = holders.filter(holds!(other, query.sees_private));
        }
        found.extend(holders.limit(i64::try_from(limit).unwrap_or(51)).load::<Row>(conn)?);
        if stored.len() > 1 {
            found.sort_unstable_by(|a, b| b.id.as_str().cmp(a.id.as_str()));
            found.dedup_by(|a, b| a.id == b.id);
            found.truncate(limit);
        }
    }
    Ok(found)
}

/// Up to [`RARE`] + 1 holders of a word that begins so.
fn holders(conn: &mut Conn, workspace: &Id<Workspace>, term: &str, sees_private: bool) -> Result<Vec<String>> {
    let most = RARE + 1;
    let mut found: Vec<String> = Vec::new();
    for (low, high) in ranges(term, sees_private) {
        let part: Vec<String> = words::table
            .filter(words::workspace_id.eq(workspace))
            .filter(words::word.ge(low).and(words::word.lt(high)))
            .select(words::credential_id)
            .limit(i64::try_from(most).unwrap_or(2_001))
            .load(conn)?;
        found.extend(part);
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(most);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_holds_what_begins_so() {
        let (low, high) = range("pro");
        assert!("pro" >= low.as_str() && "producao" < high.as_str() && "prp" > high.as_str());
    }
}
