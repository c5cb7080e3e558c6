//! Publishing a bot, and making it a draft again.

use super::drawn::{STALE, list, load};
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::block;
use crate::model::bot::{self, Bot, Changed, Publishing};
use crate::model::permission::ManageBots;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::bots::Publication;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::web;

type Allowed = Can<ManageBots>;

/// `GET …/bots/{id}/publication`.
pub async fn edit(can: Allowed, app: web::Data<App>) -> Answer {
    let bot = load(&app, &can).await?;
    page(&form(&can, &app, &bot, None).await?)
}

/// `POST …/bots/{id}/publication`: `published=1` or `0`; `anyway=1` with a credential that is known to fail.
pub async fn update(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let bot = load(&app, &can).await?;
    let (revision, anyway) = (fields.number("revision")?, fields.flag("anyway"));
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), bot.id.clone());
    let done = match fields.text("published").as_str() {
        "1" => app.db.write(move |tx| bot::publish(tx, &means, &allowed, &id, revision, anyway)).await?,
        "0" => match app.db.write(move |tx| bot::withdraw(tx, &means, &allowed, &id, revision)).await? {
            Changed::Stale(now) => Publishing::Stale(now),
            Changed::Done | Changed::NameTaken(_) => Publishing::Done,
        },
        _ => return Err(Error::Unprocessable("Send published=1 to publish the bot, or 0 for a draft.".into()).into()),
    };
    let did = if fields.text("published") == "1" { "bot-published" } else { "bot-withdrawn" };
    let (status, text, bot) = match done {
        Publishing::Done => return see_other_saying(format!("{}/{}", list(&can), bot.id), did),
        Publishing::Stale(now) => (StatusCode::CONFLICT, STALE.to_owned(), *now),
        Publishing::Incomplete(blocks) => {
            let text = format!("Choose a credential first for {}.", quoted(&blocks));
            (StatusCode::UNPROCESSABLE_ENTITY, text, bot)
        }
        Publishing::Failing(blocks) => {
            let text = format!("Nothing was published: {} would fail at once.", quoted(&blocks));
            (StatusCode::CONFLICT, text, bot)
        }
    };
    page_with(status, &form(&can, &app, &bot, Some(text)).await?)
}

fn quoted(labels: &[String]) -> String {
    labels.iter().map(|label| format!("“{label}”")).collect::<Vec<_>>().join(", ")
}

async fn form(can: &Allowed, app: &App, bot: &Bot, refused: Option<String>) -> Result<Publication> {
    let (workspace, id) = (can.workspace().clone(), bot.id.clone());
    let blocks = app.db.read(move |conn| block::of_bots(conn, &workspace, std::slice::from_ref(&id))).await?;
    let href = format!("{}/{}", list(can), bot.id);
    let (mut empty, mut failing) = (Vec::new(), Vec::new());
    for (block, chosen) in blocks {
        let at = (block.label, format!("{href}/blocks/{}", block.id));
        match chosen {
            Some(chosen) if chosen.deleted_at.is_none() && chosen.fails() => failing.push(at),
            Some(chosen) if chosen.deleted_at.is_none() => {}
            _ => empty.push(at),
        }
    }
    Ok(Publication {
        shell: shell::inside(app, can, &format!("Publish {}", bot.name), Nav::Bots),
        base: list(can),
        name: bot.name.clone(),
        revision: bot.revision,
        published: bot.is_published(),
        empty,
        failing,
        refused,
        href,
    })
}
