//! The browser that somebody signs in with: a new one is told of by mail.

use crate::app::App;
use crate::error::Result;
use crate::id::Id;
use crate::mail::letter;
use crate::model::account::{self, Notice};
use crate::model::device::{self, Seen};
use crate::model::user::User;
use crate::web::client;
use actix_web::HttpRequest;

/// Notes the browser of somebody who just signed in, and promises a mail if it is a new one.
pub async fn welcome(req: &HttpRequest, app: &App, user: &Id<User>) -> Result<()> {
    let address = client::address(req, &app.config);
    let (agent, base) = (client::agent(req), app.config.public_url.to_string());
    let (means, user) = (app.means.clone(), user.clone());
    let is_new = app
        .db
        .write(move |tx| {
            let now = means.now();
            if device::note(tx, &user, &agent, address, now)? != Seen::New {
                return Ok(false);
            }
            let Some(person) = User::find(tx.conn(), &user)? else { return Ok(false) };
            let at = now.utc().format("%Y-%m-%d %H:%M UTC").to_string();
            let from = address.map(|ip| ip.to_string()).unwrap_or_default();
            let letter = letter::new_device(&person.name, &at, &from, &agent, &base)?;
            let notice = Notice { kind: "new_device", to: &person.email, subject: &letter.subject, text: &letter.text };
            account::notify(tx, &means, &user, &notice)?;
            Ok(true)
        })
        .await?;
    if is_new {
        app.mailer.wake();
    }
    Ok(())
}
