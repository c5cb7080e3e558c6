//! Own account: how pages look, and whether single keys act.

use crate::app::App;
use crate::error::Error;
use crate::model::audit;
use crate::model::user::{Theme, User};
use crate::web::answer::{Answer, page, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::SignedIn;
use crate::web::pages::account::Account;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::{Nav, Shell};
use crate::web::shell;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, web};

/// `GET /account`.
pub async fn edit(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let user = person.user.clone();
    let found = app.db.read(move |conn| User::find(conn, &user)).await?.ok_or(Error::SignInNeeded)?;
    // The side bar leads back to the first workspace: the account belongs to none.
    let around = shell::of_person(&app, &person.user, None).await?.ok_or(Error::SignInNeeded)?;
    page(&Account {
        shell: Shell { title: "Your account".into(), current: Nav::Account, toast: shell::said(&req), ..around },
        name: TextBox::of(found.name),
        email: found.email,
        theme: shell::theme_of(found.theme),
        shortcuts: found.shortcuts,
    })
}

/// `POST /account` (`name theme shortcuts`).
pub async fn update(person: SignedIn, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let theme = Theme::parse(&fields.text("theme"))
        .ok_or_else(|| Error::Unprocessable("Choose how pages look: system, light or dark.".into()))?;
    let shortcuts = fields.flag("shortcuts");
    let name = fields.text("name").trim().to_owned();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::Unprocessable("A name has 1 to 200 characters, on one line.".into()).into());
    }
    let means = app.means.clone();
    app.db
        .write(move |tx| {
            User::set_preferences(tx, &person.user, &name, theme, shortcuts)?;
            let entry = audit::Entry::allow("person.preferences", audit::Target::user(&person.user));
            audit::record(tx, &means, audit::INSTANCE, &person.actor, entry)
        })
        .await?;
    let mut response = see_other_saying("/account", "account")?;
    let cookie = Cookie::build(shell::THEME_COOKIE, theme.as_str())
        .path("/")
        .same_site(SameSite::Lax)
        .secure(app.config.is_https())
        .http_only(true)
        .permanent()
        .finish();
    response.add_cookie(&cookie).map_err(Error::internal)?;
    Ok(response)
}
