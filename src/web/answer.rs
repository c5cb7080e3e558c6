//! From results to responses: pages, redirects, and the one frame of headers and error pages around all.

use crate::app::App;
use crate::db::Storage;
use crate::error::Error;
use crate::measure::{self, Endpoint};
use crate::web::address;
use crate::web::connection;
use crate::web::guard::SignedIn;
use crate::web::pages::error::ErrorPage;
use crate::web::pages::shell::{Shell, Theme};
use crate::web::shell;
use crate::work::Work;
use actix_session::storage::{LoadError, SaveError};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use futures_util::FutureExt;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// The longest address that is kept over a sign-in: escaped, it fits into a cookie.
const LONGEST_KEPT: usize = 1024;

/// What a handler returns.
pub type Answer = Result<HttpResponse, Fault>;

/// An error on its way to becoming a page.
#[derive(Debug)]
pub struct Fault(pub Error);

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// A page with status 200.
pub fn page(template: &impl Template) -> Answer {
    page_with(StatusCode::OK, template)
}

/// A page with status 200 of which it is known that it takes about so many bytes: it is drawn into one buffer.
pub fn sized_page(template: &impl Template, bytes: usize) -> Answer {
    let mut html = String::with_capacity(bytes + 16 * 1024);
    template.render_into(&mut html).map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}

/// A page with another status.
pub fn page_with(status: StatusCode, template: &impl Template) -> Answer {
    let html = template.render().map_err(Error::internal)?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
}

/// 303 to an address of ours.
pub fn see_other(path: impl AsRef<str>) -> Answer {
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, path.as_ref())).finish())
}

/// 303 to an address of ours, and what to say there once: a word of the closed list in [`shell::toast`].
pub fn see_other_saying(path: impl AsRef<str>, did: &'static str) -> Answer {
    let mut response = see_other(path)?;
    response.add_cookie(&shell::once(shell::TOAST_COOKIE, did.to_owned())).map_err(Error::internal)?;
    Ok(response)
}

/// What is needed of a request to draw an error about it, since the request itself is gone by then.
struct Asked {
    work: Work,
    method: Method,
    path: String,
    query: String,
    is_htmx: bool,
    theme: Theme,
    was_told: bool,
    is_https: bool,
    app: web::Data<App>,
}

/// The outermost frame: an id for the request, headers on every answer, a page for every error, a log line.
pub async fn frame<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let work = Work::request();
    work.scope(framed(work, req, next)).await
}

async fn framed<B: MessageBody + 'static>(
    work: Work,
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let Some(app) = req.app_data::<web::Data<App>>().cloned() else {
        return Err(Fault(Error::internal("the frame has no app")).into());
    };
    let asked = Asked {
        work,
        method: req.method().clone(),
        path: req.path().to_owned(),
        query: req.query_string().to_owned(),
        is_htmx: req.headers().contains_key("HX-Request"),
        theme: shell::theme_cookie(&req),
        was_told: req.method() == Method::GET && req.cookie(shell::TOAST_COOKIE).is_some(),
        is_https: app.config.is_https(),
        app,
    };
    let _answering = connection::answering(&req);
    let started = std::time::Instant::now();
    // A handler that panics is answered like any other fault of ours; the connection and the process go on.
    let outcome = AssertUnwindSafe(next.call(req)).catch_unwind().await;
    match outcome.unwrap_or_else(|_| Err(Fault(Error::internal("a handler panicked")).into())) {
        Ok(res) => {
            let fault = res.response().error().map(|error| error_of(error, res.status()));
            let status = res.status();
            let mut res = match fault {
                Some(error) => {
                    let keep = kept(res.headers());
                    let around = asked.around(res.request(), status).await;
                    let mut drawn = asked.draw(&error, around);
                    for (name, value) in keep {
                        drawn.headers_mut().append(name, value);
                    }
                    res.into_response(drawn.map_into_right_body())
                }
                None => res.map_into_left_body(),
            };
            secure(res.headers_mut(), asked.is_https);
            asked.forget_what_was_said(res.response_mut());
            let endpoint = res.request().app_data::<Endpoint>().unwrap_or(&measure::ELSEWHERE);
            asked.answered(endpoint, res.status().as_u16(), started.elapsed());
            Ok(res)
        }
        Err(error) => {
            let status = error.as_response_error().status_code();
            let error = error_of(&error, status);
            asked.answered(&measure::ELSEWHERE, error.status(), started.elapsed());
            Err(Drawn { asked, error }.into())
        }
    }
}

