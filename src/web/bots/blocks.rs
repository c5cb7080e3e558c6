//! The blocks of a bot: which service, and which credential of it.

use super::drawn::{STALE, list, load, named, status};
use crate::app::App;
use crate::catalog::form::Remark;
use crate::catalog::schema::Integration;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::block::{self, Block, Chosen, Wanted};
use crate::model::bot::{Bot, Changed};
use crate::model::credential::Credential;
use crate::model::credential_list;
use crate::model::permission::ManageBots;
use crate::web::answer::{Answer, page, page_with, see_other, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::credentials::drawn::{tile, tile_of};
use crate::web::guard::Can;
use crate::web::pages::bots::{BlockForm, Removal, ServicePick};
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

type Allowed = Can<ManageBots>;

/// So many credentials are offered for a block.
const OFFERED: i64 = 500;

/// What a form of a block is drawn from.
struct Drawn<'a> {
    bot: &'a Bot,
    block: Option<&'a Block>,
    integration: &'a str,
    label: TextBox,
    /// The chosen one, by id or handle as it was sent.
    chosen: &'a str,
    wrong: Option<Remark>,
}

/// `GET …/bots/{id}/blocks`: which service, and with `integration` the form.
pub async fn new(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let bot = load(&app, &can).await?;
    let query = url::form_urlencoded::parse(req.query_string().as_bytes());
    let wanted = query.into_owned().find(|(name, _)| name == "integration").map(|(_, id)| id).unwrap_or_default();
    if wanted.is_empty() {
        return page(&services(&can, &app, &bot).await?);
    }
    app.catalog.get(&wanted).ok_or(Error::NotFound)?;
    let drawn =
        Drawn { bot: &bot, block: None, integration: &wanted, label: TextBox::default(), chosen: "", wrong: None };
    page(&form(&can, &app, drawn).await?)
}

/// `POST …/bots/{id}/blocks`: `integration label credential`; with `create_credential=1` it leads on to a new one.
pub async fn create(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let bot = load(&app, &can).await?;
    let integration = fields.text("integration");
    if app.catalog.get(&integration).is_none() {
        return Err(Error::Unprocessable("Choose a service from the list for this block.".into()).into());
    }
    let sent = match read(&can, &app, &integration, None, &fields).await? {
        Ok(sent) => sent,
        Err(wrong) => {
            let (label, credential) = *wrong;
            let chosen = fields.text("credential");
            let drawn =
                Drawn { bot: &bot, block: None, integration: &integration, label, chosen: &chosen, wrong: credential };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, drawn).await?);
        }
    };
    let id = Id::new();
    let (means, allowed, of, unit) = (app.means.clone(), can.allowed.clone(), bot.id.clone(), id.clone());
    app.db.write(move |tx| block::add(tx, &means, &allowed, &of, &unit, &sent)).await?;
    saved(&can, &bot, &id, &integration, &fields, "block-added")
}

/// `GET …/bots/{id}/blocks/{block}`.
pub async fn edit(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (bot, block) = found(&can, &req, &app).await?;
    let chosen = block.credential_id.as_ref().map(Id::to_string).unwrap_or_default();
    let label = TextBox::of(block.label.clone());
    let drawn =
        Drawn { bot: &bot, block: Some(&block), integration: &block.integration, label, chosen: &chosen, wrong: None };
    page(&form(&can, &app, drawn).await?)
}

/// `POST …/bots/{id}/blocks/{block}`: `label credential`.
pub async fn update(can: Allowed, req: HttpRequest, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let (bot, block) = found(&can, &req, &app).await?;
    let draw = |label, wrong| Drawn {
        bot: &bot,
        block: Some(&block),
        integration: &block.integration,
        label,
        chosen: "",
        wrong,
    };
    let chosen = fields.text("credential");
    let sent = match read(&can, &app, &block.integration, block.credential_id.as_ref(), &fields).await? {
        Ok(sent) => sent,
        Err(wrong) => {
            let (label, credential) = *wrong;
            let drawn = Drawn { chosen: &chosen, ..draw(label, credential) };
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(&can, &app, drawn).await?);
        }
    };
    let revision = fields.number("revision")?;
    let (means, allowed, of, id) = (app.means.clone(), can.allowed.clone(), bot.id.clone(), block.id.clone());
    let label = sent.label.clone();
    let change = move |tx: &mut crate::db::Tx<'_>| {
        block::edit(tx, &means, &allowed, (&of, revision), &id, (&sent.label, sent.credential.as_ref()))
    };
    match app.db.write(change).await? {
        Changed::Stale(now) => {
            let drawn = Drawn { bot: &now, chosen: &chosen, ..draw(TextBox::of(label), None) };
            let page = BlockForm { stale: Some(STALE.to_owned()), ..form(&can, &app, drawn).await? };
            page_with(StatusCode::CONFLICT, &page)
        }
        Changed::Done | Changed::NameTaken(_) => {
            saved(&can, &bot, &block.id, &block.integration, &fields, "block-edited")
        }
    }
}

/// `GET …/bots/{id}/blocks/{block}/removal`.
pub async fn removal(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (bot, block) = found(&can, &req, &app).await?;
    let href = format!("{}/{}", list(&can), bot.id);
    page(&Removal {
        shell: shell::inside(&app, &can, &format!("Remove {}", block.label), Nav::Bots),
        base: list(&can),
        href: format!("{href}/blocks/{}", block.id),
        bot: href,
        bot_name: bot.name.clone(),
        label: block.label,
        key: block.key,
        published: bot.is_published(),
        revision: bot.revision,
    })
}

