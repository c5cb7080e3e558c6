//! The types of problems, explained at the address that each names.

use super::answer::{Answer, json, query};
use super::problem::{self, Problem, TYPES};
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

/// A type of problem.
#[derive(Serialize, ToSchema)]
pub struct ProblemType {
    /// The type, as problems name it.
    r#type: String,
    /// What it is, in a few words.
    title: &'static str,
    /// The status that it is answered with.
    status: u16,
    /// What to do about it.
    action: &'static str,
}

fn explained(kind: &problem::Kind) -> ProblemType {
    let problem::Kind { code, status, title, action } = *kind;
    ProblemType { r#type: format!("{TYPES}{code}"), title, status, action }
}

/// Every type of problem.
#[utoipa::path(
    get,
    path = "/api/v1/problems",
    tag = "about",
    responses(
        (status = 200, description = "Every type", body = Vec<ProblemType>),
        (status = "default", description = "A problem", body = super::problem::Details, content_type = "application/problem+json"),
    )
)]
pub async fn index(req: HttpRequest) -> Answer {
    query(&req, &[])?;
    json(&problem::ALL.iter().map(|kind| explained(kind)).collect::<Vec<_>>())
}

/// One type of problem.
#[utoipa::path(
    get,
    path = "/api/v1/problems/{code}",
    tag = "about",
    params(("code" = String, Path, description = "The end of its address")),
    responses(
        (status = 200, description = "The type", body = ProblemType),
        (status = "default", description = "A problem", body = super::problem::Details, content_type = "application/problem+json"),
    )
)]
pub async fn show(req: HttpRequest, code: web::Path<String>) -> Answer {
    query(&req, &[])?;
    let kind = problem::ALL.iter().find(|kind| kind.code == code.as_str());
    json(&explained(kind.ok_or_else(|| Problem::new(&problem::NOT_FOUND, "There is no such type of problem."))?))
}
