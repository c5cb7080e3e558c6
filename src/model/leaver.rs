//! What somebody who goes leaves behind in a workspace: they have seen the secrets they entered.

use super::credential::Credential;
use super::user::User;
use super::workspace::Workspace;
use crate::db::Conn;
use crate::db::schema::{credential_versions, credentials};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// So many are listed.
pub const LISTED: i64 = 500;

/// The credentials of a workspace that somebody made, or gave the secret that is in use; by name.
pub fn credentials_of(conn: &mut Conn, workspace: &Id<Workspace>, user: &Id<User>) -> Result<Vec<Credential>> {
    let entered = credential_versions::table
        .filter(credential_versions::workspace_id.eq(workspace))
        .filter(credential_versions::created_by.eq(user.as_str()))
        .filter(credential_versions::sealed.is_not_null())
        .select(credential_versions::credential_id);
    Ok(credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::deleted_at.is_null()))
        .filter(credentials::created_by.eq(user.as_str()).or(credentials::id.eq_any(entered)))
        .order(credentials::name_key)
        .limit(LISTED)
        .select(Credential::as_select())
        .load(conn)?)
}
