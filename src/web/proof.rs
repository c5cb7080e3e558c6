//! Proves that somebody is who they say: the one place where a password is tried, whatever for.

use crate::app::App;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::measure;
use crate::model::attempt::{self, Attempt, Verdict};
use crate::model::audit;
use crate::model::permission::Actor;
use crate::model::second_factor;
use crate::model::user::{self, SignInRow, User};
use crate::secret::Secret;
use crate::web::client;
use crate::web::guard::{SignedIn, anonymous};
use actix_web::HttpRequest;
use std::sync::atomic::Ordering;

/// What the audit calls a sign-in.
const SIGN_IN: &str = "person.signed_in";

/// What trying a password came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It is this person's.
    Right(Id<User>),
    /// It is this person's, and a password alone is not enough for them to sign in.
    Half(Id<User>),
    /// It is not, or nobody has the address; the two are told apart by nothing.
    Wrong,
    /// Too many failures: so many seconds must go by first.
    Wait(u64),
}

/// Tries the password of whoever signs in with an address.
pub async fn of_address(app: &App, req: &HttpRequest, email: &str, password: Secret) -> Result<Tried> {
    let key = user::email_key(email);
    let wanted = key.clone();
    let found = app.db.read(move |conn| User::for_sign_in(conn, &wanted)).await?;
    tried(app, req, (found, key), password, SIGN_IN).await
}

/// Tries the password of whoever is signed in, for something that asks for it again.
pub async fn of_person(app: &App, req: &HttpRequest, person: &SignedIn, password: Secret) -> Result<Tried> {
    let user = person.user.clone();
    let found = app.db.read(move |conn| User::for_proof(conn, &user)).await?;
    let key = person.user.to_string();
    tried(app, req, (found, key), password, "person.confirmed").await
}

/// Counts the attempt, then hashes, then writes down what it came to. The same queries and one hash for
/// known and unknown names.
async fn tried(
    app: &App,
    req: &HttpRequest,
    (found, key): (Option<SignInRow>, String),
    password: Secret,
    action: &'static str,
) -> Result<Tried> {
    let account = found.as_ref().map(|row| row.id.as_str());
    let attempt = Attempt::new(account, &key, client::address(req, &app.config), app.limits);
    let (now, reserved) = (app.means.now(), attempt.clone());
    if let Verdict::Wait(seconds) = app.db.write(move |tx| attempt::reserve(tx, &reserved, now)).await? {
        app.denials.fetch_add(1, Ordering::Relaxed);
        measure::SIGN_INS_LIMITED.add(1);
        return Ok(Tried::Wait(seconds));
    }
    let stored = found.as_ref().map(|row| row.password_hash.clone());
    let again = Secret::new(password.expose().to_owned());
    let verified = match app.hasher.verify(password, stored.clone()).await {
        Ok(verified) => verified,
        Err(error) => {
            // Nothing was tried, so that nothing counts against whoever comes again.
            app.db.write(move |tx| attempt::withdrawn(tx, &attempt, now)).await?;
            return Err(error);
        }
    };
    let enabled = found.filter(|row| verified.ok && row.disabled_at.is_none()).map(|row| row.id);
    let rehashed = match (&enabled, verified.needs_rehash) {
        (Some(_), true) => stored.zip(Some(app.hasher.hash(again).await?)),
        _ => None,
    };
    let means = app.means.clone();
    let actor = SignedIn::of(req).map_or_else(|_| anonymous(req), |person| person.actor);
    app.db
        .write(move |tx| {
            let mut half = false;
            let entry = match &enabled {
                Some(user) => {
                    half = action == SIGN_IN && second_factor::of(tx.conn(), user)?.any();
                    attempt::succeeded(tx, &attempt, means.now())?;
                    if let Some((old, new)) = &rehashed {
                        User::rehash(tx, user, old, new)?;
                    }
                    let action = if half { "person.password_accepted" } else { action };
                    audit::Entry::allow(action, audit::Target::user(user))
                }
                None => audit::Entry::deny(action, audit::Target::instance(), "credentials"),
            };
            let actor = match &enabled {
                Some(user) => Actor { kind: "person", id: user.to_string(), ..actor.clone() },
                None => actor.clone(),
            };
            audit::record(tx, &means, audit::INSTANCE, &actor, entry)?;
            Ok(match enabled.clone() {
                None => Tried::Wrong,
                Some(user) if half => Tried::Half(user),
                Some(user) => Tried::Right(user),
            })
        })
        .await
}

/// Tries the code that the authenticator app of whoever is signed in shows now; counted like a second factor.
pub async fn of_code(app: &App, req: &HttpRequest, person: &SignedIn, code: Secret) -> Result<Tried> {
    let account = format!("second-factor:{}", person.user);
    let attempt = Attempt::new(Some(&account), "", client::address(req, &app.config), app.limits);
    let (now, reserved) = (app.means.now(), attempt.clone());
    if let Verdict::Wait(seconds) = app.db.write(move |tx| attempt::reserve(tx, &reserved, now)).await? {
        measure::SIGN_INS_LIMITED.add(1);
        return Ok(Tried::Wait(seconds));
    }
    let (means, actor, user) = (app.means.clone(), person.actor.clone(), person.user.clone());
    app.db
        .write(move |tx| {
            let person = User::find(tx.conn(), &user)?.ok_or(Error::SignInNeeded)?;
            let accepted = second_factor::accepts_app(tx, &means, &person, code.expose())?;
            let target = audit::Target::user(&user);
            let entry = match accepted {
                true => audit::Entry::allow("person.confirmed", target).detail("factor", "app"),
                false => audit::Entry::deny("person.confirmed", target, "second_factor"),
            };
            audit::record(tx, &means, audit::INSTANCE, &actor, entry)?;
            if !accepted {
                return Ok(Tried::Wrong);
            }
            attempt::succeeded(tx, &attempt, now)?;
            Ok(Tried::Right(user.clone()))
        })
        .await
}

/// Tries what somebody typed into the box of a risky form: their password, or a code of their authenticator app.
pub async fn of_box(app: &App, req: &HttpRequest, person: &SignedIn, typed: Secret) -> Result<Tried> {
    let text = typed.expose();
    if text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) {
        return of_code(app, req, person, typed).await;
    }
    of_person(app, req, person, typed).await
}

/// The error that tells whoever tried too often how long to wait.
pub fn wait(seconds: u64) -> Error {
    Error::TooMany { retry_after_s: seconds }
}