/// Cookies set before the fault arose stay.
fn kept(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    [header::SET_COOKIE, header::RETRY_AFTER, header::ALLOW]
        .into_iter()
        .flat_map(|name| headers.get_all(&name).map(|v| (name.clone(), v.clone())).collect::<Vec<_>>())
        .collect()
}

/// The program's error inside the framework's, or one that stands for its status.
fn error_of(error: &actix_web::Error, status: StatusCode) -> Error {
    if let Some(fault) = error.as_error::<Fault>() {
        return copy(&fault.0);
    }
    if is_of_session_store(error) {
        return Error::unavailable(format!("sessions: {error:?}"));
    }
    match status.as_u16() {
        404 => Error::NotFound,
        405 => Error::MethodNotAllowed,
        408 => Error::TooSlow,
        413 => Error::TooLarge,
        431 => Error::HeadTooLarge,
        415 => Error::UnsupportedType,
        503 => Error::unavailable(error),
        400..=499 => Error::BadRequest("This request cannot be understood.".into()),
        _ => Error::internal(error),
    }
}

/// Whether sessions could not be read or written: our store fails with the database and with nothing else.
fn is_of_session_store(error: &actix_web::Error) -> bool {
    error.as_error::<InternalError<LoadError>>().is_some()
        || error.as_error::<InternalError<SaveError>>().is_some()
        || error.as_error::<InternalError<anyhow::Error>>().is_some()
}

fn copy(error: &Error) -> Error {
    match error {
        Error::NotFound => Error::NotFound,
        Error::Forbidden => Error::Forbidden,
        Error::SecondFactorNeeded => Error::SecondFactorNeeded,
        Error::SignInNeeded => Error::SignInNeeded,
        Error::TokenEnded => Error::TokenEnded,
        Error::CrossSite => Error::CrossSite,
        Error::BadRequest(text) => Error::BadRequest(text.clone()),
        Error::Conflict(text) => Error::Conflict(text.clone()),
        Error::Unprocessable(text) => Error::Unprocessable(text.clone()),
        Error::TooSlow => Error::TooSlow,
        Error::TooLarge => Error::TooLarge,
        Error::HeadTooLarge => Error::HeadTooLarge,
        Error::UnsupportedType => Error::UnsupportedType,
        Error::MethodNotAllowed => Error::MethodNotAllowed,
        Error::TooMany { retry_after_s } => Error::TooMany { retry_after_s: *retry_after_s },
        Error::Unavailable(cause) => Error::unavailable(cause.as_str()),
        Error::Internal(cause) => Error::internal(cause.as_str()),
        // Without the message: it may quote a value.
        Error::Database(diesel::result::Error::DatabaseError(kind, _)) => {
            Error::internal(format!("database: {kind:?}"))
        }
        Error::Database(_) => Error::internal("database"),
    }
}

impl Asked {
    fn answered(&self, endpoint: &Endpoint, status: u16, took: Duration) {
        endpoint.answered(self.method.as_str(), status, took);
        let path = address::logged(&self.path);
        tracing::info!(method = %self.method, path, status, ms = took.as_millis() as u64, "answered");
    }

    /// The frame of an error's page: with the side bar for a person, unless the server itself is in trouble.
    /// What is not there looks the same to everybody, wherever they asked.
    async fn around(&self, req: &HttpRequest, status: StatusCode) -> Shell {
        let person = req.extensions().get::<SignedIn>().cloned();
        let known = match person {
            Some(person) if status.is_client_error() && status != StatusCode::NOT_FOUND => {
                shell::of_person(&self.app, &person.user, req.match_info().get("slug")).await.ok().flatten()
            }
            _ => None,
        };
        known.unwrap_or_else(|| self.bare())
    }

    fn bare(&self) -> Shell {
        Shell {
            theme: self.theme,
            assets: shell::assets(&self.app),
            demo: self.app.demo,
            support_contact: self.app.config.support_contact.clone(),
            saves_nothing: shell::saves_nothing(&self.app),
            ..Shell::default()
        }
    }

