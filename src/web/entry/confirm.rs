//! `/confirm`: the password once more, for what has no form of its own to ask for it.

use super::renew_session;
use super::sign_in::local;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::{Error, Result};
use crate::web::answer::{Answer, page, page_with, see_other};
use crate::web::body::Posted;
use crate::web::fresh::{BOX, is_good};
use crate::web::guard::SignedIn;
use crate::web::pages::entry::Confirm;
use crate::web::pages::form::TextBox;
use crate::web::proof::{self, Tried};
use crate::web::{passkey, shell};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /confirm?next=`.
pub async fn new(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let next = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "next")
        .map(|(_, value)| local(&value))
        .unwrap_or_default();
    page(&drawn(&app, &person, next, TextBox::default()).await?)
}

/// `POST /confirm` (`current_password` or `credential`, the answer of a passkey; `next`).
pub async fn create(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let next = local(&fields.text("next"));
    let refused =
        |text: &str| TextBox { error: Some(Remark { code: BOX, text: text.to_owned() }), ..TextBox::default() };
    let credential = fields.text("credential");
    if !credential.is_empty() {
        let whose = passkey::judge(&app, &req, &credential, "person.confirmed").await?;
        if whose.as_ref() == Some(&person.user) {
            renew_session(&req, &app, &person)?;
            return see_other(if next.is_empty() { "/account" } else { &next });
        }
        let form = drawn(&app, &person, next, refused("This passkey is not one of yours.")).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let typed = fields.take(BOX);
    let entry = match typed.is_empty() {
        true => refused("Enter your password."),
        false => match proof::of_box(&app, &req, &person, typed).await? {
            Tried::Right(_) | Tried::Half(_) => {
                renew_session(&req, &app, &person)?;
                return see_other(if next.is_empty() { "/account" } else { &next });
            }
            Tried::Wrong => refused("This is neither your password nor the code of your app. Check it and try again."),
            Tried::Wait(seconds) => return Err(proof::wait(seconds).into()),
        },
    };
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(&app, &person, next, entry).await?)
}

async fn drawn(app: &App, person: &SignedIn, next: String, entry: TextBox) -> Result<Confirm> {
    let around = shell::of_person(app, &person.user, None).await?.ok_or(Error::SignInNeeded)?;
    Ok(Confirm {
        shell: shell::titled(around, "Confirm that it is you"),
        next,
        password: entry,
        fresh: is_good(person.auth_at, app.means.now()),
    })
}
