//! A new credential: the gallery, the form, and what is sent from it.

use super::drawn::{banner, head, help, methods, patterns, steps_now, tile_of};
use super::typed::{Boxes, Draw, Filled, Typed, typed_secrets};
use super::verdict::saved_as;
use crate::app::App;
use crate::catalog::form::{Mode, Shown};
use crate::catalog::load::category_label;
use crate::catalog::schema::{Integration, Method};
use crate::change::create::{self as change, Chooses, Ready};
use crate::change::verify::may_skip;
use crate::change::{Refused, chosen};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::block;
use crate::model::credential_list;
use crate::model::oauth_app::OAuthApp;
use crate::model::oauth_flow::FlowKind;
use crate::model::permission::{CreateCredential, ManageBots};
use crate::web::answer::{Answer, page, page_with, see_other, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::oauth::start::{Begin, app_page, begin};
use crate::web::pages::form::{BlockLink, ConsentView, Fields as FieldsPage, New};
use crate::web::pages::gallery::{Category, Gallery, GalleryItem};
use crate::web::pages::list::ServiceLink;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use std::collections::BTreeMap;

type Allowed = Can<CreateCredential>;

/// `GET …/credentials/new`: the gallery, or with `integration` the form.
pub async fn new(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let params: BTreeMap<String, String> =
        url::form_urlencoded::parse(req.query_string().as_bytes()).into_owned().collect();
    let text = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    if text("integration").is_empty() {
        return gallery(&can, &app, text("find")).await;
    }
    let integration = app.catalog.get(text("integration")).ok_or(Error::NotFound)?;
    let method = match text("method") {
        "" => integration.methods.first(),
        id => integration.method(id),
    };
    let method = method.ok_or(Error::NotFound)?;
    let block = for_block(&can, &app, text("block"), &integration.id).await?;
    let consent = consent_view(&app, &can, integration, method).await?;
    page(&form_page(&can, &app, (integration, method), Filled::default(), consent, block.as_ref()))
}

/// `POST …/credentials/form`: draws the conditional fields anew; saves nothing, calls nobody.
pub async fn redraw(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let (integration, method) = chosen(&app, &form.text("integration"), &form.text("method"))?;
    let typed = Typed::read(&mut form)?;
    let shown = Shown {
        typed: typed.input.shown(method),
        typed_secrets: typed_secrets(method, &typed.input),
        errors: None,
        warnings: None,
    };
    let draw = draw(&can, integration, method);
    page(&FieldsPage { form: draw.form(Boxes::default(), &shown) })
}

/// `POST …/credentials`: verified, then stored.
pub async fn create(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let kind = chosen(&app, &form.text("integration"), &form.text("method"))?;
    let (integration, method) = kind;
    let block = for_block(&can, &app, &form.text("block"), &integration.id).await?;
    let mut typed = Typed::read(&mut form)?;
    let (shown, secrets) = (typed.input.shown(method), typed_secrets(method, &typed.input));
    let input = std::mem::take(&mut typed.input);
    let consent = consent_view(&app, &can, integration, method).await?;
    let refuse = |refused: Refused| {
        let filled = Filled::refused(&typed, &shown, &secrets, &refused);
        let drawn = form_page(&can, &app, kind, filled, consent.clone(), block.as_ref());
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn)
    };
    let ready = match change::read(&app, &can.allowed, kind, &typed.written(), input).await? {
        Ok(ready) => ready,
        Err(refused) => return refuse(refused),
    };
    if method.needs_consent() {
        let broker = app.broker();
        let values = ready.values.duplicate();
        let Some(all) = broker.with_app(can.workspace(), &integration.id, method, values).await? else {
            return refuse(Refused { warnings: ready.warnings, ..Refused::default() });
        };
        let Ready { details, values, .. } = ready;
        let (kind, more_scopes, live_version) = (FlowKind::Create, Vec::new(), 0);
        let block = block.map(|found| found.block);
        let wanted = Begin { kind, credential: Id::new(), details, values, live_version, more_scopes, block };
        return see_other(begin(&app, &can, integration, method, &all, wanted).await?);
    }
    let chooses = block.as_ref().and_then(|found| {
        let allowed = can.standing.allowed::<ManageBots>(can.allowed.actor().clone())?;
        Some(Chooses { allowed, bot: found.bot.clone(), block: found.block.clone() })
    });
    match (change::store(&app, &can.allowed, kind, ready, typed.save_unverified, chooses).await?, &block) {
        (Err(refused), _) => refuse(refused),
        (Ok(_), Some(block)) => see_other_saying(block.bot_href.clone(), "chosen"),
        (Ok(created), None) => {
            see_other_saying(format!("{}/{}", can.list(), created.id), saved_as(&created.report, "created"))
        }
    }
}