/// `POST …/bots/{id}/blocks/{block}/removal`.
pub async fn remove(can: Allowed, req: HttpRequest, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let (bot, block) = found(&can, &req, &app).await?;
    let revision = fields.number("revision")?;
    let (means, allowed, of) = (app.means.clone(), can.allowed.clone(), bot.id.clone());
    match app.db.write(move |tx| block::remove(tx, &means, &allowed, (&of, revision), &block.id)).await? {
        Changed::Stale(_) => Err(Error::Conflict(STALE.to_owned()).into()),
        Changed::Done | Changed::NameTaken(_) => {
            see_other_saying(format!("{}/{}", list(&can), bot.id), "block-removed")
        }
    }
}

/// Where a saved block leads: to its bot, or on to a new credential for it.
fn saved(can: &Allowed, bot: &Bot, block: &Id<Block>, integration: &str, fields: &Fields, did: &'static str) -> Answer {
    if fields.flag("create_credential") {
        return see_other(format!("{}/new?integration={integration}&block={block}", can.list()));
    }
    see_other_saying(format!("{}/{}", list(can), bot.id), did)
}

async fn found(can: &Allowed, req: &HttpRequest, app: &App) -> Result<(Bot, Block)> {
    let (workspace, bot) = (can.workspace().clone(), can.bot()?);
    let block: Id<Block> = named(req.match_info().get("block"))?;
    app.db.read(move |conn| Ok((Bot::get(conn, &workspace, &bot)?, Block::get(conn, &workspace, &bot, &block)?))).await
}

/// What was sent, or what is wrong with the label and with the credential; what the block chose already may stay.
async fn read(
    can: &Allowed,
    app: &App,
    integration: &str,
    current: Option<&Id<Credential>>,
    fields: &Fields,
) -> Result<Result<Wanted, Box<(TextBox, Option<Remark>)>>> {
    let (label, sent) = (fields.text("label"), fields.text("credential"));
    let invalid = |text: &str| Remark { code: "invalid", text: text.to_owned() };
    let checked = block::checked_label(&label);
    let mut wrong = None;
    let mut credential = current.filter(|current| current.as_str() == sent).cloned();
    if credential.is_none() && !sent.is_empty() {
        let (workspace, of, wanted) = (can.workspace().clone(), integration.to_owned(), sent.clone());
        credential = app.db.read(move |conn| Chosen::fits(conn, &workspace, &of, &wanted)).await?;
        if credential.is_none() {
            wrong = Some(invalid("Choose a credential of this service; that one is not there or is of another."));
        }
    }
    Ok(match (checked, wrong) {
        (Ok(label), None) => Ok(Wanted { label, integration: integration.to_owned(), credential }),
        (checked, wrong) => {
            let error = checked.err().map(invalid);
            Err(Box::new((TextBox { error, ..TextBox::of(label) }, wrong)))
        }
    })
}

fn empty_form(can: &Allowed, app: &App, bot: &Bot, block: Option<&Block>) -> BlockForm {
    let href = format!("{}/{}", list(can), bot.id);
    let title = if block.is_some() { "Edit block" } else { "New block" };
    BlockForm {
        shell: shell::inside(app, can, title, Nav::Bots),
        base: list(can),
        action: block.map_or_else(|| format!("{href}/blocks"), |block| format!("{href}/blocks/{}", block.id)),
        bot: href,
        bot_name: bot.name.clone(),
        services: Vec::new(),
        known: Vec::new(),
        service: None,
        label: TextBox::default(),
        choices: Vec::new(),
        wrong: TextBox::default(),
        key: block.map(|block| block.key.clone()),
        revision: block.map(|_| bot.revision),
        stale: None,
    }
}

async fn services(can: &Allowed, app: &App, bot: &Bot) -> Result<BlockForm> {
    let workspace = can.workspace().clone();
    let recent = app.db.read(move |conn| credential_list::recent_integrations(conn, &workspace)).await?;
    let pick =
        |found: &Integration| ServicePick { id: found.id.clone(), name: found.name.clone(), tile: tile_of(found) };
    let mut services: Vec<ServicePick> = app.catalog.all().iter().map(pick).collect();
    services.sort_by_key(|service| crate::fold::fold(&service.name));
    let known = recent.iter().filter_map(|id| app.catalog.get(id)).map(pick).collect();
    Ok(BlockForm { services, known, ..empty_form(can, app, bot, None) })
}

async fn form(can: &Allowed, app: &App, drawn: Drawn<'_>) -> Result<BlockForm> {
    let (workspace, of) = (can.workspace().clone(), drawn.integration.to_owned());
    let current = drawn.block.and_then(|block| block.credential_id.clone());
    let offered = app.db.read(move |conn| {
        let mut offered = Chosen::fitting(conn, &workspace, &of, OFFERED)?;
        // Deleted or far behind by name: what is chosen is offered all the same, or saving the form would take it away.
        if let Some(current) = current.as_ref().filter(|current| offered.iter().all(|found| found.id != **current)) {
            offered.extend(Chosen::find(conn, &workspace, current)?);
        }
        Ok(offered)
    });
    let now = app.means.now();
    let choices = offered
        .await?
        .iter()
        .map(|found| {
            let word = match found.deleted_at {
                Some(_) => "deleted".to_owned(),
                None => status(found, now).word.to_lowercase(),
            };
            let text = format!("{} ({word})", found.name);
            (found.id.to_string(), text, found.id.as_str() == drawn.chosen || found.handle == drawn.chosen)
        })
        .collect();
    let name = app.catalog.get(drawn.integration).map_or(drawn.integration, |found| &found.name);
    Ok(BlockForm {
        service: Some((drawn.integration.to_owned(), name.to_owned(), tile(&app.catalog, drawn.integration))),
        label: drawn.label,
        choices,
        wrong: TextBox { error: drawn.wrong, ..TextBox::default() },
        ..empty_form(can, app, drawn.bot, drawn.block)
    })
}
