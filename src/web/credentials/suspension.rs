//! Switching a credential off for a while, and watching who misses it.

use super::used;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::credential::Credential;
use crate::model::credential_change::{self, LONGEST_SUSPENSION_H, Saved};
use crate::model::permission::SuspendCredential;
use crate::model::usage::Usage;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::change::Suspension;
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::web;
use chrono::TimeDelta;

type Allowed = Can<SuspendCredential>;

/// `GET …/{id}/suspension`.
pub async fn new(can: Allowed, app: web::Data<App>) -> Answer {
    let row = load(&can, &app).await?;
    page(&form(&can, &app, &row, None).await?)
}

/// `POST …/{id}/suspension`: off for `hours`; `hours=0` switches it on again. 409 for a stale `revision`.
pub async fn create(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let (hours, revision) = (fields.number("hours")?, fields.number("revision")?);
    let row = load(&can, &app).await?;
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), row.id.clone());
    let (saved, href, said) = match hours {
        Some(0) => {
            let saved = app.db.write(move |tx| credential_change::resume(tx, &means, &allowed, &id, revision)).await?;
            (saved, format!("{}/{}", can.list(), row.id), "resumed")
        }
        Some(hours @ 1..=LONGEST_SUSPENSION_H) => {
            let until = Some(app.means.now().plus(TimeDelta::hours(hours)));
            let saved =
                app.db.write(move |tx| credential_change::suspend(tx, &means, &allowed, &id, revision, until)).await?;
            (saved, format!("{}/{}/suspension", can.list(), row.id), "suspended")
        }
        _ => {
            let text = "Say for how many hours it shall be off: 1 to 8784, or 0 to switch it on now.".to_owned();
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, &row, Some(text)).await?);
        }
    };
    match saved {
        Saved::Done | Saved::NameTaken(_) => see_other_saying(href, said),
        Saved::Stale(now) => {
            let text = "Somebody changed it meanwhile. Look at it again before you switch it off or on.".to_owned();
            page_with(StatusCode::CONFLICT, &form(&can, &app, &now, Some(text)).await?)
        }
    }
}

async fn load(can: &Allowed, app: &App) -> Result<Credential, Error> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    app.db.read(move |conn| Credential::get(conn, &workspace, &id)).await
}

async fn form(can: &Allowed, app: &App, row: &Credential, refused: Option<String>) -> Result<Suspension> {
    let (usage, used) = used::load(app, can, &row.id).await?;
    let now = app.means.now();
    Ok(Suspension {
        shell: shell::inside(app, can, &format!("Switch {} off", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        off: row
            .suspended_at
            .filter(|_| row.is_suspended(now))
            .map(|since| (When::new(since, now), row.suspended_until.map(|end| When::new(end, now)))),
        denied: denied(&usage, row, now),
        used,
        refused,
    })
}

/// Bots that were denied it since it was switched off.
fn denied(usage: &Usage, row: &Credential, now: crate::clock::At) -> Vec<(String, When, i64)> {
    let Some(since) = row.suspended_at else { return Vec::new() };
    let mut found: Vec<_> = usage.uses.iter().filter(|did| did.last_denied_at.is_some_and(|at| at >= since)).collect();
    found.sort_by_key(|did| std::cmp::Reverse(did.last_denied_at));
    found
        .into_iter()
        .filter_map(|did| Some((did.bot_name.clone(), When::new(did.last_denied_at?, now), did.denied)))
        .collect()
}
