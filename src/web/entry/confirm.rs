//! `/confirm`: the password once more, for what has no form of its own to ask for it.

use super::renew_session;
use super::sign_in::local;
use crate::app::App;
use crate::error::{Error, Result};
use crate::web::answer::{Answer, page, page_with, see_other};
use crate::web::body::Posted;
use crate::web::fresh::{self, BOX, is_good};
use crate::web::guard::SignedIn;
use crate::web::pages::entry::Confirm;
use crate::web::proof::{self, Tried};
use crate::web::{passkey, shell};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /confirm?next=`.
pub async fn new(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let next = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, value)| local(&value))
        .unwrap_or_default();
    page(&drawn(&app, &person, next, None).await?)
}

/// `POST /confirm` (`current_password`, or `credential`, the answer of a passkey; `next`).
pub async fn create(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let next = local(&fields.text("next"));
    let (credential, typed) = (fields.text("credential"), fields.take(BOX));
    let refused = if !credential.is_empty() {
        match passkey::judge(&app, &req, &credential, "person.confirmed").await? {
            Some(user) if user == person.user => None,
            _ => Some("This passkey could not be verified as one of yours. Try again, or use your password."),
        }
    } else if typed.is_empty() && is_good(person.auth_at, app.means.now()) {
        return see_other(if next.is_empty() { "/account" } else { &next });
    } else if typed.is_empty() {
        Some("Enter your password.")
    } else {
        match proof::of_box(&app, &req, &person, typed).await? {
            Tried::Right(_) | Tried::Half(_) => None,
            Tried::Wrong => Some(fresh::WRONG),
            Tried::Wait(seconds) => return Err(proof::wait(seconds).into()),
        }
    };
    if refused.is_some() {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(&app, &person, next, refused).await?);
    }
    renew_session(&req, &app, &person)?;
    see_other(if next.is_empty() { "/account" } else { &next })
}

/// The page in the place of something risky that was asked for, which it leads to afterwards.
pub async fn demanded(app: &App, person: &SignedIn, next: &str) -> Result<HttpResponse> {
    let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let place = HeaderValue::from_str(&format!("/confirm?next={query}")).map_err(Error::internal)?;
    let form = drawn(app, person, next.to_owned(), None).await?;
    let mut response = page_with(StatusCode::UNAUTHORIZED, &form).map_err(|fault| fault.0)?;
    response.headers_mut().insert(HeaderName::from_static("hx-redirect"), place);
    Ok(response)
}

async fn drawn(app: &App, person: &SignedIn, next: String, remark: Option<&str>) -> Result<Confirm> {
    let around = shell::of_person(app, &person.user, None).await?.ok_or(Error::SignInNeeded)?;
    Ok(Confirm {
        shell: shell::titled(around, "Confirm that it is you"),
        next,
        proof: fresh::drawn(app, person, remark).await?,
        fresh: is_good(person.auth_at, app.means.now()),
    })
}
