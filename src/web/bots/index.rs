//! The list of bots, and a new one.

use super::drawn::{health, list};
use super::edit::{checked, form, taken};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::block::{self, Seen};
use crate::model::bot::{self, Bot, Changed};
use crate::model::permission::{ManageBots, ReadBots};
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::bots::{BotList, BotRow};
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// Bots of a page.
const ROWS: i64 = 50;

/// `GET …/bots`.
pub async fn index(can: Can<ReadBots>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let after = after(&req)?;
    let (workspace, from) = (can.workspace().clone(), after.clone());
    let (mut found, blocks, total) = app
        .db
        .read(move |conn| {
            let found = Bot::page(conn, &workspace, from.as_ref(), ROWS + 1)?;
            let ids: Vec<Id<Bot>> = found.iter().map(|bot| bot.id.clone()).collect();
            Ok((found, block::of_bots(conn, &workspace, &ids)?, bot::total(conn, &workspace)?))
        })
        .await?;
    let more = found.len() > usize::try_from(ROWS).unwrap_or(usize::MAX);
    if more {
        found.pop();
    }
    let (base, now) = (list(&can), app.means.now());
    let rows = found.iter().map(|bot| row(&base, bot, &blocks, now)).collect();
    page(&BotList {
        shell: shell::inside(&app, &can, "Bots", Nav::Bots),
        can_manage: can.is_admin(),
        rows,
        total,
        first: after.is_some().then(|| base.clone()),
        next: found.last().filter(|_| more).map(|last| format!("{base}?after={}", last.id)),
        base,
    })
}

fn after(req: &HttpRequest) -> Result<Option<Id<Bot>>> {
    let bad = || Error::BadRequest("The page that this address asks for does not exist.".into());
    let found = url::form_urlencoded::parse(req.query_string().as_bytes()).find(|(name, _)| name == "after");
    found.map(|(_, value)| Id::parse(&value).ok_or_else(bad)).transpose()
}

fn row(base: &str, bot: &Bot, blocks: &[Seen], now: crate::clock::At) -> BotRow {
    let mine = || blocks.iter().filter(|(block, _)| block.bot_id == bot.id);
    BotRow {
        href: format!("{base}/{}", bot.id),
        name: bot.name.clone(),
        description: bot.description.clone(),
        published: bot.published_at.map(|at| When::new(at, now)),
        blocks: mine().count(),
        health: health(mine()),
        made: When::new(bot.created_at, now),
    }
}

/// `GET …/bots/new`.
pub async fn new(can: Can<ManageBots>, app: web::Data<App>) -> Answer {
    page(&form(&can, &app, None, (TextBox::default(), TextBox::default())))
}

/// `POST …/bots`: `name`, and perhaps `description`.
pub async fn create(can: Can<ManageBots>, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let details = match checked(&app, &fields) {
        Ok(details) => details,
        Err(boxes) => return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, None, *boxes)),
    };
    let id = Id::new();
    let (means, allowed, unit, wanted) = (app.means.clone(), can.allowed.clone(), id.clone(), details.clone());
    let changed = app.db.write(move |tx| bot::create(tx, &means, &allowed, &unit, &wanted)).await?;
    match changed {
        Changed::NameTaken(holder) => {
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, None, taken(&details, &holder)))
        }
        Changed::Done | Changed::Stale(_) => see_other_saying(format!("{}/{id}", list(&can)), "bot-created"),
    }
}
