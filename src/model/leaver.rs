//! What somebody who goes leaves behind in a workspace: they have seen the secrets they entered.

use super::bot::Bot;
use super::bot_token::BotToken;
use super::credential::Credential;
use super::user::User;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{bot_tokens as tokens, bots, credential_versions, credentials, oauth_grants};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// So many are listed.
pub const LISTED: i64 = 500;

/// The credentials of a workspace that somebody made, gave the secret that is in use, or connected as themselves; by
/// name.
pub fn credentials_of(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>) -> Result<Vec<Credential>> {
    let entered = credential_versions::table
        .filter(credential_versions::workspace_id.eq(workspace))
        .filter(credential_versions::created_by.eq(user.as_str()))
        .filter(credential_versions::sealed.is_not_null())
        .select(credential_versions::credential_id);
    let connected = oauth_grants::table
        .filter(oauth_grants::workspace_id.eq(workspace).and(oauth_grants::connected_by.eq(user.as_str())))
        .select(oauth_grants::credential_id);
    let known = credentials::id.eq_any(entered).or(credentials::id.eq_any(connected));
    Ok(credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_null()))
        .filter(credentials::created_by.eq(user.as_str()).or(known))
        .order(credentials::name_key)
        .limit(LISTED)
        .select(Credential::as_select())
        .load(conn)?)
}

/// A token that somebody made and that still works.
#[derive(Debug, Queryable)]
pub struct Made {
    /// Its id.
    pub id: Id<BotToken>,
    /// Its name.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// When it ends.
    pub ends: At,
    /// When it was last used.
    pub used: Option<At>,
    /// Its bot, unless it manages the workspace.
    pub bot: Option<(Id<Bot>, String)>,
}

/// The tokens of a workspace that somebody made and that still work: they have seen them. By name.
pub fn tokens_of(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>, now: At) -> Result<Vec<Made>> {
    let of_token = bots::workspace_id.eq(tokens::workspace_id).and(bots::id.nullable().eq(tokens::bot_id));
    Ok(tokens::table
        .left_join(bots::table.on(of_token))
        .filter(tokens::workspace_id.eq(workspace).and(tokens::created_by.eq(user.as_str())))
        .filter(tokens::revoked_at.is_null().and(tokens::expires_at.gt(now)))
        .order((tokens::name, tokens::id))
        .limit(LISTED)
        .select((
            tokens::id,
            tokens::name,
            tokens::prefix,
            tokens::expires_at,
            tokens::last_used_at,
            (bots::id, bots::name).nullable(),
        ))
        .load(conn)?)
}
