//! The list of credentials: filters, search, four orders, pages by key.
//!
//! Search matches the start of any word. Words of hosts and accounts are marked, so that a reader who may
//! not see them cannot find them either.

use super::credential::{Badge, Credential, Environment, InWorkspace, live_in};
use super::status::Status;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{credential_words as words, credentials};
use crate::db::types::text_enum;
use crate::error::{Error, Result};
use crate::fold;
use crate::id::Id;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// In front of words that only admins and support may search.
pub const PRIVATE_MARK: char = '\u{1}';
/// A word with at most so many holders is looked up; a more common one is tested along the order.
const RARE: usize = 200;
/// More words in a search than this are ignored.
const MOST_TERMS: usize = 6;

text_enum! {
    /// The order of the list.
    Sort {
        /// The newest on top.
        Newest = "newest",
        /// By name.
        Name = "name",
        /// The worst status on top.
        Status = "status",
        /// The one used last on top.
        LastUsed = "last_used",
    }
}

/// What to list.
#[derive(Debug, Clone)]
pub struct Query {
    /// Words, each of which must begin some word of the credential.
    pub search: String,
    /// Only this service.
    pub integration: Option<String>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this environment.
    pub environment: Option<Environment>,
    /// The order.
    pub sort: Sort,
    /// Continue behind this one.
    pub after: Option<Cursor>,
    /// So many rows.
    pub limit: usize,
    /// Whether hosts and accounts may be searched.
    pub sees_private: bool,
}

/// One row of the list.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = credentials, check_for_backend(crate::db::MultiBackend))]
pub struct Row {
    /// Its id.
    pub id: Id<Credential>,
    /// Its name.
    pub name: String,
    /// The folded name, for the cursor.
    pub name_key: String,
    /// The service.
    pub integration: String,
    /// The way to sign in.
    pub method: String,
    /// What it is for.
    pub environment: Environment,
    /// A sentence about it.
    pub description: String,
    /// Where it leads.
    pub place: String,
    /// What the key says it is for.
    pub badge: Badge,
    /// Its state.
    pub status: Status,
    /// What the last check came to.
    pub outcome: String,
    /// The last hint.
    pub hint: String,
    /// “Connected as”.
    pub identity: String,
    /// When it was last checked.
    pub checked_at: Option<At>,
    /// When a check last passed.
    pub good_at: Option<At>,
    /// When it ends.
    pub expires_at: Option<At>,
    /// When a bot last used it; 1970 means never.
    pub last_used_at: At,
}

impl Row {
    /// One live credential as the list shows it.
    pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Option<Self>> {
        Ok(live_in(workspace)
            .filter(credentials::id.eq(id.as_str().to_owned()))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }
}

/// A place in the order: the key of the last row seen, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    key: String,
    id: String,
}

impl Cursor {
    /// Reads a cursor from an address; [`Error::BadRequest`] if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::BadRequest("The page that this address asks for does not exist.".into());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        Id::<Credential>::parse(&cursor.id).ok_or_else(bad)?;
        Ok(cursor)
    }

    /// The form it has in an address.
    pub fn text(&self) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).map_err(Error::internal)?))
    }

    fn of(row: &Row, sort: Sort) -> Self {
        let key = match sort {
            Sort::Newest => String::new(),
            Sort::Name => row.name_key.clone(),
            Sort::Status => row.status.as_str().to_owned(),
            Sort::LastUsed => row.last_used_at.micros().to_string(),
        };
        Self { key, id: row.id.to_string() }
    }
}

/// One page of the list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

/// Lists one page.
pub fn page(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query) -> Result<Page> {
    let mut found = filtered(workspace, query);
    match narrow(conn, workspace, query)? {
        Narrowed::All => {}
        Narrowed::None => return Ok(Page { rows: Vec::new(), next: None }),
        Narrowed::To(ids) => found = found.filter(credentials::id.eq_any(ids)),
    }
    for term in terms(&query.search) {
        let (low, high) = range(&term);
        let (private_low, private_high) = private_range(&term, query.sees_private);
        found = found.filter(exists(
            words::table
                .filter(words::workspace_id.eq(credentials::workspace_id))
                .filter(words::credential_id.eq(credentials::id))
                .filter(
                    words::word
                        .ge(low)
                        .and(words::word.lt(high))
                        .or(words::word.ge(private_low).and(words::word.lt(private_high))),
                ),
        ));
    }
    let limit = i64::try_from(query.limit).unwrap_or(50);
    let mut rows: Vec<Row> =
        ordered(behind(found, query)?, query.sort).limit(limit + 1).select(Row::as_select()).load(conn)?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = if more { rows.last().map(|row| Cursor::of(row, query.sort)) } else { None };
    Ok(Page { rows, next })
}

