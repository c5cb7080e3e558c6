//! The description of this API (OpenAPI 3.1), made from the code of its handlers.

use super::answer::Answer;
use crate::error::Error;
use actix_web::HttpResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Credenza", description = "Credentials for bots and automations: read and used by the token of a bot, managed by a token of the workspace."),
    paths(
        super::credentials::index,
        super::secret::of_credential,
        super::call::of_credential,
        super::blocks::index,
        super::secret::of_block,
        super::call::of_block,
        super::manage::bots::index,
        super::manage::bots::create,
        super::manage::bots::show,
        super::manage::bots::update,
        super::manage::bots::destroy,
        super::manage::bots::publish,
        super::manage::blocks::create,
        super::manage::blocks::update,
        super::manage::blocks::destroy,
        super::manage::create::create,
        super::manage::credential::show,
        super::manage::update::update,
        super::manage::update::rename,
        super::manage::rotation::verify,
        super::manage::rotation::create,
        super::manage::rotation::promote,
        super::manage::rotation::roll_back,
        super::manage::replacement::create,
        super::manage::deletion::suspend,
        super::manage::deletion::destroy,
        super::manage::deletion::restore,
        super::manage::deletion::purge,
        super::manage::integrations::index,
        super::manage::integrations::show,
        super::problems::index,
        super::problems::show,
        document,
    ),
    modifiers(&Tokens)
)]
pub struct Document;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some("The token of a bot, or one that manages the workspace: crdz_….".to_owned());
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(http));
    }
}

/// The description of this API (OpenAPI 3.1).
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "about",
    responses(
        (status = 200, description = "This document", body = serde_json::Value),
        (status = "default", description = "A problem", body = super::problem::Details, content_type = "application/problem+json"),
    )
)]
pub async fn document() -> Answer {
    let text = Document::openapi().to_json().map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}
