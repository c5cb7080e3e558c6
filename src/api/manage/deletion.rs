//! Deleting for a while, bringing back, removing for good; and switching off for a while.

use super::body::{Body, Text};
use super::credential::{Detail, now};
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::{self, Details, FieldError, More, Problem};
use crate::app::App;
use crate::change::delete::{self, SignIn};
use crate::change::details::{DetailRemarks, checked_name};
use crate::error::Error;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Deleting, LONGEST_SUSPENSION_H, Saved};
use crate::model::permission::{DeleteCredential, RestoreCredential, SuspendCredential};
use actix_web::{HttpResponse, web};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of a credential that was deleted.
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    /// Its id, to restore it.
    id: String,
    /// What became of its sign-in at the service: `none` (there was none), `ended`, `stays` (the service has no way to
    /// end it), `shared` (another credential is signed in with the same account, so it was left) or `refused`.
    sign_in: &'static str,
}

/// Another name, where the old one is taken meanwhile.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restoration {
    /// The name; what it had unless it is sent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Option<Text>,
    /// The revision that was looked at; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// For how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// Hours, 1 to 8784; 0 switches it on again.
    hours: i64,
    /// The revision that was looked at; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// Deletes a credential; it can be restored for a while. One that a published bot uses, or that was used in the last
/// thirty days, goes only with its name as `confirm_name`.
#[utoipa::path(
    delete,
    path = "/api/v1/credentials/{credential}",
    tag = "management",
    params(
        ("credential" = String, Path, description = "Its handle or id"),
        ("confirm_name" = Option<String>, Query, description = "Its name, where bots would notice"),
        ("revision" = Option<i64>, Query, minimum = 1, description = "The revision that was looked at; judged if it is sent"),
    ),
    responses(
        (status = 200, description = "It is deleted", body = Deleted),
        (status = "default", description = "A problem; one of the type in-use names the bots that would notice", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn destroy(managed: Managed<DeleteCredential>, app: web::Data<App>) -> Answer {
    let query = managed.query(&["confirm_name", "revision"])?;
    let (revision, confirmed) = (query.number("revision")?, query.text("confirm_name").unwrap_or_default().to_owned());
    let row = managed.credential(&app).await?;
    let (deleted, sign_in) = delete::delete(&app, &managed.allowed, &row, revision, confirmed).await?;
    match deleted {
        Deleting::Done => json(&Deleted {
            id: row.id.to_string(),
            sign_in: match sign_in {
                SignIn::None => "none",
                SignIn::Stays => "stays",
                SignIn::Shared(_) => "shared",
                SignIn::Ended => "ended",
                SignIn::Refused => "refused",
            },
        }),
        Deleting::Unconfirmed(bots) => Err(in_use(&row.name, bots)),
        Deleting::Stale(now) => Err(refusal::stale_row(&now)),
    }
}

/// What would be missed is named.
pub(super) fn in_use(name: &str, bots: Vec<String>) -> Problem {
    let who = if bots.is_empty() { "A bot".to_owned() } else { bots.join(", ") };
    let text = format!("{who} would notice. Send “{name}” as confirm_name to delete it all the same.");
    let errors =
        vec![FieldError { field: "confirm_name".to_owned(), code: "confirm_name".to_owned(), text: text.clone() }];
    let more = More { bots, ..More::default() };
    Problem { errors, more: Box::new(more), ..Problem::new(&problem::IN_USE, text) }
}

fn id(name: &str) -> Result<Id<Credential>, Problem> {
    Ok(Id::parse(name).ok_or(Error::NotFound)?)
}

/// Brings a deleted credential back.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/restoration",
    tag = "management",
    params(("credential" = String, Path, description = "Its id")),
    request_body = Option<Restoration>,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn restore(managed: Managed<RestoreCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: Restoration = body.read().await?;
    let id = id(&managed.named("credential"))?;
    let name = sent.name.map(|name| checked_name(&app.catalog, &name)).transpose();
    let name = name.map_err(|found| refusal::invalid(vec![refusal::remark("name", &found)]))?;
    let (workspace, wanted) = (managed.workspace().clone(), id.clone());
    let row = app.db.read(move |conn| Credential::get_deleted(conn, &workspace, &wanted)).await?;
    let service = super::service(&app, &row);
    let (means, allowed, unit) = (app.means.clone(), managed.allowed.clone(), id.clone());
    let restored = move |tx: &mut crate::db::Tx<'_>| {
        credential_change::restore(tx, &means, &allowed, &unit, sent.revision, &service, name.as_deref())
    };
    match app.db.write(restored).await? {
        Saved::Done => json(&now(&app, managed.workspace(), &id).await?),
        Saved::Stale(now) => Err(refusal::stale_row(&now)),
        Saved::NameTaken(holder) => {
            let wrong = refusal::of_details(&DetailRemarks::name_taken(&holder));
            Err(refusal::of_fields(&problem::CONFLICT, wrong))
        }
    }
}

/// Removes a deleted credential for good.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/purge",
    tag = "management",
    params(
        ("credential" = String, Path, description = "Its id"),
        ("revision" = Option<i64>, Query, minimum = 1, description = "The revision that was looked at; judged if it is sent"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn purge(managed: Managed<DeleteCredential>, app: web::Data<App>) -> Answer {
    let revision = managed.query(&["revision"])?.number("revision")?;
    let id = id(&managed.named("credential"))?;
    let (means, allowed) = (app.means.clone(), managed.allowed.clone());
    match app.db.write(move |tx| credential_change::purge(tx, &means, &allowed, &id, revision)).await? {
        Saved::Stale(now) => Err(refusal::stale_row(&now)),
        Saved::Done | Saved::NameTaken(_) => Ok(HttpResponse::NoContent().finish()),
    }
}

/// Switches a credential off for some hours, or on again. Bots are refused meanwhile, and its values stay.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/suspension",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = Suspension,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn suspend(managed: Managed<SuspendCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: Suspension = body.read().await?;
    let row = managed.credential(&app).await?;
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), row.id.clone());
    let revision = sent.revision;
    let saved = match sent.hours {
        0 => app.db.write(move |tx| credential_change::resume(tx, &means, &allowed, &id, revision)).await?,
        hours @ 1..=LONGEST_SUSPENSION_H => {
            let until = Some(app.means.now().plus(TimeDelta::hours(hours)));
            app.db.write(move |tx| credential_change::suspend(tx, &means, &allowed, &id, revision, until)).await?
        }
        _ => {
            let text = "Say for how many hours it shall be off: 1 to 8784, or 0 to switch it on now.".to_owned();
            let error = FieldError { field: "hours".to_owned(), code: "invalid".to_owned(), text };
            return Err(refusal::invalid(vec![error]));
        }
    };
    match saved {
        Saved::Done | Saved::NameTaken(_) => json(&now(&app, managed.workspace(), &row.id).await?),
        Saved::Stale(now) => Err(refusal::stale_row(&now)),
    }
}
