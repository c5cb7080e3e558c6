//! A change of a credential: of what people write about it, of its values, or of its name alone.

use super::body::{Body, Text, Values};
use super::create::input;
use super::credential::{Detail, now};
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::Details;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::catalog::schema::{FieldKind, Method};
use crate::change::details::{DetailRemarks, Written, checked_name};
use crate::change::edit;
use crate::change::kept::Kept;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Saved};
use crate::model::permission::{EditCredential, RenameCredential};
use crate::secret::Secret;
use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;

/// What is to change; everything that is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialChange {
    /// The revision that the change was made for.
    revision: i64,
    /// What people call it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Option<Text>,
    /// A sentence about it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Option<Text>,
    /// `production`, `test`, or empty.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    environment: Option<Text>,
    /// Words it is found by.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Vec<Text>>,
    /// Values by the names of their fields. Values that lead elsewhere ask for the secrets again.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: Values,
    /// The names of optional secrets to be removed.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    clear: Vec<Text>,
    /// Saves it although its service could not be asked.
    #[serde(default)]
    save_unverified: bool,
}

/// Another name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewName {
    /// The name.
    #[schema(value_type = String)]
    name: Text,
    /// The revision that the change was made for; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// What people write about a credential, with what is to change of it.
fn written(row: &Credential, sent: &CredentialChange) -> Written {
    let or = |new: &Option<Text>, old: &str| new.as_deref().unwrap_or(old).to_owned();
    let tags = sent.tags.as_ref().map(|tags| tags.iter().map(|tag| (**tag).to_owned()).collect());
    Written {
        name: or(&sent.name, &row.name),
        description: or(&sent.description, &row.description),
        environment: or(&sent.environment, row.environment.as_str()),
        tags: tags.unwrap_or_else(|| row.tags.0.clone()),
    }
}

/// A form leaves a switch out when it is off; here what is absent stays.
fn with_switches(method: &Method, kept: &Kept, mut values: Values) -> Values {
    for field in method.form_fields().filter(|field| field.kind == FieldKind::Switch) {
        let stored = kept.version.config.0.get(&field.name).map_or(field.default_text(), String::as_str);
        values.0.entry(field.name.clone()).or_insert_with(|| Secret::new(stored.to_owned()));
    }
    values
}

/// Changes a credential; values are verified before they are stored, and the old ones stay in use until then.
#[utoipa::path(
    patch,
    path = "/api/v1/credentials/{credential}",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = CredentialChange,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem; one of the type stale tells the revision", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn update(managed: Managed<EditCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let mut sent: CredentialChange = body.read().await?;
    let (workspace, id) = (managed.workspace(), managed.credential(&app).await?.id);
    let kept = Kept::load(&app, workspace, &id).await?;
    if sent.revision != kept.row.revision {
        return Err(refusal::stale_row(&kept.row));
    }
    let kind = kept.kind(&app)?;
    let values = with_switches(kind.1, &kept, std::mem::take(&mut sent.values));
    let clear = std::mem::take(&mut sent.clear).into_iter().map(String::from).collect();
    let input = input(kind.1, values, clear)?;
    let ready = edit::read(&app, &kept, kind, &written(&kept.row, &sent), input);
    let ready = ready.map_err(|refused| refusal::of(&refused))?;
    let how = (sent.revision, sent.save_unverified);
    let came = edit::store(&app, &managed.allowed, &kept, kind, ready, how).await?;
    refusal::settled(came, async || Ok(Kept::load(&app, workspace, &id).await?.row)).await?;
    json(&now(&app, workspace, &id).await?)
}

/// Gives a credential another name. It is never verified for that, its handle stays, and bots see nothing.
#[utoipa::path(
    put,
    path = "/api/v1/credentials/{credential}/name",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = NewName,
    responses(
        (status = 200, description = "The credential as it is now", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn rename(managed: Managed<RenameCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: NewName = body.read().await?;
    let row = managed.credential(&app).await?;
    let wrong = |found: &Remark| refusal::invalid(vec![refusal::remark("name", found)]);
    let name = checked_name(&app.catalog, &sent.name).map_err(|found| wrong(&found))?;
    let service = super::service(&app, &row);
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), row.id.clone());
    let renamed = move |tx: &mut crate::db::Tx<'_>| {
        credential_change::rename(tx, &means, &allowed, &id, sent.revision, &service, &name)
    };
    match app.db.write(renamed).await? {
        Saved::Done => json(&now(&app, managed.workspace(), &row.id).await?),
        Saved::NameTaken(holder) => Err(refusal::invalid(refusal::of_details(&DetailRemarks::name_taken(&holder)))),
        Saved::Stale(now) => Err(refusal::stale_row(&now)),
    }
}
