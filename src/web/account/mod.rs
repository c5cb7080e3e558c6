//! The pages of one's own account.

pub mod email;
pub mod passkeys;
pub mod password;
pub mod profile;
pub mod second_factor;
pub mod sessions;

use crate::app::App;
use crate::error::{Error, Result};
use crate::model::user::User;
use crate::web::guard::SignedIn;
use crate::web::pages::shell::{Nav, Shell};
use crate::web::shell;
use actix_web::HttpRequest;

/// The frame of a page of the account, which belongs to no workspace: the side bar leads back to the first one.
async fn frame(app: &App, req: &HttpRequest, person: &SignedIn, title: &str) -> Result<Shell> {
    let around = shell::of_person(app, &person.user, None).await?.ok_or(Error::SignInNeeded)?;
    Ok(Shell { current: Nav::Account, toast: shell::said(req), ..shell::titled(around, title) })
}

/// The person's own row.
async fn own(app: &App, person: &SignedIn) -> Result<User> {
    let user = person.user.clone();
    app.db.read(move |conn| User::find(conn, &user)).await?.ok_or(Error::SignInNeeded)
}
