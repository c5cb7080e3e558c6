//! The blocks of a bot: added, changed, removed; each chooses a credential of its service.

use super::body::{Body, Text};
use super::bots::settled;
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::{Details, FieldError, Problem};
use crate::app::App;
use crate::error::Result;
use crate::id::Id;
use crate::model::block::{self, Block, Chosen, Seen, Wanted};
use crate::model::bot::Bot;
use crate::model::credential::Credential;
use crate::model::permission::ManageBots;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A block of a bot, with what it chose.
#[derive(Serialize, ToSchema)]
pub struct BlockView {
    /// Its id.
    id: String,
    /// What bots call it; never changes.
    key: String,
    /// What people call it.
    label: String,
    /// The service of its credentials.
    integration: String,
    /// The handle of the credential that it chose; none where none is chosen, or it was deleted.
    credential: Option<String>,
    /// The status of that credential.
    status: Option<String>,
}

/// A block to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    /// The service of its credentials.
    #[schema(value_type = String)]
    integration: Text,
    /// What people call it. Its key is made of it.
    #[schema(value_type = String)]
    label: Text,
    /// The handle or id of the credential that it chooses.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    credential: Option<Text>,
}

/// What is to change; everything that is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockChange {
    /// What people call it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    label: Option<Text>,
    /// The handle or id of the credential that it chooses; an empty text chooses none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    credential: Option<Text>,
    /// The revision of the bot that was looked at; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

impl From<Seen> for BlockView {
    fn from((block, chosen): Seen) -> Self {
        let chosen = chosen.filter(|chosen| chosen.deleted_at.is_none());
        Self {
            id: block.id.to_string(),
            key: block.key,
            label: block.label,
            integration: block.integration,
            status: chosen.as_ref().map(|chosen| chosen.status.to_string()),
            credential: chosen.map(|chosen| chosen.handle),
        }
    }
}

fn wrong(field: &str, text: &str) -> FieldError {
    FieldError { field: field.to_owned(), code: "invalid".to_owned(), text: text.to_owned() }
}

/// The credential of a service that a request names; none for an empty text.
async fn fitting(
    app: &App,
    managed: &Managed<ManageBots>,
    integration: &str,
    named: &str,
) -> Result<Option<Id<Credential>>, Problem> {
    if named.is_empty() {
        return Ok(None);
    }
    let (workspace, of, wanted) = (managed.workspace().clone(), integration.to_owned(), named.to_owned());
    let found = app.db.read(move |conn| Chosen::fits(conn, &workspace, &of, &wanted)).await?;
    let text = "Choose a credential of this service; that one is not there or is of another.";
    found.map(Some).ok_or_else(|| refusal::invalid(vec![wrong("credential", text)]))
}

async fn found(app: &App, managed: &Managed<ManageBots>) -> Result<(Bot, Block), Problem> {
    let bot = managed.bot(app).await?;
    let (workspace, of, name) = (managed.workspace().clone(), bot.id.clone(), managed.named("block"));
    let block = app.db.read(move |conn| Block::called(conn, &workspace, &of, &name)).await?;
    Ok((bot, block))
}

/// The block as it is now.
async fn now(app: &App, managed: &Managed<ManageBots>, bot: &Id<Bot>, id: &Id<Block>) -> Answer {
    let (workspace, bot, id) = (managed.workspace().clone(), bot.clone(), id.clone());
    let all = app.db.read(move |conn| block::of_bots(conn, &workspace, std::slice::from_ref(&bot))).await?;
    let mine = all.into_iter().find(|(block, _)| block.id == id);
    json(&BlockView::from(mine.ok_or(crate::error::Error::NotFound)?))
}

/// Adds a block at the end of a bot.
#[utoipa::path(
    post,
    path = "/api/v1/bots/{bot}/blocks",
    tag = "management",
    params(("bot" = String, Path, description = "The bot's id")),
    request_body = NewBlock,
    responses(
        (status = 201, description = "It is added", body = BlockView),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(managed: Managed<ManageBots>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: NewBlock = body.read().await?;
    let bot = managed.bot(&app).await?;
    if app.catalog.get(&sent.integration).is_none() {
        return Err(refusal::invalid(vec![wrong("integration", "This service is not in the catalogue.")]));
    }
    let label = block::checked_label(&sent.label).map_err(|text| refusal::invalid(vec![wrong("label", text)]))?;
    let credential = fitting(&app, &managed, &sent.integration, sent.credential.as_deref().unwrap_or_default()).await?;
    let wanted = Wanted { label, integration: sent.integration.into(), credential };
    let (means, allowed, of, id) = (app.means.clone(), managed.allowed.clone(), bot.id.clone(), Id::new());
    let unit = id.clone();
    settled(app.db.write(move |tx| block::add(tx, &means, &allowed, &of, &unit, &wanted)).await?)?;
    let mut response = now(&app, &managed, &bot.id, &id).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Gives a block another label or credential; its key and its service stay.
#[utoipa::path(
    patch,
    path = "/api/v1/bots/{bot}/blocks/{block}",
    tag = "management",
    params(
        ("bot" = String, Path, description = "The bot's id"),
        ("block" = String, Path, description = "The block's key or id"),
    ),
    request_body = BlockChange,
    responses(
        (status = 200, description = "The block as it is now", body = BlockView),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn update(managed: Managed<ManageBots>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: BlockChange = body.read().await?;
    let (bot, block) = found(&app, &managed).await?;
    let label = block::checked_label(sent.label.as_deref().unwrap_or(&block.label));
    let label = label.map_err(|text| refusal::invalid(vec![wrong("label", text)]))?;
    let credential = match &sent.credential {
        Some(named) => fitting(&app, &managed, &block.integration, named).await?,
        None => block.credential_id.clone(),
    };
    let (means, allowed, of, id) = (app.means.clone(), managed.allowed.clone(), bot.id.clone(), block.id.clone());
    // What was not sent was read a moment ago: it must still be so.
    let revision = Some(sent.revision.unwrap_or(bot.revision));
    let change = move |tx: &mut crate::db::Tx<'_>| {
        block::edit(tx, &means, &allowed, (&of, revision), &id, (&label, credential.as_ref()))
    };
    settled(app.db.write(change).await?)?;
    now(&app, &managed, &bot.id, &block.id).await
}

/// Removes a block from its bot.
#[utoipa::path(
    delete,
    path = "/api/v1/bots/{bot}/blocks/{block}",
    tag = "management",
    params(
        ("bot" = String, Path, description = "The bot's id"),
        ("block" = String, Path, description = "The block's key or id"),
        ("revision" = Option<i64>, Query, minimum = 1, description = "The revision of the bot that was looked at; judged if it is sent"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn destroy(managed: Managed<ManageBots>, app: web::Data<App>) -> Answer {
    let revision = managed.query(&["revision"])?.number("revision")?;
    let (bot, block) = found(&app, &managed).await?;
    let (means, allowed) = (app.means.clone(), managed.allowed.clone());
    settled(app.db.write(move |tx| block::remove(tx, &means, &allowed, (&bot.id, revision), &block.id)).await?)?;
    Ok(HttpResponse::NoContent().finish())
}
