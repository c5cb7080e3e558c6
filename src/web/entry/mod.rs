//! The ways in and out.

pub mod home;
pub mod setup;
pub mod sign_in;

use crate::error::Result;
use crate::id::Id;
use crate::model::user::User;
use crate::web::client;
use crate::web::session_store::entry;
use actix_session::SessionExt;
use actix_web::{HttpRequest, web};

/// Begins a session for a person who just gave the right password; the key is a new one each time.
fn begin_session(req: &HttpRequest, app: &web::Data<crate::app::App>, user: &Id<User>) -> Result<()> {
    let session = req.get_session();
    session.clear();
    session.renew();
    let address = client::address(req, &app.config).map(|ip| ip.to_string()).unwrap_or_default();
    let insert = |name: &str, value: &str| session.insert(name, value).map_err(crate::error::Error::internal);
    insert(entry::USER, user.as_str())?;
    insert(entry::ADDRESS, &address)?;
    insert(entry::AGENT, &client::agent(req))?;
    session.insert(entry::AUTH_AT, app.means.now().micros()).map_err(crate::error::Error::internal)
}
