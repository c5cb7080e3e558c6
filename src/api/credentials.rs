//! The credentials that a token is for: what may be said of them, never their values.

use super::answer::{Answer, instant, json, query};
use super::problem::Details;
use super::{caller, take};
use crate::app::App;
use crate::model::bot_token::Scope;
use crate::model::bot_use::within_reach;
use crate::model::credential::Credential;
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

/// So many are on one page.
pub const PAGE: i64 = 100;

/// A credential without its values.
#[derive(Serialize, ToSchema)]
#[schema(as = Credential)]
pub struct Metadata {
    /// Its id.
    id: String,
    /// Its handle, which never changes.
    handle: String,
    /// What people call it.
    name: String,
    /// The service.
    integration: String,
    /// The way to sign in.
    method: String,
    /// `production`, `test`, or empty.
    environment: String,
    /// Its status.
    status: String,
    /// The version in use.
    version: i64,
    /// When it was last checked (RFC 3339).
    checked_at: Option<String>,
    /// When it ends, where that is known (RFC 3339).
    expires_at: Option<String>,
}

impl From<Credential> for Metadata {
    fn from(row: Credential) -> Self {
        Self {
            id: row.id.to_string(),
            handle: row.handle,
            name: row.name,
            integration: row.integration,
            method: row.method,
            environment: row.environment.to_string(),
            status: row.status.to_string(),
            version: row.live_version,
            checked_at: row.checked_at.map(instant),
            expires_at: row.expires_at.map(instant),
        }
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct Credentials {
    /// The credentials, by handle.
    pub(super) credentials: Vec<Metadata>,
    /// What to ask for as `after` to get the next page; none on the last.
    pub(super) next: Option<String>,
}

/// The credentials that the token is for.
#[utoipa::path(
    get,
    path = "/api/v1/credentials",
    tag = "bots",
    params(("after" = Option<String>, Query, description = "Continue behind this handle")),
    responses(
        (status = 200, description = "One page", body = Credentials),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn index(req: HttpRequest, app: web::Data<App>) -> Answer {
    let caller = caller::bearer(&app, &req).await?;
    let query = query(&req, &["after"])?;
    let token = take::recognised(&app, &caller, &[Scope::Use, Scope::Fetch]).await?;
    query.judge(&app, &token).await?;
    let after = query.text("after").unwrap_or_default().to_owned();
    let mut rows = app.db.read(move |conn| within_reach(conn, &token, &after, PAGE + 1)).await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    rows.truncate(usize::try_from(PAGE).unwrap_or_default());
    let next = rows.last().filter(|_| more).map(|row| row.handle.clone());
    json(&Credentials { credentials: rows.into_iter().map(Metadata::from).collect(), next })
}
