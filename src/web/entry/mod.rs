//! The ways in and out.

pub mod confirm;
pub mod device;
pub mod home;
pub mod passkey;
pub mod reset;
pub mod second_factor;
pub mod setup;
pub mod sign_in;

use crate::app::App;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::user::User;
use crate::web::client;
use crate::web::guard::SignedIn;
use crate::web::session_store::entry;
use actix_session::SessionExt;
use actix_web::{HttpRequest, web};

/// Begins a session for a person who just proved who they are; the key is a new one each time.
pub fn begin_session(req: &HttpRequest, app: &web::Data<App>, user: &Id<User>) -> Result<()> {
    session(req, app, user, None)
}

/// Gives a session another key after its person proved once more who they are; it ends when it would have ended.
pub fn renew_session(req: &HttpRequest, app: &web::Data<App>, person: &SignedIn) -> Result<()> {
    session(req, app, &person.user, Some(person.began))
}

fn session(req: &HttpRequest, app: &web::Data<App>, user: &Id<User>, began: Option<At>) -> Result<()> {
    let session = req.get_session();
    session.clear();
    session.renew();
    let (now, address) = (app.means.now(), client::address(req, &app.config));
    let address = address.map(|ip| ip.to_string()).unwrap_or_default();
    let insert = |name: &str, value: &str| session.insert(name, value).map_err(Error::internal);
    insert(entry::USER, user.as_str())?;
    insert(entry::ADDRESS, &address)?;
    insert(entry::AGENT, &client::agent(req))?;
    session.insert(entry::BEGAN, began.unwrap_or(now).micros()).map_err(Error::internal)?;
    session.insert(entry::AUTH_AT, now.micros()).map_err(Error::internal)
}