    fn draw(&self, error: &Error, around: Shell) -> HttpResponse {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match error {
            Error::Internal(cause) => tracing::error!(cause = cause.as_str(), "fault"),
            Error::Unavailable(cause) => tracing::warn!(cause = cause.as_str(), "unavailable"),
            _ => {}
        }
        if let Error::SignInNeeded = error {
            return self.to_sign_in();
        }
        if let Error::SecondFactorNeeded = error
            && (self.is_htmx || self.method == Method::GET)
        {
            return self.to_second_factor();
        }
        let mut response = HttpResponse::build(status);
        match error {
            Error::TooMany { retry_after_s } => {
                response.insert_header((header::RETRY_AFTER, retry_after_s.to_string()));
            }
            Error::Unavailable(_) => {
                response.insert_header((header::RETRY_AFTER, "5"));
            }
            _ => {}
        }
        let mut page = ErrorPage::of(around, status.as_u16());
        page.incident = status.is_server_error().then(|| self.work.to_string());
        if let Error::BadRequest(text) | Error::Unprocessable(text) | Error::Conflict(text) = error {
            page.text.clone_from(text);
        }
        if matches!(error, Error::Unavailable(_)) && self.app.db.storage() == Storage::Suspect {
            "The disk failed while something was being stored. What was sent in that moment may have been stored or not; nothing is stored from now on, until the operator has looked at the disk and started Credenza again.".clone_into(&mut page.text);
        }
        match page.render() {
            Ok(html) => response.content_type("text/html; charset=utf-8").body(html),
            Err(_) => response.content_type("text/plain; charset=utf-8").body(error.to_string()),
        }
    }

    /// 303 for a browser, 401 with `HX-Redirect` for htmx; the way back is kept for pages that can be asked for again.
    fn to_sign_in(&self) -> HttpResponse {
        if self.is_htmx {
            return HttpResponse::Unauthorized().insert_header(("HX-Redirect", "/sign-in")).finish();
        }
        let mut response = HttpResponse::SeeOther();
        response.insert_header((header::LOCATION, "/sign-in"));
        if self.method == Method::GET && self.path != "/" {
            let wanted = self.wanted();
            let next = percent_encoding::utf8_percent_encode(&wanted, percent_encoding::NON_ALPHANUMERIC);
            response.cookie(shell::once(shell::NEXT_COOKIE, next.to_string()));
        }
        response.finish()
    }

    /// The way back: a page of a workspace with what it was asked for, such as the filters of a list.
    fn wanted(&self) -> String {
        let is_kept = self.path.starts_with("/w/")
            && !self.query.is_empty()
            && self.query.is_ascii()
            && self.path.len() + self.query.len() < LONGEST_KEPT;
        if is_kept { format!("{}?{}", self.path, self.query) } else { self.path.clone() }
    }

    /// As [`Asked::to_sign_in`], to the page that sets a second factor up.
    fn to_second_factor(&self) -> HttpResponse {
        const PAGE: &str = "/account/second-factor";
        if self.is_htmx {
            return HttpResponse::Forbidden().insert_header(("HX-Redirect", PAGE)).finish();
        }
        HttpResponse::SeeOther().insert_header((header::LOCATION, PAGE)).finish()
    }

    /// A message is drawn once: the page that could draw it takes its cookie away.
    fn forget_what_was_said<B>(&self, response: &mut HttpResponse<B>) {
        let drawn = self.was_told && response.status() == StatusCode::OK && !self.path.starts_with("/static/");
        if drawn && let Err(error) = response.add_cookie(&shell::spent(shell::TOAST_COOKIE)) {
            tracing::warn!(%error, "a cookie could not be taken away");
        }
    }
}

/// The headers of every answer.
fn secure(headers: &mut HeaderMap, is_https: bool) {
    const FIXED: [(&str, &str); 7] = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types default",
        ),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ];
    // A page whose address opens something asks for less.
    let keeps_to_itself = headers.get(header::REFERRER_POLICY).is_some_and(|policy| policy == "no-referrer");
    for (name, value) in FIXED {
        if !(keeps_to_itself && name == "referrer-policy") {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
    if is_https {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
    // Static files say their charset, scripts alone do not.
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/javascript") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// An error that left the framework's normal way; it draws itself.
struct Drawn {
    asked: Asked,
    error: Error,
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.error)
    }
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Drawn {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = self.asked.work.enter(|| self.asked.draw(&self.error, self.asked.bare()));
        secure(response.headers_mut(), self.asked.is_https);
        response
    }
}
