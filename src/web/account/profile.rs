//! Own account: how pages look, and whether single keys act.

use super::{frame, own};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::{Error, Result};
use crate::model::audit;
use crate::model::membership::{self, SWITCHER};
use crate::model::user::{self, Theme, User};
use crate::model::workspace::Workspace;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::SignedIn;
use crate::web::pages::account::Account;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Link;
use crate::web::shell;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /account`.
pub async fn edit(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&drawn(&app, &req, &person).await?)
}

/// `POST /account` (`name theme shortcuts`).
pub async fn update(person: SignedIn, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let theme = Theme::parse(&fields.text("theme"))
        .ok_or_else(|| Error::Unprocessable("Choose how pages look: system, light or dark.".into()))?;
    let shortcuts = fields.flag("shortcuts");
    let name = match user::checked_name(&fields.text("name")) {
        Ok(name) => name,
        Err(error) => {
            let error = Some(Remark { code: "name", text: error.to_string() });
            let name = TextBox { error, ..TextBox::of(fields.text("name")) };
            let form = Account { name, theme: shell::theme_of(theme), shortcuts, ..drawn(&app, &req, &person).await? };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
        }
    };
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

/// The page with what is stored.
async fn drawn(app: &App, req: &HttpRequest, person: &SignedIn) -> Result<Account> {
    let found = own(app, person).await?;
    let (user, now) = (person.user.clone(), app.means.now());
    let workspaces = app.db.read(move |conn| membership::workspaces_of(conn, &user, now, SWITCHER)).await?;
    let link = |workspace: &Workspace| Link {
        label: workspace.name.clone(),
        href: format!("/w/{}/departure", workspace.slug),
    };
    Ok(Account {
        shell: frame(app, req, person, "Your account").await?,
        name: TextBox::of(found.name),
        email: found.email,
        theme: shell::theme_of(found.theme),
        shortcuts: found.shortcuts,
        workspaces: workspaces.iter().map(link).collect(),
    })
}
