//! Risky acts ask for a proof that is not older than ten minutes: the password, a code of an authenticator app, or a
//! passkey. A form carries a `current_password` box then, so that nothing typed is lost; whatever has no form leads to
//! `/confirm`.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::clock::At;
use crate::error::Result;
use crate::model::second_factor;
use crate::web::body::Fields;
use crate::web::entry::{confirm, renew_session};
use crate::web::guard::SignedIn;
use crate::web::pages::form::Proof;
use crate::web::proof::{self, Tried};
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::TimeDelta;

/// A proof is good for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);
/// The name of the box.
pub const BOX: &str = "current_password";

/// Whether a proof given at `auth_at` still counts.
pub fn is_good(auth_at: At, now: At) -> bool {
    now.since(auth_at) < GOOD_FOR
}

/// The box that a risky form carries when it is drawn: none while the last proof still counts.
pub async fn asked(app: &App, req: &HttpRequest) -> Result<Option<Proof>> {
    let person = SignedIn::of(req)?;
    if is_good(person.auth_at, app.means.now()) {
        return Ok(None);
    }
    drawn(app, &person, None).await.map(Some)
}

/// The box for a person, with what they can prove themselves by and a remark.
pub async fn drawn(app: &App, person: &SignedIn, remark: Option<&str>) -> Result<Proof> {
    let user = person.user.clone();
    let factors = app.db.read(move |conn| second_factor::of(conn, &user)).await?;
    let error = remark.map(|text| Remark { code: BOX, text: text.to_owned() });
    Ok(Proof { error, app: factors.app, passkeys: factors.passkeys > 0 })
}

/// Whether a risky form that was sent may go on (`None`), or the box to draw it again with, as 422. A right proof
/// renews the session.
///
/// # Errors
/// [`crate::error::Error::TooMany`] after too many wrong ones.
pub async fn judge(app: &web::Data<App>, req: &HttpRequest, fields: &mut Fields) -> Result<Option<Proof>> {
    let person = SignedIn::of(req)?;
    let typed = fields.take(BOX);
    if is_good(person.auth_at, app.means.now()) {
        return Ok(None);
    }
    let remark = match typed.is_empty() {
        true => "Confirm once more that it is you: you signed in a while ago.",
        false => match proof::of_box(app, req, &person, typed).await? {
            Tried::Right(_) | Tried::Half(_) => {
                renew_session(req, app, &person)?;
                return Ok(None);
            }
            Tried::Wrong => WRONG,
            Tried::Wait(seconds) => return Err(proof::wait(seconds)),
        },
    };
    drawn(app, &person, Some(remark)).await.map(Some)
}

/// What is said of a proof that is none.
pub const WRONG: &str = "This is not right. Check what you typed and try again.";

/// Whether a risky act without a form may go on (`None`), or the page that asks for a proof first and then leads to
/// `next`: 401, with `HX-Redirect` for scripts.
pub async fn demanded(app: &App, req: &HttpRequest, next: &str) -> Result<Option<HttpResponse>> {
    let person = SignedIn::of(req)?;
    if is_good(person.auth_at, app.means.now()) {
        return Ok(None);
    }
    confirm::demanded(app, &person, next).await.map(Some)
}
