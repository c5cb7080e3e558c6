//! The other half of a sign-in: a code of an authenticator app, or a recovery code.

use super::{begin_session, device};
use crate::app::App;
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::mail::letter;
use crate::measure;
use crate::model::account::{self, Notice};
use crate::model::attempt::{self, Attempt, Verdict};
use crate::model::audit;
use crate::model::permission::Actor;
use crate::model::second_factor::{self, Factors};
use crate::model::step::{self, Purpose};
use crate::model::user::User;
use crate::secret::Secret;
use crate::web::answer::{Answer, page, page_with, see_other};
use crate::web::body::Posted;
use crate::web::guard::anonymous;
use crate::web::pages::entry::{Message, SecondStep, SignIn};
use crate::web::{client, proof, shell};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// The cookie of a sign-in that waits for its other half.
const NAME: &str = "step";

fn cookie(app: &App, value: String) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path("/sign-in")
        .same_site(SameSite::Lax)
        .secure(app.config.is_https())
        .http_only(true)
        .max_age(Duration::minutes(10))
        .finish()
}

/// Begins the second half for somebody whose password was right.
pub async fn begin(app: &App, user: &Id<User>, next: &str) -> Answer {
    let browser = token::fresh(app.means.keyring.random())?;
    let (id, user, state, now) = (step::held_by(browser.expose()), user.clone(), next.to_owned(), app.means.now());
    app.db.write(move |tx| step::begin(tx, &id, Purpose::SecondFactor, Some(&user), &state, now)).await?;
    let mut response = see_other("/sign-in/second-factor")?;
    response.add_cookie(&cookie(app, browser.expose().to_owned())).map_err(Error::internal)?;
    Ok(response)
}

fn held(req: &HttpRequest) -> Option<String> {
    req.cookie(NAME).map(|cookie| step::held_by(cookie.value()))
}

/// `GET /sign-in/second-factor`.
pub async fn new(req: HttpRequest, app: web::Data<App>) -> Answer {
    let Some(id) = held(&req) else { return see_other("/sign-in") };
    match waiting(&app, id).await? {
        Some(factors) => page(&drawn(&app, &req, factors, None)),
        None => see_other("/sign-in"),
    }
}

/// What the person of a begun sign-in can prove themselves with.
async fn waiting(app: &App, id: String) -> Result<Option<Factors>> {
    let now = app.means.now();
    app.db
        .read(move |conn| {
            let found = step::find(conn, &id, Purpose::SecondFactor, now)?.and_then(|step| step.user_id);
            found.map(|user| second_factor::of(conn, &user)).transpose()
        })
        .await
}

/// What a code came to.
enum Tried {
    In(Id<User>, String),
    Wrong,
    Gone,
}

/// `POST /sign-in/second-factor` (`code`).
pub async fn create(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let mut fields = posted.fields_from_outside().await?;
    let code = fields.take("code");
    let Some(id) = held(&req) else { return start_again(&app, &req) };
    let (wanted, now) = (id.clone(), app.means.now());
    let found = app.db.read(move |conn| step::find(conn, &wanted, Purpose::SecondFactor, now)).await?;
    let Some(user) = found.and_then(|step| step.user_id) else { return start_again(&app, &req) };
    match try_code(&app, &req, &id, &user, code).await? {
        Tried::In(user, next) => enter(&req, &app, &user, &next).await,
        Tried::Gone => start_again(&app, &req),
        Tried::Wrong => {
            let message = Message {
                bad: true,
                code: "second_factor".into(),
                text: "This code is not right, or was used already. Wait for the next one and try again.".into(),
            };
            match waiting(&app, id).await? {
                None => start_again(&app, &req),
                Some(factors) => page_with(StatusCode::UNAUTHORIZED, &drawn(&app, &req, factors, Some(message))),
            }
        }
    }
}

