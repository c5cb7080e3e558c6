//! The names of what audit lines speak of, and what a person types for a credential.

use super::user::User;
use super::workspace::Workspace;
use crate::db::Conn;
use crate::db::schema::{bot_tokens, bots, credentials, memberships, users};
use crate::error::Result;
use crate::fold::fold;
use crate::id::Id;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// So many people are offered as a filter.
const PEOPLE: i64 = 200;

/// Something with a name.
#[derive(Debug, Clone)]
pub struct Thing {
    /// What people call it.
    pub name: String,
    /// Whether it has a page.
    pub is_there: bool,
}

/// The credentials and bots of these ids, deleted ones too.
pub fn things(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[String]) -> Result<BTreeMap<String, Thing>> {
    let credentials = credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq_any(ids)))
        .select((credentials::id, credentials::name, credentials::deleted_at.is_null()))
        .load::<(String, String, bool)>(conn)?;
    let bots = bots::table
        .filter(bots::workspace_id.eq(workspace).and(bots::id.eq_any(ids)))
        .select((bots::id, bots::name, bots::deleted_at.is_null()))
        .load::<(String, String, bool)>(conn)?;
    let all = credentials.into_iter().chain(bots);
    Ok(all.map(|(id, name, is_there)| (id, Thing { name, is_there })).collect())
}

/// What whoever did something is called, by id: people by their names, tokens as “the token …”.
pub fn who(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[String]) -> Result<Vec<(String, String)>> {
    let mut all = User::names(conn, ids)?;
    let tokens: Vec<(String, String)> = bot_tokens::table
        .filter(bot_tokens::workspace_id.eq(workspace).and(bot_tokens::id.eq_any(ids)))
        .select((bot_tokens::id, bot_tokens::name))
        .load(conn)?;
    all.extend(tokens.into_iter().map(|(id, name)| (id, format!("the token “{name}”"))));
    Ok(all)
}

/// The members of a workspace by name, for the filter.
pub fn people(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<Vec<(String, String)>> {
    Ok(memberships::table
        .inner_join(users::table.on(users::id.eq(memberships::user_id)))
        .filter(memberships::workspace_id.eq(workspace))
        .order((users::name, users::id))
        .limit(PEOPLE)
        .select((users::id, users::name))
        .load(conn)?)
}

/// The id of the credential of this id, handle or name; the one of an id even if it is gone for good.
pub fn credential(conn: &mut Conn, workspace: &Id<Workspace>, typed: &str) -> Result<Option<String>> {
    if let Some(id) = Id::<super::credential::Credential>::parse(typed) {
        return Ok(Some(id.to_string()));
    }
    let is_called = credentials::handle.eq(typed).or(credentials::name_key.eq(fold(typed)));
    Ok(credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(is_called))
        .order(credentials::id.desc())
        .select(credentials::id)
        .first(conn)
        .optional()?)
}
