//! Proofs by passkey: a challenge is kept for the browser that asked for it, and its answer is judged once.

use crate::app::App;
use crate::crypto::passkeys::Passkeys;
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::measure;
use crate::model::attempt::{self, Attempt, Verdict};
use crate::model::audit;
use crate::model::passkey;
use crate::model::permission::Actor;
use crate::model::step::{self, Purpose};
use crate::model::user::User;
use crate::web::answer::Answer;
use crate::web::guard::{SignedIn, anonymous};
use crate::web::{client, proof};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse};

/// The cookie of the browser that was asked.
const NAME: &str = "challenge";

/// The passkeys of this installation.
///
/// # Errors
/// [`Error::Conflict`] where browsers have none.
pub fn passkeys(app: &App) -> Result<Passkeys> {
    Passkeys::at(&app.config.public_url).ok_or_else(|| {
        Error::Conflict("Passkeys need an https address with a name. Ask whoever runs this server.".into())
    })
}

fn cookie(app: &App, value: String) -> Cookie<'static> {
    Cookie::build(NAME, value)
        .path("/")
        .same_site(SameSite::Lax)
        .secure(app.config.is_https())
        .http_only(true)
        .max_age(Duration::minutes(10))
        .finish()
}

fn held(req: &HttpRequest) -> Option<String> {
    req.cookie(NAME).map(|cookie| step::held_by(cookie.value()))
}

/// Keeps a challenge for this browser and sends it.
pub async fn challenge(app: &App, purpose: Purpose, user: Option<&Id<User>>, options: String, state: String) -> Answer {
    let browser = token::fresh(app.means.keyring.random())?;
    let (id, user, now) = (step::held_by(browser.expose()), user.cloned(), app.means.now());
    app.db.write(move |tx| step::begin(tx, &id, purpose, user.as_ref(), &state, now)).await?;
    let mut response = HttpResponse::Ok().content_type("application/json; charset=utf-8").body(options);
    response.add_cookie(&cookie(app, browser.expose().to_owned())).map_err(Error::internal)?;
    Ok(response)
}

/// Takes up the challenge of this browser; it is gone afterwards, whatever the answer is worth.
pub async fn taken_up(app: &App, req: &HttpRequest, purpose: Purpose) -> Result<Option<step::Step>> {
    let Some(id) = held(req) else { return Ok(None) };
    let now = app.means.now();
    app.db
        .write(move |tx| {
            let found = step::try_one(tx, &id, purpose, now)?;
            step::end(tx, &id)?;
            Ok(found)
        })
        .await
}

/// Asks for any passkey of this site, for signing in and for confirming. Whoever is not signed in is slowed down.
pub async fn ask(app: &App, req: &HttpRequest) -> Answer {
    if SignedIn::of(req).is_err() {
        let attempt = Attempt::of_passkey(client::address(req, &app.config), app.limits);
        let now = app.means.now();
        if let Verdict::Wait(seconds) = app.db.write(move |tx| attempt::reserve(tx, &attempt, now)).await? {
            measure::SIGN_INS_LIMITED.add(1);
            return Err(proof::wait(seconds).into());
        }
    }
    let asked = passkeys(app)?.ask()?;
    challenge(app, Purpose::Passkey, None, asked.options, asked.state).await
}

/// Whose passkey has answered this browser's challenge; `None` if the answer is not true. Written down as `action`,
/// unless nothing was asked: nobody can grow the log without a challenge, and these are limited.
pub async fn judge(app: &App, req: &HttpRequest, answer: &str, action: &'static str) -> Result<Option<Id<User>>> {
    let Some(step) = taken_up(app, req, Purpose::Passkey).await? else { return Ok(None) };
    let found = judged(app, &step.state, answer).await?;
    let means = app.means.clone();
    let person = SignedIn::of(req).ok();
    let counted = person.is_none().then(|| Attempt::of_passkey(client::address(req, &app.config), app.limits));
    let anybody = person.map_or_else(|| anonymous(req), |person| person.actor);
    app.db
        .write(move |tx| {
            let Some((user, before, kept)) = &found else {
                passkey::refused(tx, &means, action, &anybody)?;
                return Ok(None);
            };
            if !passkey::used(tx, &means, user, before, kept)? {
                passkey::refused(tx, &means, action, &anybody)?;
                return Ok(None);
            }
            if let Some(attempt) = &counted {
                attempt::succeeded(tx, attempt, means.now())?;
            }
            let actor = Actor { kind: "person", id: user.to_string(), ..anybody.clone() };
            let entry = audit::Entry::allow(action, audit::Target::user(user)).detail("factor", "passkey");
            audit::record(tx, &means, audit::INSTANCE, &actor, entry)?;
            Ok(Some(user.clone()))
        })
        .await
}

async fn judged(app: &App, state: &str, answer: &str) -> Result<Option<(Id<User>, passkey::Passkey, String)>> {
    let passkeys = passkeys(app)?;
    let Some(answer) = passkeys.read(answer) else { return Ok(None) };
    let Some(user) = Id::<User>::parse(&answer.person) else { return Ok(None) };
    let (wanted, id) = (user.clone(), answer.id.clone());
    let Some(before) = app.db.read(move |conn| passkey::find(conn, &wanted, &id)).await? else { return Ok(None) };
    let kept = passkeys.judged(state, &answer, &before.public_key);
    Ok(kept.map(|kept| (user, before, kept)))
}
