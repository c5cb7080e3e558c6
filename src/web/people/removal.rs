//! Taking somebody out of a workspace, and what is to be done behind them.

use super::{members, part};
use crate::app::App;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::permission::{ManageMembers, Permission};
use crate::model::user::User;
use crate::model::{leaver, member};
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::credentials::drawn::{names, tile};
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::Proof;
use crate::web::pages::people::{LeftBehind, LeftRow, LeftToken, Removal, Report};
use crate::web::pages::shell::{Link, Nav};
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET …/members/{member}/removal`.
pub async fn new(can: Can<ManageMembers>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let asked = fresh::asked(&app, &req).await?;
    page(&drawn(&can, &req, &app, asked, None).await?)
}

/// `POST …/members/{member}/removal` (`current_password`).
pub async fn create(can: Can<ManageMembers>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let user = part::<User>(&req, "member")?;
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(&can, &req, &app, Some(asked), None).await?);
    }
    let (means, allowed, gone) = (app.means.clone(), can.allowed.clone(), user.clone());
    let own = user == can.standing.user.id;
    match app.db.write(move |tx| member::remove(tx, &means, &allowed, &gone)).await {
        Ok(()) if own => see_other_saying("/", "left"),
        Ok(()) => see_other_saying(format!("{}/members/{user}/report", can.root()), "removed"),
        Err(Error::Conflict(text)) => {
            page_with(StatusCode::CONFLICT, &drawn(&can, &req, &app, None, Some(text)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET …/members/{member}/report`: what somebody leaves behind; also for those who are gone.
pub async fn report(can: Can<ManageMembers>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let user = part::<User>(&req, "member")?;
    let (workspace, wanted, now) = (can.workspace().clone(), user.clone(), app.means.now());
    let (name, is_member) = app
        .db
        .read(move |conn| {
            let is_member = member::get(conn, &workspace, &wanted, now).is_ok();
            let known = is_member || member::was_here(conn, &workspace, &wanted)?;
            let name = User::names(conn, &[wanted.to_string()])?.pop().map(|(_, name)| name);
            Ok((name.filter(|_| known).ok_or(Error::NotFound)?, is_member))
        })
        .await?;
    let left = left_behind(&can, &app, &user).await?;
    page(&Report {
        shell: shell::inside(&app, &can, &format!("What {name} leaves behind"), Nav::Members),
        base: format!("{}/members", can.root()),
        name,
        is_member,
        left,
    })
}

/// What somebody made, or gave the secret that is in use: they may still know it.
async fn left_behind<P: Permission>(can: &Can<P>, app: &App, user: &Id<User>) -> Result<LeftBehind> {
    let (workspace, wanted) = (can.workspace().clone(), user.clone());
    let (list, root, now) = (can.list(), can.root(), app.means.now());
    let (found, tokens) = app
        .db
        .read(move |conn| {
            let found = leaver::credentials_of(conn, &workspace, &wanted)?;
            Ok((found, leaver::tokens_of(conn, &workspace, &wanted, now)?))
        })
        .await?;
    let rows = found
        .iter()
        .map(|row| LeftRow {
            id: row.id.to_string(),
            name: row.name.clone(),
            tile: tile(&app.catalog, &row.integration),
            service: names(&app.catalog, &row.integration, &row.method).0,
            href: format!("{list}/{}", row.id),
            rotate: format!("{list}/{}/rotation", row.id),
            used: row.last_used().map(|at| When::new(at, now)),
        })
        .collect();
    let tokens = tokens.into_iter().map(|token| left_token(&root, token, now)).collect();
    Ok(LeftBehind { rows, tokens })
}

fn left_token(root: &str, token: leaver::Made, now: At) -> LeftToken {
    let bot = token.bot.map(|(id, label)| Link { label, href: format!("{root}/bots/{id}/tokens") });
    let tokens = bot.as_ref().map_or_else(|| format!("{root}/tokens"), |bot| bot.href.clone());
    LeftToken {
        name: token.name,
        prefix: token.prefix,
        bot,
        rotate: format!("{tokens}/{}/rotation", token.id),
        ends: When::new(token.ends, now),
        used: token.used.map(|at| When::new(at, now)),
    }
}

async fn drawn(
    can: &Can<ManageMembers>,
    req: &HttpRequest,
    app: &App,
    asked: Option<Proof>,
    refused: Option<String>,
) -> Result<Removal> {
    let one = members::load(can, req, app).await?;
    let base = format!("{}/members", can.root());
    Ok(Removal {
        shell: shell::inside(app, can, &format!("Remove {}", one.user.name), Nav::Members),
        href: format!("{base}/{}", one.user.id),
        own: one.user.id == can.standing.user.id,
        left: left_behind(can, app, &one.user.id).await?,
        name: one.user.name,
        email: one.user.email,
        ask_password: asked,
        refused,
        base,
    })
}
