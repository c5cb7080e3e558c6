//! Risky acts ask for a proof that is not older than ten minutes. A form carries a `current_password` box then, so that
//! nothing typed is lost; whatever has no form leads to `/confirm`.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::clock::At;
use crate::error::Result;
use crate::web::answer::Answer;
use crate::web::body::Fields;
use crate::web::entry::renew_session;
use crate::web::guard::SignedIn;
use crate::web::pages::form::TextBox;
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
pub fn asked(app: &App, req: &HttpRequest) -> Result<Option<TextBox>> {
    let person = SignedIn::of(req)?;
    Ok((!is_good(person.auth_at, app.means.now())).then(TextBox::default))
}

/// 401 that leads a script to the page that asks for a proof, and from there to `next`.
pub fn lead_to_confirm(next: &str) -> Answer {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    Ok(HttpResponse::Unauthorized().insert_header(("HX-Redirect", format!("/confirm?next={next}"))).finish())
}

/// Whether a risky form that was sent may go on (`None`), or the box to draw it again with, as 422. A right password
/// renews the session.
///
/// # Errors
/// [`crate::error::Error::TooMany`] after too many wrong ones.
pub async fn judge(app: &web::Data<App>, req: &HttpRequest, fields: &mut Fields) -> Result<Option<TextBox>> {
    let person = SignedIn::of(req)?;
    let typed = fields.take(BOX);
    if is_good(person.auth_at, app.means.now()) {
        return Ok(None);
    }
    let marked = |text: &str| {
        let error = Some(Remark { code: BOX, text: text.to_owned() });
        Ok(Some(TextBox { error, ..TextBox::default() }))
    };
    if typed.is_empty() {
        return marked("Enter your password once more: you signed in a while ago.");
    }
    match proof::of_box(app, req, &person, typed).await? {
        Tried::Right(_) | Tried::Half(_) => {
            renew_session(req, app, &person)?;
            Ok(None)
        }
        Tried::Wrong => marked("This is neither your password nor the code of your app. Check it and try again."),
        Tried::Wait(seconds) => Err(proof::wait(seconds)),
    }
}
