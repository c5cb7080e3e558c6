//! Bots: registered, described, published, deleted.

use super::blocks::BlockView;
use super::body::{Body, Text};
use super::deletion::in_use;
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, instant, json};
use crate::api::credentials::{Who, called};
use crate::api::problem::{self, Details, FieldError, Problem};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::audit_names;
use crate::model::block;
use crate::model::bot::{self, Bot, Changed, Deleting, Publishing, Wrong};
use crate::model::permission::{ByToken, ManageBots, ReadBots};
use crate::model::workspace::Workspace;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A bot.
#[derive(Serialize, ToSchema)]
#[schema(as = Bot)]
pub struct BotView {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// A sentence about it.
    description: String,
    /// Whether people depend on it; otherwise it is a draft.
    published: bool,
    /// Counts changes of it and of its blocks.
    revision: i64,
    /// When it was made (RFC 3339).
    created_at: String,
    /// Who made it.
    created_by: String,
}

/// A bot with its blocks.
#[derive(Serialize, ToSchema)]
pub struct BotDetail {
    #[serde(flatten)]
    bot: BotView,
    /// Its blocks, in their order.
    blocks: Vec<BlockView>,
}

/// One page of bots.
#[derive(Serialize, ToSchema)]
pub struct Bots {
    /// The bots, the newest first.
    bots: Vec<BotView>,
    /// What to ask for as `after` to get the next page; none on the last.
    next: Option<String>,
}

/// A bot to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBot {
    /// What people call it; unique in the workspace.
    #[schema(value_type = String)]
    name: Text,
    /// A sentence about it.
    #[serde(default)]
    #[schema(value_type = String)]
    description: Text,
}

/// What is to change; everything that is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BotChange {
    /// What people call it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Option<Text>,
    /// A sentence about it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Option<Text>,
    /// The revision that the change was made for; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// Whether people are to depend on a bot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// `true` publishes it, `false` makes it a draft again.
    published: bool,
    /// Publishes it although a credential is known to fail.
    #[serde(default)]
    anyway: bool,
    /// The revision that was looked at; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

impl BotView {
    fn of(bot: Bot, who: &Who) -> Self {
        Self {
            id: bot.id.to_string(),
            published: bot.is_published(),
            revision: bot.revision,
            created_at: instant(bot.created_at),
            created_by: called(who, &bot.created_by),
            name: bot.name,
            description: bot.description,
        }
    }
}

fn read(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Bot>) -> Result<BotDetail> {
    let bot = Bot::get(conn, workspace, id)?;
    let blocks = block::of_bots(conn, workspace, std::slice::from_ref(id))?;
    let who = audit_names::who(conn, workspace, std::slice::from_ref(&bot.created_by))?;
    Ok(BotDetail { bot: BotView::of(bot, &who), blocks: blocks.into_iter().map(BlockView::from).collect() })
}

async fn now<P: ByToken>(app: &App, managed: &Managed<P>, id: &Id<Bot>) -> Answer {
    let (workspace, id) = (managed.workspace().clone(), id.clone());
    json(&app.db.read(move |conn| read(conn, &workspace, &id)).await?)
}

impl<P: ByToken> Managed<P> {
    /// The bot that the address names.
    ///
    /// # Errors
    /// 404 for a foreign, deleted or unknown one alike.
    pub(super) async fn bot(&self, app: &App) -> Result<Bot, Problem> {
        let id = Id::<Bot>::parse(&self.named("bot")).ok_or(Error::NotFound)?;
        let workspace = self.workspace().clone();
        Ok(app.db.read(move |conn| Bot::get(conn, &workspace, &id)).await?)
    }
}

