//! The name and description of a bot.

use super::drawn::{STALE, list, load};
use crate::app::App;
use crate::model::bot::{self, Bot, Changed, Details, Wrong};
use crate::model::permission::ManageBots;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::guard::Can;
use crate::web::pages::bots::BotForm;
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::web;

type Allowed = Can<ManageBots>;
type Boxes = (TextBox, TextBox);

/// `GET …/bots/{id}/edit`.
pub async fn edit(can: Allowed, app: web::Data<App>) -> Answer {
    let bot = load(&app, &can).await?;
    let boxes = (TextBox::of(bot.name.clone()), TextBox::of(bot.description.clone()));
    page(&form(&can, &app, Some(&bot), boxes))
}

/// `POST …/bots/{id}`.
pub async fn update(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let bot = load(&app, &can).await?;
    let details = match checked(&app, &fields) {
        Ok(details) => details,
        Err(boxes) => return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, Some(&bot), *boxes)),
    };
    let revision = fields.number("revision")?;
    let (means, allowed, id, wanted) = (app.means.clone(), can.allowed.clone(), bot.id.clone(), details.clone());
    let changed = app.db.write(move |tx| bot::edit(tx, &means, &allowed, &id, revision, &wanted)).await?;
    match changed {
        Changed::Done => see_other_saying(format!("{}/{}", list(&can), bot.id), "bot-edited"),
        Changed::NameTaken(holder) => {
            let page = form(&can, &app, Some(&bot), taken(&details, &holder));
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Changed::Stale(now) => {
            let text = format!("{STALE} It is called “{}” now.", now.name);
            let boxes = (TextBox::of(details.name), TextBox::of(details.description));
            let page = BotForm { stale: Some(text), ..form(&can, &app, Some(&now), boxes) };
            page_with(StatusCode::CONFLICT, &page)
        }
    }
}

/// Name and description as they were typed, or the boxes with what is wrong.
pub(super) fn checked(app: &App, fields: &Fields) -> Result<Details, Box<Boxes>> {
    let (name, description) = (fields.text("name"), fields.text("description"));
    Details::read(&app.catalog, &name, &description).map_err(|wrong| Box::new(boxes(&name, &description, *wrong)))
}

/// The boxes of a bot whose name another one has.
pub(super) fn taken(details: &Details, holder: &str) -> Boxes {
    boxes(&details.name, &details.description, Wrong::name_taken(holder))
}

fn boxes(name: &str, description: &str, wrong: Wrong) -> Boxes {
    (TextBox::judged(name, wrong.name), TextBox::judged(description, wrong.description))
}

pub(super) fn form(can: &Allowed, app: &App, bot: Option<&Bot>, (name, description): Boxes) -> BotForm {
    let base = list(can);
    let href = |bot: &Bot| format!("{base}/{}", bot.id);
    BotForm {
        shell: shell::inside(app, can, if bot.is_some() { "Edit bot" } else { "New bot" }, Nav::Bots),
        action: bot.map_or_else(|| base.clone(), href),
        bot: bot.map(|bot| (href(bot), bot.name.clone())),
        name,
        description,
        revision: bot.map(|bot| bot.revision),
        stale: None,
        base,
    }
}
