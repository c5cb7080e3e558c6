//! The credentials that a token is for: what may be said of them, never their values.

use super::answer::{self, Answer, instant, json};
use super::manage::listed;
use super::problem::Details;
use super::{caller, take};
use crate::app::App;
use crate::model::bot_token::Scope;
use crate::model::bot_use::within_reach;
use crate::model::credential::Credential;
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

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
    #[serde(flatten)]
    facts: Facts,
}

/// What only a token that manages is told; a bot gets none of it.
#[derive(Default, Serialize, ToSchema)]
pub struct Facts {
    /// Counts changes: send it back with a change, so that two editors cannot overwrite each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    /// A sentence about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Words it is found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// Where it leads: host and port, or an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    /// “Connected as”, as the service told at the last good check.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// `live`, `test`, or empty: what the key says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_environment: Option<String>,
    /// What the last check came to; empty before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// The code of the last hint; empty when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What is wrong and what to do; empty when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// When a check last passed (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    good_at: Option<String>,
    /// When a bot last used it (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// Until when it is switched off, where an end was set (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_until: Option<String>,
    /// When it was made (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    /// When it was deleted (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

/// The names of people and tokens by id; whoever is not among them is the operator.
pub type Who = Vec<(String, String)>;

/// What somebody is called.
pub fn called(who: &Who, id: &str) -> String {
    who.iter().find(|(known, _)| known == id).map_or_else(|| "the operator".to_owned(), |(_, name)| name.clone())
}

impl Metadata {
    /// What a token that manages is told.
    pub(super) fn managed(row: Credential, who: &Who) -> Self {
        let facts = Facts {
            revision: Some(row.revision),
            description: Some(row.description.clone()),
            tags: Some(row.tags.0.clone()),
            place: Some(row.place.clone()),
            account: Some(row.identity.clone()),
            key_environment: Some(row.badge.as_str().to_owned()),
            outcome: Some(row.outcome.clone()),
            code: Some(row.code.clone()),
            hint: Some(row.hint.clone()),
            good_at: row.good_at.map(instant),
            last_used_at: row.last_used().map(instant),
            suspended_until: row.suspended_until.map(instant),
            created_at: Some(instant(row.created_at)),
            created_by: Some(called(who, &row.created_by)),
            deleted_at: row.deleted_at.map(instant),
        };
        Self { facts, ..Self::from(row) }
    }
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
            facts: Facts::default(),
        }
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct Credentials {
    /// The credentials: by handle for a bot, the newest first for a token that manages unless it says otherwise.
    pub(super) credentials: Vec<Metadata>,
    /// What to ask for as `after` to get the next page; none on the last.
    pub(super) next: Option<String>,
}

/// The credentials that the token is for; all of the workspace for one that manages.
#[utoipa::path(
    get,
    path = "/api/v1/credentials",
    tag = "bots",
    params(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "Entries of a page; 100 unless it is sent"),
        ("after" = Option<String>, Query, description = "Continue behind this: what the page before gave as next"),
        ("q" = Option<String>, Query, description = "Manage: words, each of which begins a word of name, handle, service, place, account, description or tag"),
        ("integration" = Option<String>, Query, description = "Manage: only of this service"),
        ("status" = Option<String>, Query, description = "Manage: only with this status"),
        ("environment" = Option<String>, Query, description = "Manage: production or test"),
        ("sort" = Option<String>, Query, description = "Manage: newest, name, status or last_used"),
        ("deleted" = Option<bool>, Query, description = "Manage: those that can still be restored, the last one deleted first; without filters"),
    ),
    responses(
        (status = 200, description = "One page", body = Credentials),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn index(req: HttpRequest, app: web::Data<App>) -> Answer {
    let caller = caller::bearer(&app, &req).await?;
    let query = answer::asked(&req)?;
    let token = take::recognised(&app, &caller, &[Scope::Use, Scope::Fetch, Scope::Manage]).await?;
    query.judge(&app, &token).await?;
    if token.may(Scope::Manage) {
        let manager = take::manager(&app, &caller).await?;
        return listed::answer(&app, manager.workspace(), query).await;
    }
    let query = query.only(&["limit", "after"])?;
    let limit = query.limit()?;
    let after = query.text("after").unwrap_or_default().to_owned();
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = app.db.read(move |conn| within_reach(conn, &token, &after, most)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.handle.clone());
    json(&Credentials { credentials: rows.into_iter().map(Metadata::from).collect(), next })
}