/// What the form says of the consent, for a method that asks for one.
async fn consent_view(
    app: &App,
    can: &Allowed,
    integration: &Integration,
    method: &Method,
) -> Result<Option<ConsentView>> {
    if !method.needs_consent() {
        return Ok(None);
    }
    if method.app_fields().next().is_none() {
        return Ok(Some(ConsentView { client: None, ready: true }));
    }
    let (workspace, service, id) = (can.workspace().clone(), integration.id.clone(), method.client().to_owned());
    let client = app.db.read(move |conn| OAuthApp::find(conn, &workspace, &service, &id)).await?;
    Ok(Some(ConsentView { client: Some(app_page(&can.root(), integration, method)), ready: client.is_some() }))
}

fn form_page(
    can: &Allowed,
    app: &App,
    (integration, method): (&Integration, &Method),
    filled: Filled<'_>,
    consent: Option<ConsentView>,
    block: Option<&BlockLink>,
) -> New {
    let mut methods = methods(&can.list(), integration, method);
    if let Some(found) = block {
        methods.iter_mut().for_each(|link| link.href.push_str(&format!("&block={}", found.block)));
    }
    New {
        consent,
        shell: shell::inside(app, can, &format!("New {} credential", integration.name), Nav::Credentials),
        base: can.list(),
        service: head(&can.root(), integration, method),
        methods,
        block: block.cloned(),
        form: draw(can, integration, method).form(filled.boxes(Boxes::default), &filled.shown()),
        banner: filled.report.map(|report| banner(integration, report)),
        report: filled.report.and_then(steps_now),
        may_skip: filled.report.is_some_and(may_skip),
        help: help(integration, method),
        patterns: patterns(&app.catalog, integration),
    }
}

/// The block that the new credential is for. One that is gone or of another service is left out: the credential is
/// made all the same.
async fn for_block(can: &Allowed, app: &App, sent: &str, integration: &str) -> Result<Option<BlockLink>> {
    let Some(id) = Id::parse(sent) else { return Ok(None) };
    let workspace = can.workspace().clone();
    let found = app.db.read(move |conn| block::with_bot(conn, &workspace, &id)).await?;
    Ok(found.filter(|(block, _)| block.integration == integration).map(|(block, bot)| BlockLink {
        bot_href: format!("{}/bots/{}", can.root(), bot.id),
        bot_name: bot.name,
        label: block.label,
        block: block.id,
        bot: bot.id,
    }))
}

fn draw<'a>(can: &Allowed, integration: &'a Integration, method: &'a Method) -> Draw<'a> {
    Draw {
        integration,
        method,
        mode: Mode::Create,
        action: can.list(),
        redraw: format!("{}/form", can.list()),
        revision: None,
    }
}

/// So many services that were used lately stand above all the others.
const LATELY: usize = 8;

async fn gallery(can: &Allowed, app: &App, find: &str) -> Answer {
    let workspace = can.workspace().clone();
    let recent = app.db.read(move |conn| credential_list::recent_integrations(conn, &workspace)).await?;
    let base = can.list();
    let link = |integration: &Integration| ServiceLink {
        tile: tile_of(integration),
        name: integration.name.clone(),
        href: format!("{base}/new?integration={}", integration.id),
    };
    let recents = match find {
        "" => recent.iter().filter_map(|id| app.catalog.get(id)).take(LATELY).map(link).collect(),
        _ => Vec::new(),
    };
    page(&Gallery {
        shell: shell::inside(app, can, "Which service?", Nav::Credentials),
        find: find.to_owned(),
        total: app.catalog.all().len(),
        recents,
        categories: categories(app, find, |id| format!("{base}/new?integration={id}")),
        other: app.catalog.get("http").map(link),
        base: base.clone(),
    })
}

/// So few services are shown in one section; more are parted by category.
const ONE_SECTION: usize = 24;

/// The services that match, by category.
pub fn categories(app: &App, find: &str, href: impl Fn(&str) -> String) -> Vec<Category> {
    let found = app.catalog.search(find);
    if app.catalog.all().len() <= ONE_SECTION && !found.is_empty() {
        let services = found.into_iter().map(|integration| item(integration, href(&integration.id))).collect();
        return vec![Category { id: "all".into(), name: "All services".into(), services }];
    }
    app.catalog
        .categories()
        .into_iter()
        .filter_map(|category| {
            let services: Vec<GalleryItem> = category
                .integrations
                .iter()
                .filter(|integration| found.iter().any(|f| f.id == integration.id))
                .map(|integration| item(integration, href(&integration.id)))
                .collect();
            (!services.is_empty()).then(|| Category {
                id: category.id.to_owned(),
                name: category_label(category.id),
                services,
            })
        })
        .collect()
}

fn item(integration: &Integration, href: String) -> GalleryItem {
    let words = [integration.name.as_str(), integration.id.as_str(), integration.category.as_str()]
        .into_iter()
        .chain(integration.search.iter().map(String::as_str))
        .map(crate::fold::fold)
        .collect::<Vec<_>>()
        .join(" ");
    GalleryItem {
        tile: tile_of(integration),
        name: integration.name.clone(),
        methods: integration.methods.iter().map(|m| m.label.as_str()).collect::<Vec<_>>().join(", "),
        href,
        words,
    }
}
