//! What lies around every request of the machine API: an id, headers, a problem for every error, a log line.

use super::problem::{self, Problem};
use crate::app::App;
use crate::error::Error;
use crate::measure::{self, Endpoint};
use crate::web::{address, connection};
use crate::work::Work;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use std::fmt;
use std::panic::AssertUnwindSafe;

/// How an API writes an error.
pub type Style = fn(&Problem) -> HttpResponse<BoxBody>;

/// The outermost layer of `/api/v1`.
///
/// # Errors
/// None: each becomes an answer.
pub async fn frame<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    around(req, next, Problem::error_response).await
}

/// The outermost layer of an API that writes errors in its own way.
///
/// # Errors
/// As [`frame`].
pub async fn around<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
    style: Style,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let work = Work::request();
    work.scope(framed(req, next, style)).await
}

async fn framed<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
    style: Style,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let is_https = req.app_data::<web::Data<App>>().is_some_and(|app| app.config.is_https());
    let (method, path) = (req.method().clone(), address::logged(req.path()));
    let _answering = connection::answering(&req);
    let started = std::time::Instant::now();
    let answered = |endpoint: &Endpoint, status: StatusCode| {
        endpoint.answered(method.as_str(), status.as_u16(), started.elapsed());
        let ms = started.elapsed().as_millis() as u64;
        tracing::info!(%method, path, status = status.as_u16(), ms, "answered");
    };
    let outcome = match refusal(&req) {
        Some(problem) => Ok(Ok(req.into_response(style(&problem).map_into_right_body()))),
        None => {
            // A handler that panics is answered like any other fault of ours.
            let outcome = AssertUnwindSafe(next.call(req)).catch_unwind().await;
            outcome.map(|done| done.map(|res| redrawn(res, style)))
        }
    };
    match outcome {
        Ok(Ok(mut res)) => {
            secure(res.headers_mut(), is_https);
            answered(res.request().app_data::<Endpoint>().unwrap_or(&measure::ELSEWHERE), res.status());
            Ok(res)
        }
        outcome => {
            let problem = match outcome {
                Ok(Err(error)) => of(&error),
                _ => Error::internal("a handler panicked").into(),
            };
            let drawn = Drawn { problem, style, is_https };
            answered(&measure::ELSEWHERE, drawn.status_code());
            Err(drawn.into())
        }
    }
}

/// The same answer, with an error in it written in the style of this API.
fn redrawn<B: MessageBody + 'static>(res: ServiceResponse<B>, style: Style) -> ServiceResponse<EitherBody<B>> {
    match res.response().error().map(|error| drawn(error, style)) {
        Some(drawn) => {
            let drawn = with_allow(drawn, res.headers());
            res.into_response(drawn.map_into_right_body())
        }
        None => res.map_into_left_body(),
    }
}

/// An error that left the framework's normal way; it draws itself.
#[derive(Debug)]
struct Drawn {
    problem: Problem,
    style: Style,
    is_https: bool,
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Drawn {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = (self.style)(&self.problem);
        secure(response.headers_mut(), self.is_https);
        response
    }
}

/// What is refused before anybody is asked for.
fn refusal(req: &ServiceRequest) -> Option<Problem> {
    if req.uri().scheme().is_some() || req.uri().authority().is_some() {
        return Some(Problem::new(&problem::PATH_REFUSED, "This request names a whole address, not a path."));
    }
    address::refusal(req).map(Problem::from)
}

fn drawn(error: &actix_web::Error, style: Style) -> HttpResponse<BoxBody> {
    match error.as_error::<Problem>() {
        Some(problem) => style(problem),
        None => style(&of(error)),
    }
}

/// An error of the framework as a problem.
fn of(error: &actix_web::Error) -> Problem {
    let error = match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::REQUEST_TIMEOUT => Error::TooSlow,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedType,
        StatusCode::SERVICE_UNAVAILABLE => Error::unavailable(error),
        status if status.is_client_error() => Error::BadRequest("This request cannot be understood.".into()),
        _ => Error::internal(error),
    };
    error.into()
}

fn with_allow(mut drawn: HttpResponse<BoxBody>, before: &HeaderMap) -> HttpResponse<BoxBody> {
    if drawn.headers().contains_key(header::ALLOW) {
        return drawn;
    }
    for value in before.get_all(header::ALLOW) {
        drawn.headers_mut().append(header::ALLOW, value.clone());
    }
    drawn
}

/// The headers of every answer; no page may be made of one, and nobody keeps one.
fn secure(headers: &mut HeaderMap, is_https: bool) {
    const FIXED: [(&str, &str); 6] = [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ];
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if is_https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}
