//! Vault's envelope around an answer, and its way to write errors.

use crate::api::answer::Answer;
use crate::api::problem::{self, Problem};
use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::{Value, json};

/// What Vault wraps every answer into.
#[derive(Serialize)]
struct Envelope<T> {
    request_id: String,
    lease_id: &'static str,
    renewable: bool,
    lease_duration: u64,
    data: T,
    wrap_info: Option<Value>,
    warnings: Option<Value>,
    auth: Option<Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    mount_type: &'static str,
}

/// Data of the KV engine.
pub fn kv(data: impl Serialize) -> Answer {
    wrapped(data, "kv")
}

/// Data of Vault itself.
pub fn system(data: impl Serialize) -> Answer {
    wrapped(data, "")
}

fn wrapped(data: impl Serialize, mount_type: &'static str) -> Answer {
    let request_id = crate::id::Id::<()>::new().to_string();
    let envelope = Envelope {
        request_id,
        lease_id: "",
        renewable: false,
        lease_duration: 0,
        data,
        wrap_info: None,
        warnings: None,
        auth: None,
        mount_type,
    };
    crate::api::answer::json(&envelope)
}

/// Plain data without an envelope, as `sys/health` answers.
pub fn bare(data: &Value) -> Answer {
    crate::api::answer::json(data)
}

/// A problem as Vault writes it: what is wrong with a token is 403, what is not there is 404.
pub fn fault(problem: &Problem) -> HttpResponse<BoxBody> {
    let (status, text) = match problem.kind.status {
        401 | 403 => (403, Some("permission denied".to_owned())),
        404 if problem.detail.starts_with("no handler") => (404, Some(problem.detail.clone())),
        404 | 410 => (404, None),
        405 => (405, Some("unsupported operation".to_owned())),
        409 | 422 | 502 | 504 => (400, Some(told(problem))),
        status => (status, Some(told(problem))),
    };
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if let Some(seconds) = problem.retry_after_s {
        response.insert_header((RETRY_AFTER, seconds));
    }
    let errors: Vec<String> = text.into_iter().collect();
    response.content_type("application/json").body(json!({ "errors": errors }).to_string())
}

fn told(problem: &Problem) -> String {
    format!("{}: {} {}", problem.kind.code, problem.detail, problem.kind.action)
}

/// Nothing of this name.
pub fn nothing() -> Problem {
    Problem::new(&problem::NOT_FOUND, "")
}
