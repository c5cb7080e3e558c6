//! Which credentials a search leaves to be looked at: as few as an index can tell.

use super::credential_list::{PRIVATE_MARK, Query, Sort};
use super::workspace::Workspace;
use crate::db::schema::{credential_words as words, credentials};
use crate::db::{Conn, MultiBackend};
use crate::error::Result;
use crate::fold;
use crate::id::Id;
use diesel::prelude::*;

/// A word with at most so many holders is looked up; a more common one is tested along the order.
const RARE: usize = 200;
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
    /// These, which are the page that was asked for.
    Page(Vec<String>),
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

/// Narrows the list to the next page of one word, or to the holders of a word that has few.
pub(super) fn narrow(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query) -> Result<Narrowed> {
    let terms = terms(&query.search);
    if let ([term], Sort::Newest) = (terms.as_slice(), query.sort)
        && let Some(beginning_so) = stored_words(conn, workspace, term, query.sees_private)?
    {
        return next_page(conn, workspace, query, &beginning_so).map(Narrowed::Page);
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

/// The newest holders of any of these words behind the cursor, one more than a page: the index of words has
/// them in this order, so that their number does not count.
fn next_page(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query, stored: &[String]) -> Result<Vec<String>> {
    let limit = query.limit + 1;
    let mut found: Vec<String> = Vec::new();
    for word in stored {
        let same = credentials::workspace_id.eq(words::workspace_id).and(credentials::id.eq(words::credential_id));
        let mut holders = words::table
            .inner_join(credentials::table.on(same))
            .filter(words::workspace_id.eq(workspace).and(words::word.eq(word)))
            .filter(credentials::deleted_at.is_null())
            .select(words::credential_id)
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
        let newest = holders.order(words::credential_id.desc()).limit(i64::try_from(limit).unwrap_or(51));
        found.extend(newest.load::<String>(conn)?);
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    found.truncate(limit);
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
            .limit(i64::try_from(most).unwrap_or(201))
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
