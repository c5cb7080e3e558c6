//! “Recently deleted”: what can still be brought back.

use super::drawn::{names, tile};
use crate::app::App;
use crate::change::details::{DetailRemarks, checked_name};
use crate::error::Error;
use crate::model::audit_names;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Saved};
use crate::model::credential_list::{self, Cursor};
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

/// Rows of a page.
const ROWS: usize = 50;
/// To whoever acts on a row that is not what it was.
const STALE: &str = "Somebody changed it meanwhile. Look at it again before you restore or remove it.";

/// `GET …/credentials/deleted` (`after`).
pub async fn index(can: Can<DeleteCredential>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let after = url::form_urlencoded::parse(req.query_string().as_bytes()).find(|(name, _)| name == "after");
    let after = after.filter(|(_, text)| !text.is_empty()).map(|(_, text)| Cursor::parse(&text)).transpose()?;
    page(&list(&can, &app, after, None).await?)
}

/// `POST …/{id}/restoration` (`name` if the old one is taken): 409 for a name that is taken or a stale `revision`, 422
/// for a name that cannot be.
pub async fn restore(can: Can<RestoreCredential>, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let id = can.credential()?;
    let (typed, revision) = (fields.text("name"), fields.number("revision")?);
    let (workspace, wanted) = (can.workspace().clone(), id.clone());
    let row = app.db.read(move |conn| Credential::get_deleted(conn, &workspace, &wanted)).await?;
    let name = match typed.as_str() {
        "" => None,
        text => match checked_name(&app.catalog, text) {
            Ok(name) => Some(name),
            Err(remark) => {
                let again = Some((row, TextBox::judged(typed, Some(remark))));
                return page_with(StatusCode::UNPROCESSABLE_ENTITY, &list(&can, &app, None, again).await?);
            }
        },
    };
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let (means, allowed, restored) = (app.means.clone(), can.allowed.clone(), id.clone());
    let saved = app
        .db
        .write(move |tx| {
            credential_change::restore(tx, &means, &allowed, &restored, revision, &service, name.as_deref())
        })
        .await?;
    match saved {
        Saved::NameTaken(holder) => {
            let value = if typed.is_empty() { row.name.clone() } else { typed };
            let again = Some((row, TextBox::judged(value, DetailRemarks::name_taken(&holder).name)));
            page_with(StatusCode::CONFLICT, &list(&can, &app, None, again).await?)
        }
        Saved::Stale(_) => Err(Error::Conflict(STALE.to_owned()).into()),
        Saved::Done => see_other_saying(format!("{}/{id}", can.list()), "restored"),
    }
}

/// `POST …/{id}/purge`: gone at once and for good. 409 for a stale `revision`.
pub async fn purge(can: Can<DeleteCredential>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let revision = posted.fields().await?.number("revision")?;
    let back = format!("{}/deleted", can.list());
    if let Some(first) = fresh::demanded(&app, &req, &back).await? {
        return Ok(first);
    }
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), can.credential()?);
    match app.db.write(move |tx| credential_change::purge(tx, &means, &allowed, &id, revision)).await? {
        Saved::Stale(_) => Err(Error::Conflict(STALE.to_owned()).into()),
        Saved::Done | Saved::NameTaken(_) => see_other_saying(back, "purged"),
    }
}

/// The page behind `after`. A row that was `refused` has a box for another name; it is on top where the page does not
/// have it anyway.
async fn list<P: Permission>(
    can: &Can<P>,
    app: &App,
    after: Option<Cursor>,
    refused: Option<(Credential, TextBox)>,
) -> Result<Deleted, Error> {
    let (workspace, asked) = (can.workspace().clone(), refused.as_ref().map(|(row, _)| row.clone()));
    let is_first = after.is_none();
    let (found, next, people) = app
        .db
        .read(move |conn| {
            let (mut found, next) = credential_list::deleted(conn, &workspace, after.as_ref(), ROWS)?;
            if let Some(row) = &asked
                && found.iter().all(|one| one.id != row.id)
            {
                found.insert(0, row.clone());
            }
            let ids: Vec<String> = found.iter().map(|row| row.deleted_by.clone()).collect();
            let people = audit_names::who(conn, &workspace, &ids)?;
            Ok((found, next, people))
        })
        .await?;
    let next = next.as_ref().map(Cursor::text).transpose()?;
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
                new_name: refused.as_ref().filter(|(one, _)| one.id == row.id).map(|(_, text)| text.clone()),
            }
        })
        .collect();
    Ok(Deleted {
        shell: shell::inside(app, can, "Recently deleted", Nav::Credentials),
        first: (!is_first).then(|| format!("{base}/deleted")),
        next: next.map(|after| format!("{base}/deleted?after={after}")),
        base,
        keep_days: settings.keep_deleted_days,
        rows,
    })
}
