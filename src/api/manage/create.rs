//! A new credential: verified, then stored.

use super::body::{Body, LONGEST_NAME, Text, Values};
use super::credential::{Detail, now};
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::{self, Details, FieldError, Problem};
use crate::app::App;
use crate::catalog::form::Input;
use crate::catalog::schema::Method;
use crate::change::details::Written;
use crate::change::{self, create};
use crate::error::Error;
use crate::model::permission::CreateCredential;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::web;
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// A credential to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// The service, by its id in the catalogue.
    #[schema(value_type = String)]
    integration: Text,
    /// Its way to sign in, by its id.
    #[schema(value_type = String)]
    method: Text,
    /// What people call it; unique in the workspace. Its handle is made of it.
    #[schema(value_type = String)]
    name: Text,
    /// A sentence about it.
    #[serde(default)]
    #[schema(value_type = String)]
    description: Text,
    /// `production`, `test`, or empty.
    #[serde(default)]
    #[schema(value_type = String)]
    environment: Text,
    /// Words it is found by.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    tags: Vec<Text>,
    /// The values of the method's fields, by name; what is absent is its default.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    values: Values,
    /// Saves it although its service could not be asked.
    #[serde(default)]
    save_unverified: bool,
}

/// Values for the form of a method, every one of which it asks for.
///
/// # Errors
/// 422 that names the others.
pub(super) fn input(method: &Method, values: Values, clear: BTreeSet<String>) -> Result<Input, Problem> {
    let known: Vec<&str> = method.form_fields().map(|field| field.name.as_str()).collect();
    let unknown = values.0.keys().chain(&clear).filter(|name| !known.contains(&name.as_str()));
    let errors: Vec<FieldError> = unknown
        .map(|name| FieldError {
            field: format!("values.{}", name.chars().take(LONGEST_NAME).collect::<String>()),
            code: "unknown_field".to_owned(),
            text: format!("This way to sign in has no such field. It takes {}.", known.join(", ")),
        })
        .collect();
    if errors.is_empty() { Ok(Input { fields: values.0, clear }) } else { Err(refusal::invalid(errors)) }
}

/// Makes a credential: its values are verified by a live check before they are stored.
#[utoipa::path(
    post,
    path = "/api/v1/credentials",
    tag = "management",
    request_body = NewCredential,
    responses(
        (status = 201, description = "It is made", body = Detail, headers(("Location" = String))),
        (status = "default", description = "A problem; one of the type not-verified carries what the check came to", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(managed: Managed<CreateCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: NewCredential = body.read().await?;
    let kind = change::chosen(&app, &sent.integration, &sent.method).map_err(|error| {
        let remark = |field: &str, text: &str| FieldError {
            field: field.to_owned(),
            code: "unknown".to_owned(),
            text: text.to_owned(),
        };
        match (error, app.catalog.get(&sent.integration)) {
            (Error::Unprocessable(text), None) => refusal::invalid(vec![remark("integration", &text)]),
            (Error::Unprocessable(text), Some(_)) => refusal::invalid(vec![remark("method", &text)]),
            (error, _) => error.into(),
        }
    })?;
    if kind.1.needs_consent() {
        return Err(Problem::new(
            &problem::CONSENT_NEEDED,
            "This way to sign in needs a person's consent at the service.",
        ));
    }
    let input = input(kind.1, sent.values, BTreeSet::new())?;
    let written = Written {
        name: sent.name.into(),
        description: sent.description.into(),
        environment: sent.environment.into(),
        tags: sent.tags.into_iter().map(String::from).collect(),
    };
    let allowed = &managed.allowed;
    let ready = create::read(&app, allowed, kind, &written, input).await?.map_err(|refused| refusal::of(&refused))?;
    let created = create::store(&app, allowed, kind, ready, sent.save_unverified, None).await?;
    let created = created.map_err(|refused| refusal::of(&refused))?;
    let mut response = json(&now(&app, managed.workspace(), &created.id).await?)?;
    *response.status_mut() = StatusCode::CREATED;
    let at = HeaderValue::from_str(&format!("/api/v1/credentials/{}", created.id)).map_err(Error::internal)?;
    response.headers_mut().insert(LOCATION, at);
    Ok(response)
}
