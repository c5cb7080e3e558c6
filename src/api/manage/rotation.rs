//! A new secret for the same thing; a staged one is served or taken back. And the live check of what is stored.

use super::body::{Body, Text, Values};
use super::create::input;
use super::credential::{Detail, now};
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::{self, Details, FieldError, Problem};
use crate::app::App;
use crate::change::kept::Kept;
use crate::change::rotate::{self, BAD_MOMENT, Plan};
use crate::change::verify;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::model::Means;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Staged};
use crate::model::permission::{Allowed, RotateCredential, VerifyCredential};
use actix_web::web;
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A new secret, and when it serves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The secrets by the names of their fields; everything else stays.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: Values,
    /// `now` (the default), `at` a moment, or `hand`: when it is promoted.
    #[serde(default)]
    #[schema(value_type = String)]
    serve: Text,
    /// The moment for `at`, in UTC (RFC 3339).
    #[serde(default)]
    #[schema(value_type = String)]
    serve_at: Text,
    /// Hours for which the one before it is kept from then on, so that it can be asked for and gone back to; 0 unless
    /// it is sent.
    #[serde(default)]
    keep_hours: Option<i64>,
    /// The revision that the change was made for; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
    /// Saves it although its service could not be asked.
    #[serde(default)]
    save_unverified: bool,
}

/// A step of a rotation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationStep {
    /// The revision that the change was made for; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// Enters a new secret: verified, then served at once, from a moment on, or when it is promoted.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/rotation",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = NewSecret,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem; one of the type not-verified carries what the check came to", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(managed: Managed<RotateCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: NewSecret = body.read().await?;
    let (workspace, id) = (managed.workspace(), managed.credential(&app).await?.id);
    let kept = Kept::load(&app, workspace, &id).await?;
    let kind = kept.kind(&app)?;
    if kind.1.needs_consent() {
        return Err(Problem::new(
            &problem::CONSENT_NEEDED,
            "This sign-in is renewed by a person's consent at the service.",
        ));
    }
    let plan = Plan::read(&sent.serve, &sent.serve_at, sent.keep_hours, app.means.now())?;
    let bad = || FieldError { field: "serve_at".to_owned(), code: "invalid".to_owned(), text: BAD_MOMENT.to_owned() };
    let plan = plan.ok_or_else(|| refusal::invalid(vec![bad()]))?;
    let input = input(kind.1, sent.values, BTreeSet::new())?;
    let how = (sent.revision, sent.save_unverified);
    let came = rotate::rotate(&app, &managed.allowed, &kept, kind, input, plan, how).await?;
    refusal::settled(came, async || Ok(Kept::load(&app, workspace, &id).await?.row)).await?;
    json(&now(&app, workspace, &id).await?)
}

/// Serves the staged version from now on.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/rotation/promote",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = Option<RotationStep>,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn promote(managed: Managed<RotateCredential>, body: Body, app: web::Data<App>) -> Answer {
    step(managed, body, app, credential_change::promote, "There is no staged version to serve.").await
}

/// Gives a staged version up, or goes back to the one that is kept.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/rotation/rollback",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = Option<RotationStep>,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn roll_back(managed: Managed<RotateCredential>, body: Body, app: web::Data<App>) -> Answer {
    let nothing = "There is no version to go back to: none is staged, and none before is kept any more.";
    step(managed, body, app, credential_change::roll_back, nothing).await
}

type Step = fn(&mut Tx<'_>, &Means, &Allowed<RotateCredential>, &Id<Credential>, Option<i64>, &str) -> Result<Staged>;

async fn step(
    managed: Managed<RotateCredential>,
    body: Body,
    app: web::Data<App>,
    step: Step,
    nothing: &'static str,
) -> Answer {
    managed.query(&[])?;
    let sent: RotationStep = body.read().await?;
    let row = managed.credential(&app).await?;
    let service = super::service(&app, &row);
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), row.id.clone());
    match app.db.write(move |tx| step(tx, &means, &allowed, &id, sent.revision, &service)).await? {
        Staged::Serves(_) => json(&now(&app, managed.workspace(), &row.id).await?),
        Staged::Stale(now) => Err(refusal::stale_row(&now)),
        Staged::Nothing => Err(Problem::new(&problem::CONFLICT, nothing)),
        Staged::Unreadable => {
            let text = "That version cannot be decrypted, so the one in use stays. Enter the secret again.";
            Err(Problem::new(&problem::CONFLICT, text))
        }
    }
}

/// Verifies what is stored, now. What it came to is `last_check`.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/checks",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn verify(managed: Managed<VerifyCredential>, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let row = managed.credential(&app).await?;
    verify::stored(&app, &managed.allowed, &row.id).await?;
    json(&now(&app, managed.workspace(), &row.id).await?)
}
