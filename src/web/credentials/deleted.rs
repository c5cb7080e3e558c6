//! “Recently deleted”: what can still be brought back.

use super::drawn::{names, tile};
use crate::app::App;
use crate::change::details::DetailRemarks;
use crate::error::Error;
use crate::id::Id;
use crate::model::audit_names;
use crate::model::credential::{Credential, checked_name};
use crate::model::credential_change::{self, Saved};
use crate::model::credential_list;
use crate::model::permission::{DeleteCredential, Permission, RestoreCredential};
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::deletion::{Deleted, DeletedRow};
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// So many are listed; older ones go by themselves.
const LISTED: i64 = 200;

/// `GET …/credentials/deleted`.
pub async fn index(can: Can<DeleteCredential>, app: web::Data<App>) -> Answer {
    page(&list(&can, &app, None).await?)
}

/// `POST …/{id}/restoration` (`name` if the old one is taken).
pub async fn restore(can: Can<RestoreCredential>, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let id = can.credential()?;
    let typed = fields.text("name");
    let name = match typed.as_str() {
        "" => None,
        typed => match checked_name(typed) {
            Ok(name) => Some(name),
            Err(text) => return Err(Error::Unprocessable(text.to_owned()).into()),
        },
    };
    let (workspace, wanted) = (can.workspace().clone(), id.clone());
    let row = app.db.read(move |conn| Credential::get_deleted(conn, &workspace, &wanted)).await?;
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let (means, allowed, restored) = (app.means.clone(), can.allowed.clone(), id.clone());
    let saved = app
        .db
        .write(move |tx| credential_change::restore(tx, &means, &allowed, &restored, &service, name.as_deref()))
        .await?;
    match saved {
        Saved::NameTaken(holder) => {
            let value = if typed.is_empty() { row.name } else { typed };
            let new_name = TextBox { error: DetailRemarks::name_taken(&holder).name, ..TextBox::of(value) };
            page_with(StatusCode::CONFLICT, &list(&can, &app, Some((&id, new_name))).await?)
        }
        Saved::Done | Saved::Stale(_) => see_other_saying(format!("{}/{id}", can.list()), "restored"),
    }
}

/// `POST …/{id}/purge`: gone at once and for good.
pub async fn purge(can: Can<DeleteCredential>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let back = format!("{}/deleted", can.list());
    if let Some(first) = fresh::demanded(&app, &req, &back).await? {
        return Ok(first);
    }
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), can.credential()?);
    app.db.write(move |tx| credential_change::purge(tx, &means, &allowed, &id)).await?;
    see_other_saying(back, "purged")
}

async fn list<P: Permission>(
    can: &Can<P>,
    app: &App,
    taken: Option<(&Id<Credential>, TextBox)>,
) -> Result<Deleted, Error> {
    let workspace = can.workspace().clone();
    let (found, people) = app
        .db
        .read(move |conn| {
            let found = credential_list::deleted(conn, &workspace, None, LISTED)?;
            let ids: Vec<String> = found.iter().map(|row| row.deleted_by.clone()).collect();
            Ok((found, audit_names::who(conn, &workspace, &ids)?))
        })
        .await?;
    let (base, now, settings) = (can.list(), app.means.now(), &can.standing.workspace.settings);
    let rows = found
        .iter()
        .map(|row| {
            let at = row.deleted_at.unwrap_or(now);
            let (service, _) = names(&app.catalog, &row.integration, &row.method);
            DeletedRow {
                id: row.id.to_string(),
                name: row.name.clone(),
                tile: tile(&app.catalog, &row.integration),
                service,
                at: When::new(at, now),
                by: people.iter().find(|(id, _)| *id == row.deleted_by).map(|(_, n)| n.clone()).unwrap_or_default(),
                purge: When::new(at.plus(settings.keep_deleted()), now),
                restore: format!("{base}/{}/restoration", row.id),
                purge_href: format!("{base}/{}/purge", row.id),
                new_name: taken.as_ref().filter(|(id, _)| **id == row.id).map(|(_, text)| text.clone()),
            }
        })
        .collect();
    Ok(Deleted {
        shell: shell::inside(app, can, "Recently deleted", Nav::Credentials),
        base,
        keep_days: settings.keep_deleted_days,
        rows,
        next: None,
    })
}
