//! The list of credentials: filters, search, four orders, pages by key.
//!
//! Search matches the start of any word. Words of hosts and accounts are marked, so that a reader who may
//! not see them cannot find them either.

use super::credential::{Badge, Credential, Environment, InWorkspace, live_in};
use super::credential_search::{Narrowed, holds, narrow, terms};
use super::status::Status;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{credential_words as words, credentials};
use crate::db::types::text_enum;
use crate::error::{Error, Result};
use crate::id::Id;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// In front of words that only admins and support may search.
pub const PRIVATE_MARK: char = '\u{1}';

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

impl Query {
    /// Whether it asks for the newest of all.
    fn is_of_newest(&self) -> bool {
        let filtered = self.integration.is_some() || self.status.is_some() || self.environment.is_some();
        self.sort == Sort::Newest && self.after.is_none() && !filtered && terms(&self.search).is_empty()
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    key: String,
    pub(super) id: String,
}

impl Cursor {
    /// Reads a cursor from an address; [`Error::BadRequest`] if it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| no_such_page())?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| no_such_page())?;
        Id::<Credential>::parse(&cursor.id).ok_or_else(no_such_page)?;
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

    /// The time that the key stands for. None is before 1970, where calendars of databases end at different years.
    fn time(&self) -> Result<At> {
        let at = self.key.parse().ok().and_then(At::from_micros);
        at.filter(|at| *at >= At::EPOCH).ok_or_else(no_such_page)
    }
}

fn no_such_page() -> Error {
    Error::BadRequest("The page that this address asks for does not exist.".into())
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
    let mut rows = match narrow(conn, workspace, query)? {
        Narrowed::None => Vec::new(),
        Narrowed::Page(rows) => rows,
        Narrowed::To(ids) => along(conn, workspace, query, Some(&ids))?,
        Narrowed::All => along(conn, workspace, query, None)?,
    };
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = if more { rows.last().map(|row| Cursor::of(row, query.sort)) } else { None };
    Ok(Page { rows, next })
}

/// What fits, along the order from the cursor on; one more than a page.
fn along(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query, ids: Option<&[String]>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    for stretch in stretches(query)? {
        let left = i64::try_from((query.limit + 1).saturating_sub(rows.len())).unwrap_or(0);
        if left > 0 {
            let found = within(matching(workspace, query, ids), stretch);
            rows.extend(ordered(found, query.sort).limit(left).select(Row::as_select()).load::<Row>(conn)?);
        }
    }
    Ok(rows)
}

/// What fits filters and search, in no order.
fn matching<'a>(workspace: &Id<Workspace>, query: &Query, ids: Option<&[String]>) -> InWorkspace<'a> {
    let mut found = filtered(workspace, query);
    if let Some(ids) = ids {
        found = found.filter(credentials::id.eq_any(ids.to_vec()));
    }
    for term in terms(&query.search) {
        found = found.filter(holds!(&term, query.sees_private));
    }
    found
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

/// A part of the order that an index can go to directly.
enum Stretch {
    Whole,
    BehindId(String),
    BehindName(String, String),
    SameStatus(Status, String),
    BetterStatus(Status),
    UsedThen(At, String),
    UsedBefore(At),
}

/// What lies behind the cursor. Where many share a key, the rest of those and what follows them are two
/// stretches: one condition for both would walk over all that come before the cursor.
fn stretches(query: &Query) -> Result<Vec<Stretch>> {
    let Some(after) = &query.after else { return Ok(vec![Stretch::Whole]) };
    let id = after.id.clone();
    Ok(match query.sort {
        Sort::Newest => vec![Stretch::BehindId(id)],
        Sort::Name => vec![Stretch::BehindName(after.key.clone(), id)],
        Sort::Status => {
            let status = Status::parse(&after.key).ok_or_else(no_such_page)?;
            vec![Stretch::SameStatus(status, id), Stretch::BetterStatus(status)]
        }
        Sort::LastUsed => {
            let at = after.time()?;
            vec![Stretch::UsedThen(at, id), Stretch::UsedBefore(at)]
        }
    })
}

fn within(found: InWorkspace<'_>, stretch: Stretch) -> InWorkspace<'_> {
    match stretch {
        Stretch::Whole => found,
        Stretch::BehindId(id) => found.filter(credentials::id.lt(id)),
        Stretch::BehindName(key, id) => found
            .filter(credentials::name_key.ge(key.clone()))
            .filter(credentials::name_key.gt(key).or(credentials::id.gt(id))),
        Stretch::SameStatus(status, id) => found.filter(credentials::status.eq(status)).filter(credentials::id.lt(id)),
        Stretch::BetterStatus(status) => found.filter(credentials::status.gt(status)),
        Stretch::UsedThen(at, id) => found.filter(credentials::last_used_at.eq(at)).filter(credentials::id.lt(id)),
        Stretch::UsedBefore(at) => found.filter(credentials::last_used_at.lt(at)),
    }
}

fn ordered(found: InWorkspace<'_>, sort: Sort) -> InWorkspace<'_> {
    match sort {
        Sort::Newest => found.order(credentials::id.desc()),
        Sort::Name => found.order((credentials::name_key.asc(), credentials::id.asc())),
        Sort::Status => found.order((credentials::status.asc(), credentials::id.desc())),
        Sort::LastUsed => found.order((credentials::last_used_at.desc(), credentials::id.desc())),
    }
}

/// One page of the deleted credentials of a workspace, the last deleted on top, and where the next page begins, if
/// there is one.
///
/// # Errors
/// [`Error::BadRequest`] for a cursor of another list.
pub fn deleted(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<Credential>, Option<Cursor>)> {
    let mut query = credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_not_null()))
        .order((credentials::deleted_at.desc(), credentials::id.desc()))
        .limit(i64::try_from(limit + 1).unwrap_or(i64::MAX))
        .select(Credential::as_select())
        .into_boxed();
    if let Some(last) = after {
        let at = last.time()?;
        query = query
            .filter(credentials::deleted_at.le(at))
            .filter(credentials::deleted_at.lt(at).or(credentials::id.lt(&last.id)));
    }
    let mut rows: Vec<Credential> = query.load(conn)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).and_then(|row| Some((row.deleted_at?, &row.id)));
    let next = last.map(|(at, id)| Cursor { key: at.micros().to_string(), id: id.to_string() });
    Ok((rows, next))
}

/// Whether a workspace has deleted credentials that can still be restored.
pub fn has_deleted(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<bool> {
    let one: Option<String> = credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_not_null()))
        .order((credentials::deleted_at.desc(), credentials::id.desc()))
        .select(credentials::id)
        .first(conn)
        .optional()?;
    Ok(one.is_some())
}

