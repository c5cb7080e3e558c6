//! One's own second factor: an authenticator app and recovery codes.

use super::{frame, own};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::totp;
use crate::error::{Error, Result};
use crate::mail::letter;
use crate::model::account::{self, Notice};
use crate::model::second_factor;
use crate::model::step::{self, Purpose};
use crate::secret::Secret;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::entry::renew_session;
use crate::web::guard::SignedIn;
use crate::web::pages::account::{Pending, SecondFactorPage};
use crate::web::pages::form::{Proof, TextBox};
use crate::web::{fresh, once};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

const PATH: &str = "/account/second-factor";

/// `GET /account/second-factor`.
pub async fn show(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (codes, spent) = once::taken(&app, &req, PATH).unzip();
    let mut drawn = drawn(&app, &req, &person, fresh::asked(&app, &req).await?).await?;
    drawn.codes = codes.map(|codes| codes.expose().split(' ').map(str::to_owned).collect()).unwrap_or_default();
    let mut response = page(&drawn)?;
    if let Some(spent) = spent {
        response.add_cookie(&spent).map_err(Error::internal)?;
    }
    Ok(response)
}

/// `POST /account/second-factor` (`act`: `start`, `confirm` with `code`, `cancel`, `codes` or `off`;
/// `current_password`).
pub async fn update(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let (act, code) = (fields.text("act"), fields.take("code"));
    if !["start", "confirm", "cancel", "codes", "off"].contains(&act.as_str()) {
        return Err(Error::Unprocessable("Choose what to do with your second factor.".into()).into());
    }
    if act != "confirm"
        && act != "cancel"
        && let Some(asked) = fresh::judge(&app, &req, &mut fields).await?
    {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(&app, &req, &person, Some(asked)).await?);
    }
    match act.as_str() {
        "start" => start(&app, &person).await,
        "confirm" => confirm(&app, &req, &person, code).await,
        "cancel" => cancel(&app, &person).await,
        "codes" => codes(&app, &person).await,
        _ => turn_off(&app, &req, &person).await,
    }
}

async fn start(app: &App, person: &SignedIn) -> Answer {
    let (means, user) = (app.means.clone(), person.user.clone());
    app.db
        .write(move |tx| {
            if second_factor::of(tx.conn(), &user)?.app {
                return Err(Error::Conflict("An authenticator app is set up already. Turn it off first.".into()));
            }
            second_factor::begin_app(tx, &means, &user)
        })
        .await?;
    see_other_saying(PATH, "app-begun")
}

async fn cancel(app: &App, person: &SignedIn) -> Answer {
    let id = step::of_person(Purpose::Authenticator, &person.user);
    app.db.write(move |tx| step::end(tx, &id).map(drop)).await?;
    see_other_saying("/account", "cancelled")
}

async fn confirm(app: &web::Data<App>, req: &HttpRequest, person: &SignedIn, code: Secret) -> Answer {
    let user = own(app, person).await?;
    let letter = letter::second_factor_changed(
        &user.name,
        "an authenticator app was added to your account",
        &person.actor.address,
    )?;
    let (means, actor) = (app.means.clone(), person.actor.clone());
    let done = app
        .db
        .write(move |tx| {
            let Some(codes) = second_factor::turn_on_app(tx, &means, &user, code.expose(), &actor)? else {
                return Ok(None);
            };
            let notice =
                Notice { kind: "second_factor", to: &user.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &user.id, &notice)?;
            Ok(Some(joined(&codes)))
        })
        .await?;
    let Some(codes) = done else {
        let mut form = drawn(app, req, person, None).await?;
        let text = "This is not the code that the app shows now. Check the clock of your device and try the next one.";
        form.code.error = Some(Remark { code: "code", text: text.into() });
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    };
    app.mailer.wake();
    renew_session(req, app, person)?;
    show_once(app, &codes, "app-on")
}

fn joined(codes: &[Secret]) -> Secret {
    Secret::new(codes.iter().map(Secret::expose).collect::<Vec<_>>().join(" "))
}

/// Back to the page, which shows the codes this once.
fn show_once(app: &App, codes: &Secret, did: &'static str) -> Answer {
    let mut response = see_other_saying(PATH, did)?;
    if !codes.is_empty()
        && let Some(cookie) = once::carry(app, PATH, codes)
    {
        response.add_cookie(&cookie).map_err(Error::internal)?;
    }
    Ok(response)
}

async fn codes(app: &App, person: &SignedIn) -> Answer {
    let (means, user, actor) = (app.means.clone(), person.user.clone(), person.actor.clone());
    let codes = app
        .db
        .write(move |tx| {
            if !second_factor::of(tx.conn(), &user)?.any() {
                return Err(Error::Conflict("Set up a second factor first.".into()));
            }
            second_factor::new_codes(tx, &means, &user, &actor).map(|codes| joined(&codes))
        })
        .await?;
    show_once(app, &codes, "codes")
}

async fn turn_off(app: &web::Data<App>, req: &HttpRequest, person: &SignedIn) -> Answer {
    let user = own(app, person).await?;
    let letter = letter::second_factor_changed(
        &user.name,
        "the authenticator app of your account was turned off",
        &person.actor.address,
    )?;
    let (means, actor) = (app.means.clone(), person.actor.clone());
    app.db
        .write(move |tx| {
            second_factor::turn_off_app(tx, &means, &user.id, &actor)?;
            let notice =
                Notice { kind: "second_factor", to: &user.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &user.id, &notice)
        })
        .await?;
    app.mailer.wake();
    renew_session(req, app, person)?;
    see_other_saying(PATH, "app-off")
}

async fn drawn(app: &App, req: &HttpRequest, person: &SignedIn, asked: Option<Proof>) -> Result<SecondFactorPage> {
    let user = own(app, person).await?;
    let (means, now) = (app.means.clone(), app.means.now());
    let (factors, asked_by, begun) = app
        .db
        .read(move |conn| {
            let asked_by = second_factor::asked_by(conn, &user.id, now)?;
            let begun = second_factor::begun_app(conn, &means, &user)?;
            Ok((second_factor::of(conn, &user.id)?, asked_by, begun))
        })
        .await?;
    let pending = match begun {
        Some(begun) => {
            let drawing = totp::draw(&begun.address()?)?;
            Some(Pending {
                width: drawing.width,
                path: drawing.path.expose().to_owned(),
                typed: begun.typed().expose().to_owned(),
            })
        }
        None => None,
    };
    Ok(SecondFactorPage {
        shell: frame(app, req, person, "Second factor").await?,
        app: factors.app,
        passkeys: factors.passkeys,
        left: factors.codes,
        asked_by: asked_by.into_iter().map(|workspace| workspace.name).collect(),
        pending,
        code: TextBox::default(),
        codes: Vec::new(),
        ask_password: asked,
    })
}
