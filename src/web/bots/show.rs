//! One bot's page: whether each of its blocks works.

use super::drawn::{health, list, status};
use crate::app::App;
use crate::clock::At;
use crate::model::audit_names;
use crate::model::block::{self, Seen};
use crate::model::bot::Bot;
use crate::model::permission::ReadBots;
use crate::model::token_warning;
use crate::model::usage;
use crate::web::answer::{Answer, page};
use crate::web::credentials::drawn::tile;
use crate::web::guard::Can;
use crate::web::pages::bots::{BlockRow, BotPage, ChosenView};
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::web;
use std::collections::BTreeMap;

/// When the bot last got each credential.
type Uses = BTreeMap<String, At>;

/// `GET …/bots/{id}`.
pub async fn show(can: Can<ReadBots>, app: web::Data<App>) -> Answer {
    let (workspace, id) = (can.workspace().clone(), can.bot()?);
    let now = app.means.now();
    let (bot, blocks, uses, people, ending) = app
        .db
        .read(move |conn| {
            let bot = Bot::get(conn, &workspace, &id)?;
            let blocks = block::of_bots(conn, &workspace, std::slice::from_ref(&id))?;
            let uses = usage::last_uses(conn, &workspace, &id)?;
            let people = audit_names::who(conn, &workspace, std::slice::from_ref(&bot.created_by))?;
            let ending = token_warning::first_of(conn, &workspace, &id, now)?;
            Ok((bot, blocks, uses, people, ending))
        })
        .await?;
    let base = list(&can);
    let href = format!("{base}/{}", bot.id);
    page(&BotPage {
        shell: shell::inside(&app, &can, &bot.name, Nav::Bots),
        base,
        id: bot.id.to_string(),
        published: bot.published_at.map(|at| When::new(at, now)),
        can_manage: can.is_admin(),
        health: health(blocks.iter()),
        blocks: blocks.iter().map(|seen| row(&can, &app, &href, seen, &uses)).collect(),
        ending: ending.map(|(name, at)| (name, When::new(at, now))),
        made: (
            When::new(bot.created_at, now),
            people.into_iter().next().map_or_else(|| "the operator".to_owned(), |(_, name)| name),
        ),
        name: bot.name,
        description: bot.description,
        href,
    })
}

fn row(can: &Can<ReadBots>, app: &App, bot: &str, (block, chosen): &Seen, uses: &Uses) -> BlockRow {
    let now = app.means.now();
    let service = app.catalog.get(&block.integration).map_or(&block.integration, |found| &found.name);
    let last = chosen.as_ref().and_then(|chosen| uses.get(chosen.id.as_str()).copied());
    BlockRow {
        href: format!("{bot}/blocks/{}", block.id),
        label: block.label.clone(),
        key: block.key.clone(),
        tile: tile(&app.catalog, &block.integration),
        service: service.clone(),
        credential: chosen.as_ref().map(|chosen| ChosenView {
            name: chosen.name.clone(),
            href: format!("{}/{}", can.list(), chosen.id),
            deleted: chosen.deleted_at.is_some(),
            status: status(chosen, now),
            hint: if can.inspects() && chosen.fails() { chosen.hint.clone() } else { String::new() },
        }),
        last: last.map(|at| When::new(at, now)),
    }
}
