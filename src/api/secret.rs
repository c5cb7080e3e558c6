//! The values of a credential, for a token with the scope `fetch`.

use super::answer::{Answer, instant, json, query, tagged};
use super::problem::{Details, Problem};
use super::{caller, take};
use crate::app::App;
use crate::broker::handed::{Handed, hand_out};
use crate::model::bot_use::{Asked, Purpose, Wanted};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, web};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The header that tells the number of the version.
pub const VERSION: HeaderName = HeaderName::from_static("credenza-version");

/// A credential with its values.
#[derive(Serialize, ToSchema)]
pub struct Secret<'a> {
    /// Its id.
    id: &'a str,
    /// Its handle, which never changes.
    handle: &'a str,
    /// What people call it.
    name: &'a str,
    /// The service.
    integration: &'a str,
    /// The way to sign in.
    method: &'a str,
    /// `production`, `test`, or empty.
    environment: &'a str,
    /// Its status: `working`, `expiring` or `unverified`.
    status: &'a str,
    /// The number of the version that these values are of.
    version: i64,
    /// When these values end, where that is known (RFC 3339).
    expires_at: Option<String>,
    /// The values by the names of their fields; of OAuth credentials the live token as `access_token`.
    values: BTreeMap<&'a str, &'a str>,
}

/// The values of one credential.
#[utoipa::path(
    get,
    path = "/api/v1/credentials/{credential}/secret",
    tag = "bots",
    params(
        ("credential" = String, Path, description = "Its handle or id"),
        ("version" = Option<i64>, Query, minimum = 1, description = "Another version than the one in use, while an overlap lasts"),
    ),
    responses(
        (status = 200, description = "The values", body = Secret, headers(("ETag" = String), ("Credenza-Version" = i64))),
        (status = 304, description = "What If-None-Match names is still right"),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn of_credential(req: HttpRequest, app: web::Data<App>, name: web::Path<String>) -> Answer {
    fetch(req, app, Wanted::Credential(name.into_inner())).await
}

/// The values of the credential that a block chose.
#[utoipa::path(
    get,
    path = "/api/v1/blocks/{key}/secret",
    tag = "bots",
    params(
        ("key" = String, Path, description = "The block's key"),
        ("version" = Option<i64>, Query, minimum = 1, description = "Another version than the one in use, while an overlap lasts"),
    ),
    responses(
        (status = 200, description = "The values", body = Secret, headers(("ETag" = String), ("Credenza-Version" = i64))),
        (status = 304, description = "What If-None-Match names is still right"),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn of_block(req: HttpRequest, app: web::Data<App>, key: web::Path<String>) -> Answer {
    fetch(req, app, Wanted::Block(key.into_inner())).await
}

async fn fetch(req: HttpRequest, app: web::Data<App>, wanted: Wanted) -> Answer {
    let caller = caller::bearer(&app, &req).await?;
    let query = query(&req, &["version"])?;
    let version = query.number("version")?;
    query.judge_before(&app, &caller).await?;
    let granted = take::granted(&app, Asked { caller, purpose: Purpose::Fetch, wanted, version }).await?;
    let handed = hand_out(&app.broker(), &app.sessions, &granted).await?.map_err(Problem::from)?;
    let mut answer = tagged(&req, &handed.tag, || json(&shown(&handed)))?;
    answer.headers_mut().insert(VERSION, HeaderValue::from(handed.granted.version.version));
    Ok(answer)
}

fn shown<'a>(handed: &'a Handed<'_>) -> Secret<'a> {
    let row = &handed.granted.row;
    Secret {
        id: row.id.as_str(),
        handle: &row.handle,
        name: &row.name,
        integration: &row.integration,
        method: &row.method,
        environment: row.environment.as_str(),
        status: row.status.as_str(),
        version: handed.granted.version.version,
        expires_at: handed.expires_at.map(instant),
        values: handed.values.iter().map(|(name, value)| (name.as_str(), value.expose())).collect(),
    }
}
