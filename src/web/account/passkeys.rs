//! One's own passkeys.

use super::{frame, own};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::{Error, Result};
use crate::mail::letter;
use crate::model::account::{self, Notice};
use crate::model::passkey;
use crate::model::step::Purpose;
use crate::model::user;
use crate::secret::Secret;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::entry::renew_session;
use crate::web::guard::SignedIn;
use crate::web::pages::account::{PasskeyRow, PasskeysPage};
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::time::When;
use crate::web::{fresh, once, passkey as ceremony};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// Where new recovery codes are shown.
const CODES: &str = "/account/second-factor";

/// `GET /account/passkeys`.
pub async fn index(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&drawn(&app, &req, &person, TextBox::default(), fresh::asked(&app, &req).await?).await?)
}

/// `POST /account/passkeys/options`: a challenge for a new passkey, as JSON; 401 that leads to `/confirm` where the last
/// proof is too old.
pub async fn options(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    if let Some(first) = fresh::demanded(&app, &req, "/account/passkeys").await? {
        return Ok(first);
    }
    let user = own(&app, &person).await?;
    let id = person.user.clone();
    let known: Vec<String> =
        app.db.read(move |conn| passkey::of(conn, &id)).await?.into_iter().map(|one| one.id).collect();
    let asked = ceremony::passkeys(&app)?.register(person.user.as_str(), &user.email, &user.name, &known)?;
    ceremony::challenge(&app, Purpose::Registration, Some(&person.user), asked.options, asked.state).await
}

/// `POST /account/passkeys` (`name credential` of a new one, `rename name`, or `remove`; `current_password`, but not
/// for another name).
pub async fn update(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let renamed = fields.text("rename");
    if !renamed.is_empty() {
        return rename(&app, &req, &person, renamed, fields.text("name")).await;
    }
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        let form = drawn(&app, &req, &person, TextBox::of(fields.text("name")), Some(asked)).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let removed = fields.text("remove");
    if removed.is_empty() {
        add(&app, &req, &person, &fields).await
    } else {
        remove(&app, &req, &person, removed).await
    }
}

async fn add(app: &web::Data<App>, req: &HttpRequest, person: &SignedIn, fields: &Fields) -> Answer {
    let refused = async |code, text: String| {
        let name = TextBox { error: Some(Remark { code, text }), ..TextBox::of(fields.text("name")) };
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(app, req, person, name, None).await?)
    };
    let name = match user::checked_name(&fields.text("name")) {
        Ok(name) => name,
        Err(error) => return refused("name", error.to_string()).await,
    };
    let step = ceremony::taken_up(app, req, Purpose::Registration).await?;
    let state = step.filter(|step| step.user_id.as_ref() == Some(&person.user)).map(|step| step.state);
    let answer = fields.text("credential");
    let passkeys = ceremony::passkeys(app)?;
    let Some(made) = state.and_then(|state| passkeys.registered(&state, &answer)) else {
        let text = "The passkey could not be made. Try again: the browser asks for it when you press the button.";
        return refused("passkey", text.into()).await;
    };
    let user = own(app, person).await?;
    let letter =
        letter::second_factor_changed(&user.name, "a passkey was added to your account", &person.actor.address)?;
    let (means, actor, id) = (app.means.clone(), person.actor.clone(), person.user.clone());
    let codes = app
        .db
        .write(move |tx| {
            let codes = passkey::add(tx, &means, &id, (&made.id, &name, &made.kept), &actor)?;
            let notice =
                Notice { kind: "second_factor", to: &user.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &id, &notice)?;
            Ok(Secret::new(codes.iter().map(Secret::expose).collect::<Vec<_>>().join(" ")))
        })
        .await?;
    app.mailer.wake();
    renew_session(req, app, person)?;
    if codes.is_empty() {
        return see_other_saying("/account/passkeys", "passkey-added");
    }
    let mut response = see_other_saying(CODES, "passkey-added")?;
    if let Some(cookie) = once::carry(app, CODES, &codes) {
        response.add_cookie(&cookie).map_err(Error::internal)?;
    }
    Ok(response)
}

async fn rename(app: &web::Data<App>, req: &HttpRequest, person: &SignedIn, id: String, typed: String) -> Answer {
    let name = match user::checked_name(&typed) {
        Ok(name) => name,
        Err(error) => {
            let error = Some(Remark { code: "name", text: error.to_string() });
            let asked = fresh::asked(app, req).await?;
            let mut form = drawn(app, req, person, TextBox::default(), asked).await?;
            let row = form.rows.iter_mut().find(|row| row.id == id).ok_or(Error::NotFound)?;
            row.rename = TextBox { error, ..TextBox::of(typed) };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
        }
    };
    let (means, actor, user) = (app.means.clone(), person.actor.clone(), person.user.clone());
    app.db.write(move |tx| passkey::rename(tx, &means, &user, &id, &name, &actor)).await?;
    see_other_saying("/account/passkeys", "passkey-renamed")
}

async fn remove(app: &web::Data<App>, req: &HttpRequest, person: &SignedIn, removed: String) -> Answer {
    let user = own(app, person).await?;
    let letter =
        letter::second_factor_changed(&user.name, "a passkey was removed from your account", &person.actor.address)?;
    let (means, actor, id) = (app.means.clone(), person.actor.clone(), person.user.clone());
    app.db
        .write(move |tx| {
            passkey::remove(tx, &means, &id, &removed, &actor)?;
            let notice =
                Notice { kind: "second_factor", to: &user.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &id, &notice)
        })
        .await?;
    app.mailer.wake();
    renew_session(req, app, person)?;
    see_other_saying("/account/passkeys", "passkey-removed")
}

async fn drawn(
    app: &App,
    req: &HttpRequest,
    person: &SignedIn,
    name: TextBox,
    asked: Option<Proof>,
) -> Result<PasskeysPage> {
    let (user, now) = (person.user.clone(), app.means.now());
    let found = app.db.read(move |conn| passkey::of(conn, &user)).await?;
    Ok(PasskeysPage {
        shell: frame(app, req, person, "Passkeys").await?,
        possible: ceremony::passkeys(app).is_ok(),
        name,
        ask_password: asked,
        rows: found
            .into_iter()
            .map(|one| PasskeyRow {
                id: one.id,
                rename: TextBox::of(one.name.clone()),
                name: one.name,
                made: When::new(one.created_at, now),
                used: one.used_at.map(|at| When::new(at, now)),
            })
            .collect(),
    })
}
