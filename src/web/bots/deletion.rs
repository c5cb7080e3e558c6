//! Deleting a bot: a page that asks, and the act.

use super::drawn::{STALE, list, load};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::Result;
use crate::model::block;
use crate::model::bot::{self, Bot, Deleting};
use crate::model::permission::ManageBots;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::bots::BotDeletion;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

type Allowed = Can<ManageBots>;

/// `GET …/bots/{id}/deletion`.
pub async fn new(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let bot = load(&app, &can).await?;
    let ask_password = fresh::asked(&app, &req).await?;
    page(&BotDeletion { ask_password, ..form(&can, &app, &bot, TextBox::default()).await? })
}

/// `POST …/bots/{id}/deletion`: with its blocks (`current_password`; `confirm_name` where it is published).
pub async fn create(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let bot = load(&app, &can).await?;
    let typed = fields.text("confirm_name");
    let ask_password = fresh::judge(&app, &req, &mut fields).await?;
    if ask_password.is_some() {
        let form = BotDeletion { ask_password, ..form(&can, &app, &bot, TextBox::of(typed)).await? };
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (revision, confirmed) = (fields.number("revision")?, typed.clone());
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), bot.id.clone());
    let refuse = async |bot: &Bot, code, text: String| {
        let entry = TextBox { error: Some(Remark { code, text }), ..TextBox::of(typed.as_str()) };
        page_with(StatusCode::CONFLICT, &form(&can, &app, bot, entry).await?)
    };
    match app.db.write(move |tx| bot::delete(tx, &means, &allowed, &id, revision, &confirmed)).await? {
        Deleting::Done => see_other_saying(list(&can), "bot-deleted"),
        Deleting::Stale(now) => refuse(&now, "stale", STALE.to_owned()).await,
        Deleting::Unconfirmed(now) => {
            let text = format!("“{}” is published. Type its name to delete it all the same.", now.name);
            refuse(&now, "confirm_name", text).await
        }
    }
}

/// The page that asks, with `confirm_name` as it was typed.
async fn form(can: &Allowed, app: &App, bot: &Bot, confirm: TextBox) -> Result<BotDeletion> {
    let (workspace, id) = (can.workspace().clone(), bot.id.clone());
    let blocks = app.db.read(move |conn| block::of_bots(conn, &workspace, std::slice::from_ref(&id))).await?;
    let asks = bot.is_published() || confirm.error.is_some();
    Ok(BotDeletion {
        shell: shell::inside(app, can, &format!("Delete {}", bot.name), Nav::Bots),
        base: list(can),
        href: format!("{}/{}", list(can), bot.id),
        name: bot.name.clone(),
        revision: bot.revision,
        published: bot.is_published(),
        blocks: blocks.into_iter().map(|(block, _)| block.label).collect(),
        ask_password: None,
        confirm: asks.then_some(confirm),
    })
}
