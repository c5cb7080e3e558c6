//! The description of this API (OpenAPI 3.1), made from the code of its handlers.

use super::answer::Answer;
use crate::error::Error;
use actix_web::HttpResponse;
use utoipa::openapi::path::Operation;
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
    modifiers(&Tokens, &Problems)
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

/// What a handler calls its `default` answer is told under each status that its operation can have, so that others are
/// found out. Only calls that are passed on may be answered with any: it is the service that answers.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            if path.contains("/proxy/") {
                continue;
            }
            if let Some(operation) = &mut item.get {
                tell(path, false, operation);
            }
            for operation in [&mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten() {
                tell(path, true, operation);
            }
        }
    }
}

fn tell(path: &str, changes: bool, operation: &mut Operation) {
    let Some(problem) = operation.responses.responses.remove("default") else { return };
    for status in statuses(path, changes, operation) {
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| problem.clone());
    }
}

/// The statuses of the problems of an operation; one that changes something may stand against what is there.
fn statuses(path: &str, changes: bool, operation: &Operation) -> Vec<u16> {
    let mut all = vec![400, 431, 500, 503];
    if operation.security.is_some() {
        all.extend([401, 403, 404, 429]);
    }
    if path.contains('{') {
        all.push(404);
    }
    if operation.request_body.is_some() {
        all.extend([408, 413, 415]);
    }
    if changes {
        all.extend([409, 422]);
    }
    if path.ends_with("/secret") {
        all.extend([409, 410, 502]);
    }
    all
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
