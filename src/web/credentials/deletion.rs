//! Deleting: a page that asks, and the act.

use super::drawn::names;
use super::row::is_asked_by_htmx;
use super::used;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::change::delete::{self, SignIn};
use crate::error::Error;
use crate::model::credential::Credential;
use crate::model::credential_change::Deleting;
use crate::model::permission::DeleteCredential;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::deletion::Deletion;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

type Allowed = Can<DeleteCredential>;

/// `GET …/{id}/deletion`.
pub async fn new(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let row = load(&can, &app).await?;
    let ask_password = fresh::asked(&app, &req).await?;
    page(&Deletion { ask_password, ..form(&can, &app, &row, TextBox::default()).await? })
}

/// `POST …/{id}/deletion`: moves it to “Recently deleted”; `confirm_name` where bots would notice.
pub async fn create(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let row = load(&can, &app).await?;
    let typed = fields.text("confirm_name");
    let asked = fresh::judge(&app, &req, &mut fields).await?;
    if asked.is_some() {
        let form = Deletion { ask_password: asked, ..form(&can, &app, &row, TextBox::of(typed)).await? };
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let revision = fields.number("revision")?;
    let (deleted, sign_in) = delete::delete(&app, &can.allowed, &row, revision, typed.clone()).await?;
    let did = match sign_in {
        SignIn::None => "deleted",
        SignIn::Stays => "deleted-sign-in",
        SignIn::Shared(_) => "deleted-shared",
        SignIn::Ended => "deleted-revoked",
        SignIn::Refused => "deleted-not-revoked",
    };
    match deleted {
        Deleting::Unconfirmed(bots) => {
            let who = if bots.is_empty() { "A bot".to_owned() } else { bots.join(", ") };
            let text = format!("{who} would notice. Type “{}” to delete it all the same.", row.name);
            let entry = TextBox { error: Some(Remark { code: "confirm_name", text }), ..TextBox::of(typed) };
            page_with(StatusCode::CONFLICT, &form(&can, &app, &row, entry).await?)
        }
        Deleting::Stale(now) => {
            let text = "Somebody changed it meanwhile. Look at it again before you delete it.".into();
            let entry = TextBox { error: Some(Remark { code: "stale", text }), ..TextBox::of(typed) };
            page_with(StatusCode::CONFLICT, &form(&can, &app, &now, entry).await?)
        }
        // The row that asked is gone with what it showed.
        Deleting::Done if is_asked_by_htmx(&req) => {
            Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").finish())
        }
        Deleting::Done => see_other_saying(can.list(), did),
    }
}

/// What becomes of the sign-in at the service, for the page that asks.
async fn sign_in_text(app: &App, row: &Credential) -> Result<Option<String>, Error> {
    let (name, _) = names(&app.catalog, &row.integration, &row.method);
    Ok(match delete::outlook(app, row).await? {
        SignIn::None => None,
        SignIn::Stays => {
            Some(format!("{name} has no way for us to end the sign-in: remove the app in the account there, too."))
        }
        SignIn::Shared(other) => {
            Some(format!("“{other}” is signed in with the same account, so {name} is not asked to end the sign-in."))
        }
        SignIn::Ended | SignIn::Refused => Some(format!("{name} is asked to end the sign-in.")),
    })
}

async fn load(can: &Allowed, app: &App) -> Result<Credential, Error> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    app.db.read(move |conn| Credential::get(conn, &workspace, &id)).await
}

/// The page that asks, with `confirm_name` as it was typed.
async fn form(can: &Allowed, app: &App, row: &Credential, confirm: TextBox) -> Result<Deletion, Error> {
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let (usage, used) = used::load(app, can, &row.id).await?;
    let now = app.means.now();
    let asks = usage.asks_name(row, now) || confirm.error.is_some();
    Ok(Deletion {
        shell: shell::inside(app, can, &format!("Delete {}", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        service,
        revision: Some(row.revision),
        used,
        last_used: row.last_used().or(usage.last()).map(|at| When::new(at, now)),
        confirm: asks.then_some(confirm),
        ask_password: None,
        keep_days: can.standing.workspace.settings.keep_deleted_days,
        sign_in: sign_in_text(app, row).await?,
    })
}