/// Credentials whose services are offered first.
const RECENT: usize = 30;

/// The services of the newest credentials, each once: what to offer first.
pub fn recent_integrations(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<String>> {
    let newest: Vec<String> = live_in(workspace)
        .order(credentials::id.desc())
        .limit(i64::try_from(RECENT).unwrap_or(30))
        .select(credentials::integration)
        .load(conn)?;
    Ok(each_once(newest))
}

/// The same, from a page that was asked for with `query` where it shows them anyway.
pub fn recent_beside(conn: &mut Conn, workspace: &Id<Workspace>, query: &Query, page: &Page) -> Result<Vec<String>> {
    if query.is_of_newest() && (page.next.is_none() || page.rows.len() >= RECENT) {
        Ok(each_once(page.rows.iter().take(RECENT).map(|row| row.integration.clone())))
    } else {
        recent_integrations(conn, workspace)
    }
}

fn each_once(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for id in ids {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::Cursor;
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
    fn a_key_of_time_is_a_time_that_both_databases_know() {
        let of = |key: &str| Cursor { key: key.into(), id: Id::<super::Credential>::new().to_string() };
        assert_eq!(of("1790000000000000").time().unwrap().micros(), 1_790_000_000_000_000);
        for bad in ["", "x", "1e18", "-1", "-8000000000000000000", "9223372036854775807"] {
            assert!(of(bad).time().is_err(), "{bad}");
        }
    }
}