fn filtered<'a>(workspace: &Id<Workspace>, query: &Query) -> InWorkspace<'a> {
    let mut found = live_in(workspace);
    if let Some(integration) = &query.integration {
        found = found.filter(credentials::integration.eq(integration.clone()));
    }
    if let Some(status) = query.status {
        found = found.filter(credentials::status.eq(status));
    }
    if let Some(environment) = query.environment {
        found = found.filter(credentials::environment.eq(environment));
    }
    found
}

fn behind<'a>(found: InWorkspace<'a>, query: &Query) -> Result<InWorkspace<'a>> {
    let Some(Cursor { key, id }) = query.after.clone() else { return Ok(found) };
    let bad = || Error::BadRequest("The page that this address asks for does not exist.".into());
    Ok(match query.sort {
        Sort::Newest => found.filter(credentials::id.lt(id)),
        Sort::Name => found
            .filter(credentials::name_key.ge(key.clone()))
            .filter(credentials::name_key.gt(key).or(credentials::id.gt(id))),
        Sort::Status => {
            let status = Status::parse(&key).ok_or_else(bad)?;
            found
                .filter(credentials::status.ge(status))
                .filter(credentials::status.gt(status).or(credentials::id.lt(id)))
        }
        Sort::LastUsed => {
            let at = key.parse().ok().and_then(At::from_micros).ok_or_else(bad)?;
            found
                .filter(credentials::last_used_at.le(at))
                .filter(credentials::last_used_at.lt(at).or(credentials::id.lt(id)))
        }
    })
}

fn ordered(found: InWorkspace<'_>, sort: Sort) -> InWorkspace<'_> {
    match sort {
        Sort::Newest => found.order(credentials::id.desc()),
        Sort::Name => found.order((credentials::name_key.asc(), credentials::id.asc())),
        Sort::Status => found.order((credentials::status.asc(), credentials::id.desc())),
        Sort::LastUsed => found.order((credentials::last_used_at.desc(), credentials::id.desc())),
    }
}

enum Narrowed {
    All,
    None,
    To(Vec<String>),
}

/// Looks for a word with few holders, so that the rest is tested on those alone.
fn narrow(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query) -> Result<Narrowed> {
    let mut best = Narrowed::All;
    let mut least = RARE + 1;
    for term in terms(&query.search) {
        let holders = holders(conn, workspace, &term, query.sees_private)?;
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

/// Up to [`RARE`] + 1 holders of a word that begins so.
fn holders(conn: &mut Conn, workspace: &Id<Workspace>, term: &str, sees_private: bool) -> Result<Vec<String>> {
    let most = RARE + 1;
    let mut found: Vec<String> = Vec::new();
    let mut ranges = vec![range(term)];
    if sees_private {
        ranges.push(private_range(term, true));
    }
    for (low, high) in ranges {
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

fn terms(search: &str) -> Vec<String> {
    let mut terms = fold::words(search);
    terms.truncate(MOST_TERMS);
    terms
}

/// Every text that begins with `term` lies in `[low, high)`.
fn range(term: &str) -> (String, String) {
    (term.to_owned(), format!("{term}\u{10ffff}"))
}

fn private_range(term: &str, sees_private: bool) -> (String, String) {
    if sees_private { range(&format!("{PRIVATE_MARK}{term}")) } else { (String::new(), String::new()) }
}

/// Deleted credentials of a workspace, the last deleted on top; at most `limit`.
pub fn deleted(conn: &mut Conn, workspace: &Id<Workspace>, limit: i64) -> Result<Vec<Credential>> {
    Ok(credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_not_null()))
        .order((credentials::deleted_at.desc(), credentials::id.desc()))
        .limit(limit)
        .select(Credential::as_select())
        .load(conn)?)
}

/// The services of the newest credentials, each once: what to offer first.
pub fn recent_integrations(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<String>> {
    let newest: Vec<String> =
        live_in(workspace).order(credentials::id.desc()).limit(30).select(credentials::integration).load(conn)?;
    let mut seen = Vec::new();
    for id in newest {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::{Cursor, range};
    use crate::id::Id;

    #[test]
    fn cursors_survive_addresses_and_nonsense_is_refused() {
        let cursor = Cursor { key: "ação".into(), id: Id::<super::Credential>::new().to_string() };
        assert_eq!(Cursor::parse(&cursor.text().unwrap()).unwrap(), cursor);
        for bad in ["", "1e18", "-1", "AAAA", "eyJrZXkiOiIiLCJpZCI6IicgT1IgMT0xLS0ifQ"] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_holds_what_begins_so() {
        let (low, high) = range("pro");
        assert!("pro" >= low.as_str() && "producao" < high.as_str() && "prp" > high.as_str());
    }
}
