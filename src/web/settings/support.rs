//! `POST …/settings/support` and `…/settings/support/end`: who may look in, why, and how long.

use super::edit;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::Error;
use crate::id::Id;
use crate::model::permission::ManageSupport;
use crate::model::support;
use crate::model::user::User;
use crate::web::answer::{Answer, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::TextBox;
use crate::web::pages::settings::Grant;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `POST …/settings/support` (`email reason hours current_password`).
pub async fn create(can: Can<ManageSupport>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let (email, reason) = (fields.text("email"), fields.text("reason"));
    let hours = fields.number("hours")?.unwrap_or(0);
    let chosen = if hours > 0 { hours.to_string() } else { Grant::default().hours };
    let asked = fresh::judge(&app, &req, &mut fields).await?;
    if asked.is_some() {
        let grant = Grant { email: TextBox::of(email), reason: TextBox::of(reason), hours: chosen, asked };
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &edit::with_grant(&can, &app, grant).await?);
    }
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    let (to, why) = (email.clone(), reason.clone());
    let done = app.db.write(move |tx| support::grant(tx, &means, &allowed, &to, &why, hours)).await;
    let (status, text) = match done {
        Ok(()) => return see_other_saying(format!("{}/settings", can.root()), "support-granted"),
        Err(Error::Unprocessable(text)) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        Err(Error::Conflict(text)) => (StatusCode::CONFLICT, text),
        Err(error) => return Err(error.into()),
    };
    let error = Some(Remark { code: "support", text });
    let grant = Grant {
        email: TextBox { error, ..TextBox::of(email) },
        reason: TextBox::of(reason),
        hours: chosen,
        asked: None,
    };
    page_with(status, &edit::with_grant(&can, &app, grant).await?)
}

/// `POST …/settings/support/end` (`user`).
pub async fn end(can: Can<ManageSupport>, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let user = Id::<User>::parse(&fields.text("user"))
        .ok_or_else(|| Error::BadRequest("Whose access is to end was not said. Go back to the settings.".into()))?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| support::end(tx, &means, &allowed, &user)).await?;
    see_other_saying(format!("{}/settings", can.root()), "support-ended")
}