/// Counts the try, judges the code, and writes down what it came to.
async fn try_code(app: &App, req: &HttpRequest, id: &str, user: &Id<User>, code: Secret) -> Result<Tried> {
    let account = format!("second-factor:{user}");
    let attempt = Attempt::new(Some(&account), "", client::address(req, &app.config), app.limits);
    let (now, reserved) = (app.means.now(), attempt.clone());
    if let Verdict::Wait(seconds) = app.db.write(move |tx| attempt::reserve(tx, &reserved, now)).await? {
        measure::SIGN_INS_LIMITED.add(1);
        return Err(proof::wait(seconds));
    }
    let (means, anybody, id, user) = (app.means.clone(), anonymous(req), id.to_owned(), user.clone());
    app.db
        .write(move |tx| {
            let Some(step) = step::try_one(tx, &id, Purpose::SecondFactor, now)? else { return Ok(Tried::Gone) };
            let Some(person) = User::find(tx.conn(), &user)? else { return Ok(Tried::Gone) };
            let actor = Actor { kind: "person", id: user.to_string(), ..anybody.clone() };
            let Some(kind) = second_factor::accepts(tx, &means, &person, code.expose())? else {
                let entry = audit::Entry::deny("person.signed_in", audit::Target::user(&user), "second_factor");
                audit::record(tx, &means, audit::INSTANCE, &anybody, entry)?;
                return Ok(Tried::Wrong);
            };
            step::end(tx, &id)?;
            attempt::succeeded(tx, &attempt, now)?;
            let entry =
                audit::Entry::allow("person.signed_in", audit::Target::user(&user)).detail("second_factor", kind);
            audit::record(tx, &means, audit::INSTANCE, &actor, entry)?;
            if kind == "recovery_code" {
                let letter = letter::second_factor_changed(&person.name, "a recovery code was used", &actor.address)?;
                let notice =
                    Notice { kind: "second_factor", to: &person.email, subject: &letter.subject, text: &letter.text };
                account::notify(tx, &means, &user, &notice)?;
            }
            Ok(Tried::In(user.clone(), step.state))
        })
        .await
}

/// The end of every sign-in: a session, the browser noted, and on to where the person wanted to go.
pub async fn enter(req: &HttpRequest, app: &web::Data<App>, user: &Id<User>, next: &str) -> Answer {
    begin_session(req, app, user)?;
    device::welcome(req, app, user).await?;
    app.mailer.wake();
    let mut response = see_other(if next.is_empty() { "/" } else { next })?;
    if req.cookie(NAME).is_some() {
        let mut spent = cookie(app, String::new());
        spent.make_removal();
        response.add_cookie(&spent).map_err(Error::internal)?;
    }
    if req.cookie(shell::NEXT_COOKIE).is_some() {
        response.add_cookie(&shell::spent(shell::NEXT_COOKIE)).map_err(Error::internal)?;
    }
    Ok(response)
}

fn start_again(app: &App, req: &HttpRequest) -> Answer {
    let message = Some(Message {
        bad: true,
        code: "start_again".into(),
        text: "This sign-in was given up: it took too long, or there were too many wrong codes. Begin again.".into(),
    });
    let shell = shell::outside(app, req, "Sign in");
    let mut response: HttpResponse = page_with(
        StatusCode::UNAUTHORIZED,
        &SignIn { shell, email: String::new(), next: String::new(), passkeys: false, message },
    )?;
    if req.cookie(NAME).is_some() {
        let mut spent = cookie(app, String::new());
        spent.make_removal();
        response.add_cookie(&spent).map_err(Error::internal)?;
    }
    Ok(response)
}

fn drawn(app: &App, req: &HttpRequest, factors: Factors, message: Option<Message>) -> SecondStep {
    SecondStep {
        shell: shell::outside(app, req, "Second factor"),
        app: factors.app,
        codes: factors.codes > 0,
        passkeys: factors.passkeys > 0,
        message,
    }
}
