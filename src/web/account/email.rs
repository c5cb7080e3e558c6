//! Another e-mail address for one's own account: it counts once a link that was sent there is opened.

use super::{frame, own};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::mail::letter;
use crate::model::account::{self, EMAIL_KIND, GOOD_FOR, Notice};
use crate::model::outbox::{self, Promise};
use crate::model::user;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::entry::renew_session;
use crate::web::fresh;
use crate::web::guard::SignedIn;
use crate::web::pages::account::{EmailConfirmation, EmailPage};
use crate::web::pages::form::{Proof, TextBox};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /account/email`.
pub async fn edit(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = fresh::asked(&app, &req).await?;
    page(&drawn(&app, &req, &person, TextBox::default(), asked).await?)
}

/// `POST /account/email` (`email current_password`).
pub async fn update(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let email = fields.text("email").trim().to_owned();
    if let Err(error) = user::checked_email(&email) {
        let entry = TextBox { error: Some(Remark { code: "email", text: error.to_string() }), ..TextBox::of(email) };
        let asked = fresh::asked(&app, &req).await?;
        let form = drawn(&app, &req, &person, entry, asked).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let asked = fresh::judge(&app, &req, &mut fields).await?;
    if asked.is_some() {
        let form = drawn(&app, &req, &person, TextBox::of(email), asked).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let old = own(&app, &person).await?;
    let link = token::fresh(app.means.keyring.random())?;
    let base = app.config.public_url.as_str().trim_end_matches('/');
    let there = letter::email_confirmation(&old.name, &format!("{base}/account/email/{}", link.expose()))?;
    let here = letter::email_asked(&old.name, &email)?;
    let (means, actor, id) = (app.means.clone(), person.actor.clone(), person.user.clone());
    app.db
        .write(move |tx| {
            account::ask_email(tx, &means, &id, &email, &link, &actor)?;
            let mail = Promise {
                workspace: None,
                user: Some(&id),
                kind: EMAIL_KIND,
                to: &email,
                subject: &there.subject,
                text: &there.text,
                good_for: GOOD_FOR,
            };
            outbox::promise(tx, &means, &mail)?;
            let notice = Notice { kind: EMAIL_KIND, to: &old.email, subject: &here.subject, text: &here.text };
            account::notify(tx, &means, &id, &notice)
        })
        .await?;
    app.mailer.wake();
    see_other_saying("/account", "email-asked")
}

async fn drawn(
    app: &App,
    req: &HttpRequest,
    person: &SignedIn,
    email: TextBox,
    asked: Option<Proof>,
) -> Result<EmailPage> {
    Ok(EmailPage {
        shell: frame(app, req, person, "Another address").await?,
        now: own(app, person).await?.email,
        email,
        ask_password: asked,
    })
}

fn token_of(req: &HttpRequest) -> String {
    req.match_info().get("token").unwrap_or_default().to_owned()
}

/// `GET /account/email/{token}`.
pub async fn confirm(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (token, user, now) = (token_of(&req), person.user.clone(), app.means.now());
    let wanted = token.clone();
    let found = app.db.read(move |conn| account::email_of(conn, &user, &wanted, now)).await?;
    page(&EmailConfirmation {
        shell: frame(&app, &req, &person, "Confirm your address").await?,
        email: found.ok_or(Error::NotFound)?,
        action: format!("/account/email/{token}"),
    })
}

/// `POST /account/email/{token}`.
pub async fn confirmed(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let name = own(&app, &person).await?.name;
    let (means, actor, id, token) = (app.means.clone(), person.actor.clone(), person.user.clone(), token_of(&req));
    app.db
        .write(move |tx| {
            let (old, new) = account::set_email(tx, &means, &id, &token, &actor)?;
            let letter = letter::email_changed(&name, &new)?;
            let notice = Notice { kind: EMAIL_KIND, to: &old, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &id, &notice)
        })
        .await?;
    app.mailer.wake();
    renew_session(&req, &app, &person)?;
    see_other_saying("/account", "email")
}