/// The bots of the workspace.
#[utoipa::path(
    get,
    path = "/api/v1/bots",
    tag = "management",
    params(
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 100, description = "Entries of a page; 100 unless it is sent"),
        ("after" = Option<String>, Query, description = "Continue behind this id"),
    ),
    responses(
        (status = 200, description = "One page", body = Bots),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn index(managed: Managed<ReadBots>, app: web::Data<App>) -> Answer {
    let query = managed.query(&["limit", "after"])?;
    let bad = || Error::BadRequest("The page that this address asks for does not exist.".into());
    let after = query.text("after").map(|text| Id::<Bot>::parse(text).ok_or_else(bad)).transpose()?;
    let (limit, workspace) = (query.limit()?, managed.workspace().clone());
    let page = app
        .db
        .read(move |conn| {
            let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
            let mut found = Bot::page(conn, &workspace, after.as_ref(), most)?;
            let more = found.len() > limit;
            found.truncate(limit);
            let next = found.last().filter(|_| more).map(|last| last.id.to_string());
            let ids: Vec<String> = found.iter().map(|bot| bot.created_by.clone()).collect();
            let who = audit_names::who(conn, &workspace, &ids)?;
            Ok(Bots { bots: found.into_iter().map(|bot| BotView::of(bot, &who)).collect(), next })
        })
        .await?;
    json(&page)
}

/// One bot with its blocks.
#[utoipa::path(
    get,
    path = "/api/v1/bots/{bot}",
    tag = "management",
    params(("bot" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The bot", body = BotDetail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(managed: Managed<ReadBots>, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let bot = managed.bot(&app).await?;
    now(&app, &managed, &bot.id).await
}

fn wrong(found: &Wrong) -> Problem {
    let all = [("name", &found.name), ("description", &found.description)];
    refusal::invalid(all.iter().filter_map(|(name, found)| found.as_ref().map(|f| refusal::remark(name, f))).collect())
}

/// Registers a bot, as a draft.
#[utoipa::path(
    post,
    path = "/api/v1/bots",
    tag = "management",
    request_body = NewBot,
    responses(
        (status = 201, description = "It is registered", body = BotDetail, headers(("Location" = String))),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(managed: Managed<ManageBots>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: NewBot = body.read().await?;
    let details = bot::Details::read(&app.catalog, &sent.name, &sent.description).map_err(|found| wrong(&found))?;
    let id = Id::new();
    let (means, allowed, unit) = (app.means.clone(), managed.allowed.clone(), id.clone());
    match app.db.write(move |tx| bot::create(tx, &means, &allowed, &unit, &details)).await? {
        Changed::NameTaken(holder) => Err(wrong(&Wrong::name_taken(&holder))),
        Changed::Done | Changed::Stale(_) => {
            let mut response = now(&app, &managed, &id).await?;
            *response.status_mut() = StatusCode::CREATED;
            let at = HeaderValue::from_str(&format!("/api/v1/bots/{id}")).map_err(Error::internal)?;
            response.headers_mut().insert(LOCATION, at);
            Ok(response)
        }
    }
}

/// What became of a change of a bot.
pub(super) fn settled(changed: Changed) -> Result<(), Problem> {
    match changed {
        Changed::Done => Ok(()),
        Changed::NameTaken(holder) => Err(wrong(&Wrong::name_taken(&holder))),
        Changed::Stale(now) => Err(refusal::stale(now.revision)),
    }
}

/// Gives a bot another name or description.
#[utoipa::path(
    patch,
    path = "/api/v1/bots/{bot}",
    tag = "management",
    params(("bot" = String, Path, description = "Its id")),
    request_body = BotChange,
    responses(
        (status = 200, description = "The bot as it is now", body = BotDetail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn update(managed: Managed<ManageBots>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: BotChange = body.read().await?;
    let bot = managed.bot(&app).await?;
    let name = sent.name.as_deref().unwrap_or(&bot.name);
    let description = sent.description.as_deref().unwrap_or(&bot.description);
    let details = bot::Details::read(&app.catalog, name, description).map_err(|found| wrong(&found))?;
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), bot.id.clone());
    // What was not sent was read a moment ago: it must still be so.
    let revision = Some(sent.revision.unwrap_or(bot.revision));
    settled(app.db.write(move |tx| bot::edit(tx, &means, &allowed, &id, revision, &details)).await?)?;
    now(&app, &managed, &bot.id).await
}

/// Publishes a bot, or makes it a draft again. Each block must have a credential.
#[utoipa::path(
    put,
    path = "/api/v1/bots/{bot}/publication",
    tag = "management",
    params(("bot" = String, Path, description = "Its id")),
    request_body = Publication,
    responses(
        (status = 200, description = "The bot as it is now", body = BotDetail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn publish(managed: Managed<ManageBots>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: Publication = body.read().await?;
    let bot = managed.bot(&app).await?;
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), bot.id.clone());
    let (revision, anyway) = (sent.revision, sent.anyway);
    if !sent.published {
        settled(app.db.write(move |tx| bot::withdraw(tx, &means, &allowed, &id, revision)).await?)?;
        return now(&app, &managed, &bot.id).await;
    }
    let error = |field: &str, code: &str, text: String| {
        vec![FieldError { field: field.to_owned(), code: code.to_owned(), text }]
    };
    match app.db.write(move |tx| bot::publish(tx, &means, &allowed, &id, revision, anyway)).await? {
        Publishing::Done => now(&app, &managed, &bot.id).await,
        Publishing::Stale(now) => Err(refusal::stale(now.revision)),
        Publishing::Incomplete(blocks) => {
            let text = format!("Choose a credential first for {}.", quoted(&blocks));
            Err(refusal::invalid(error("published", "incomplete", text)))
        }
        Publishing::Failing(blocks) => {
            let text = format!("{} would fail at once. Mend it, or send anyway.", quoted(&blocks));
            Err(refusal::of_fields(&problem::CONFLICT, error("anyway", "failing", text)))
        }
    }
}

fn quoted(labels: &[String]) -> String {
    labels.iter().map(|label| format!("“{label}”")).collect::<Vec<_>>().join(", ")
}

/// Deletes a bot with its blocks; its tokens open nothing any more. A published one goes only with its name as
/// `confirm_name`.
#[utoipa::path(
    delete,
    path = "/api/v1/bots/{bot}",
    tag = "management",
    params(
        ("bot" = String, Path, description = "Its id"),
        ("confirm_name" = Option<String>, Query, description = "Its name, where it is published"),
        ("revision" = Option<i64>, Query, minimum = 1, description = "The revision that was looked at; judged if it is sent"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn destroy(managed: Managed<ManageBots>, app: web::Data<App>) -> Answer {
    let query = managed.query(&["confirm_name", "revision"])?;
    let (revision, confirmed) = (query.number("revision")?, query.text("confirm_name").unwrap_or_default().to_owned());
    let bot = managed.bot(&app).await?;
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), bot.id.clone());
    match app.db.write(move |tx| bot::delete(tx, &means, &allowed, &id, revision, &confirmed)).await? {
        Deleting::Done => Ok(HttpResponse::NoContent().finish()),
        Deleting::Unconfirmed(bot) => Err(in_use(&bot.name, vec![bot.name.clone()])),
        Deleting::Stale(now) => Err(refusal::stale(now.revision)),
    }
}
