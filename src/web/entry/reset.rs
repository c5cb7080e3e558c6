//! A new password by mail: asked for by anybody, chosen by whoever holds the link.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::password_rules::{SHORTEST, check_password};
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::mail::letter;
use crate::measure;
use crate::model::account::{self, Notice};
use crate::model::attempt::{self, Attempt, Verdict};
use crate::model::reset::{self, Wanted};
use crate::model::user::{self, User};
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::anonymous;
use crate::web::pages::entry::{Forgot, Reset};
use crate::web::pages::form::TextBox;
use crate::web::{client, proof, shell};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};

/// `GET /password/forgot`.
pub async fn forgot(req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&forgotten(&app, &req, TextBox::default()))
}

/// `POST /password/forgot` (`email`): one answer, whoever has the address.
pub async fn ask(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let fields = posted.fields_from_outside().await?;
    let email = fields.text("email");
    if let Err(error) = user::checked_email(&email) {
        let error = Some(Remark { code: "email", text: error.to_string() });
        let form = forgotten(&app, &req, TextBox { error, ..TextBox::of(email) });
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let attempt = Attempt::of_network("reset", client::address(&req, &app.config), app.limits);
    let now = app.means.now();
    if let Verdict::Wait(seconds) = app.db.write(move |tx| attempt::reserve(tx, &attempt, now)).await? {
        measure::SIGN_INS_LIMITED.add(1);
        return Err(proof::wait(seconds).into());
    }
    let link = token::fresh(app.means.keyring.random())?;
    let base = app.config.public_url.as_str().trim_end_matches('/');
    let letter = letter::reset(&format!("{base}/password/reset/{}", link.expose()))?;
    let (means, actor) = (app.means.clone(), anonymous(&req));
    app.db
        .write(move |tx| {
            let person = User::for_sign_in(tx.conn(), &email)?;
            // Only ever to the address that is stored.
            let stored = match &person {
                Some(row) => User::find(tx.conn(), &row.id)?.map(|user| user.email),
                None => User::find(tx.conn(), &crate::id::Id::new())?.map(|user| user.email),
            };
            let wanted = Wanted {
                person: person.as_ref(),
                to: stored.as_deref().unwrap_or(&email),
                link: &link,
                subject: &letter.subject,
                text: &letter.text,
            };
            reset::ask(tx, &means, &wanted, &actor)
        })
        .await?;
    app.mailer.wake();
    see_other_saying("/password/forgot", "reset-asked")
}

fn forgotten(app: &App, req: &HttpRequest, email: TextBox) -> Forgot {
    Forgot { shell: shell::saying(shell::outside(app, req, "Forgot your password?"), req), email }
}

async fn holder(req: &HttpRequest, app: &App) -> Result<(String, User)> {
    let token = req.match_info().get("token").unwrap_or_default().to_owned();
    let (wanted, now) = (token.clone(), app.means.now());
    let found = app.db.read(move |conn| reset::by_token(conn, &wanted, now)).await?;
    Ok((token, found.ok_or(Error::NotFound)?))
}

/// `GET /password/reset/{token}`.
pub async fn choose(req: HttpRequest, app: web::Data<App>) -> Answer {
    let (token, person) = holder(&req, &app).await?;
    drawn(&app, &req, &token, &person, TextBox::default(), StatusCode::OK)
}

/// `POST /password/reset/{token}` (`password`): signs nobody in.
pub async fn redeem(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let mut fields = posted.fields_from_outside().await?;
    let (token, person) = holder(&req, &app).await?;
    let password = fields.take("password");
    if let Err(refused) = check_password(password.expose(), &[&person.name, &person.email]) {
        let error = Some(Remark { code: "password", text: refused.to_string() });
        let entry = TextBox { error, ..TextBox::default() };
        return drawn(&app, &req, &token, &person, entry, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let hash = app.hasher.hash(password).await?;
    let (means, actor) = (app.means.clone(), anonymous(&req));
    let letter = letter::password_changed(&person.name, &actor.address)?;
    app.db
        .write(move |tx| {
            let person = reset::redeem(tx, &means, &token, &hash, &actor)?;
            let notice = Notice { kind: "password", to: &person.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &person.id, &notice)
        })
        .await?;
    app.mailer.wake();
    see_other_saying("/sign-in", "reset-done")
}

fn drawn(app: &App, req: &HttpRequest, token: &str, person: &User, password: TextBox, status: StatusCode) -> Answer {
    let form = Reset {
        shell: shell::outside(app, req, "Choose a new password"),
        action: format!("/password/reset/{token}"),
        email: person.email.clone(),
        password,
        password_min: SHORTEST,
    };
    let mut response: HttpResponse = page_with(status, &form)?;
    // The address of this page opens something: it is told to nobody.
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    Ok(response)
}
