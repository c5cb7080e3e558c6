//! Another password for one's own account.

use super::{frame, own};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::password_rules::{SHORTEST, check_password};
use crate::error::Result;
use crate::mail::letter;
use crate::model::account::{self, Notice};
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::entry::renew_session;
use crate::web::fresh::BOX;
use crate::web::guard::SignedIn;
use crate::web::pages::account::PasswordPage;
use crate::web::pages::form::TextBox;
use crate::web::proof::{self, Tried};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /account/password`.
pub async fn edit(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&drawn(&app, &req, &person, TextBox::default(), TextBox::default()).await?)
}

/// `POST /account/password` (`current_password password`): the old one is asked for each time.
pub async fn update(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let (current, wanted) = (fields.take(BOX), fields.take("password"));
    let user = own(&app, &person).await?;
    let remarked = |code, text: String| TextBox { error: Some(Remark { code, text }), ..TextBox::default() };
    if let Err(refused) = check_password(wanted.expose(), &[&user.name, &user.email]) {
        let entry = remarked("password", refused.to_string());
        let form = drawn(&app, &req, &person, TextBox::default(), entry).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    match proof::of_person(&app, &req, &person, current).await? {
        Tried::Right(_) | Tried::Half(_) => {}
        Tried::Wrong => {
            let entry = remarked(BOX, "This is not your password. Check it and try again.".into());
            let form = drawn(&app, &req, &person, entry, TextBox::default()).await?;
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
        }
        Tried::Wait(seconds) => return Err(proof::wait(seconds).into()),
    }
    let hash = app.hasher.hash(wanted).await?;
    let letter = letter::password_changed(&user.name, &person.actor.address)?;
    let (means, actor, id) = (app.means.clone(), person.actor.clone(), person.user.clone());
    app.db
        .write(move |tx| {
            account::set_password(tx, &means, &id, &hash, &actor)?;
            let notice = Notice { kind: "password", to: &user.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &id, &notice)
        })
        .await?;
    app.mailer.wake();
    renew_session(&req, &app, &person)?;
    see_other_saying("/account", "password")
}

async fn drawn(
    app: &App,
    req: &HttpRequest,
    person: &SignedIn,
    current: TextBox,
    password: TextBox,
) -> Result<PasswordPage> {
    Ok(PasswordPage {
        shell: frame(app, req, person, "Another password").await?,
        current,
        password,
        password_min: SHORTEST,
    })
}
