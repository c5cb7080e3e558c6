//! Renaming: free, never verified; the handle stays.

use super::drawn::names;
use super::row;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::change::details::{DetailRemarks, checked_name};
use crate::error::Error;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Saved};
use crate::model::permission::RenameCredential;
use crate::web::answer::{Answer, page, page_with};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::edit::Rename;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

type Allowed = Can<RenameCredential>;

/// `GET …/{id}/name`.
pub async fn edit(can: Allowed, app: web::Data<App>) -> Answer {
    let row = load(&can, &app).await?;
    let name = TextBox::of(row.name.clone());
    page(&form(&can, &app, &row, name))
}

/// `POST …/{id}/name`.
pub async fn update(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let (typed, revision) = (fields.text("name"), fields.number("revision")?);
    let row = load(&can, &app).await?;
    let refuse = |status, error: Option<Remark>| {
        page_with(status, &form(&can, &app, &row, TextBox::judged(typed.clone(), error)))
    };
    let name = match checked_name(&app.catalog, &typed) {
        Ok(name) => name,
        Err(remark) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, Some(remark)),
    };
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), row.id.clone());
    let saved =
        app.db.write(move |tx| credential_change::rename(tx, &means, &allowed, &id, revision, &service, &name)).await?;
    match saved {
        Saved::Done => row::answer(&can, &req, &app, &row.id, "renamed").await,
        Saved::NameTaken(holder) => refuse(StatusCode::UNPROCESSABLE_ENTITY, DetailRemarks::name_taken(&holder).name),
        Saved::Stale(now) => {
            let text = format!(
                "Somebody changed it meanwhile; it is called “{}” now. Send it again to rename it all the same.",
                now.name
            );
            let error = Some(Remark { code: "stale", text });
            page_with(StatusCode::CONFLICT, &form(&can, &app, &now, TextBox::judged(typed, error)))
        }
    }
}

async fn load(can: &Allowed, app: &App) -> Result<Credential, Error> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    app.db.read(move |conn| Credential::get(conn, &workspace, &id)).await
}

fn form(can: &Allowed, app: &App, row: &Credential, new_name: TextBox) -> Rename {
    Rename {
        shell: shell::inside(app, can, &format!("Rename {}", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        handle: row.handle.clone(),
        revision: Some(row.revision),
        new_name,
    }
}
