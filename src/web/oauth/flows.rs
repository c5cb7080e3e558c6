//! A consent on its way: the link to the service, what came of it, and another try.

use super::drawn::{banner, redirect_uri, steps};
use super::finish;
use super::start::{fresh, page};
use crate::app::App;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::change::details::checked_name;
use crate::check::oauth::{Consent, asked_scopes, authorize};
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::oauth_flow::{self, Chosen, Flow, FlowKind, Stage, Trouble};
use crate::model::permission::ConnectCredential;
use crate::model::workspace::Workspace;
use crate::web::answer::{Answer, see_other};
use crate::web::body::Posted;
use crate::web::credentials::drawn::head;
use crate::web::guard::Can;
use crate::web::pages::form::TextBox;
use crate::web::pages::oauth::{Again, FlowPage, Go};
use crate::web::pages::shell::{Link, Nav};
use crate::web::shell;
use actix_web::web;

type Allowed = Can<ConnectCredential>;
/// Nothing can be started again while an answer is being dealt with.
const IN_PROGRESS: &str = "in_progress";

type Address = web::Path<(String, String)>;

/// A consent with what was chosen, as far as it is still there.
pub(super) struct Loaded<'a> {
    pub flow: Flow,
    pub chosen: Option<Chosen>,
    pub integration: &'a Integration,
    pub method: &'a Method,
    /// The credential that is connected; none for a new one.
    pub row: Option<Credential>,
}

/// `GET …/flows/{flow}`.
pub async fn show(can: Allowed, path: Address, app: web::Data<App>) -> Answer {
    let loaded = load(&can, &app, &path.1).await?;
    crate::web::answer::page(&draw(&can, &app, &loaded).await?)
}

/// `POST …/flows/{flow}`: starts it again with what was chosen, or with `confirm=1` takes the other account.
pub async fn update(can: Allowed, path: Address, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let loaded = load(&can, &app, &path.1).await?;
    let address = page(&can, &loaded.flow.id);
    let Loaded { flow, chosen: Some(mut chosen), integration, method, .. } = loaded else { return see_other(address) };
    if fields.flag("confirm") && flow.stage == Stage::Confirm {
        return finish::confirmed(&can, &app, flow, chosen, integration, method).await;
    }
    if flow.stage == Stage::Taken && app.means.now() < flow.expires_at {
        return see_other(address);
    }
    let name = fields.text("name");
    if flow.kind == FlowKind::Create && !name.is_empty() {
        let name = checked_name(&app.catalog, &name).map_err(|remark| Error::Unprocessable(remark.text))?;
        chosen.details.name = name;
    }
    let Some(all) = with_app_of(&app, can.workspace(), integration, method, &chosen, &flow).await? else {
        return see_other(super::start::app_page(&can.root(), integration, method));
    };
    (chosen.state, chosen.verifier) = fresh(&app)?;
    chosen.scopes = method.oauth.as_ref().map(|o| asked_scopes(o, &all, &chosen.more_scopes)).unwrap_or_default();
    chosen.save_unverified = fields.flag("save_unverified");
    chosen.waiting = None;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| oauth_flow::again(tx, &means, &allowed, &flow, &chosen)).await?;
    see_other(address)
}

/// The consent of the address, if this person started it.
pub(super) async fn load<'a>(can: &Allowed, app: &'a App, id: &str) -> Result<Loaded<'a>> {
    let id = Id::parse(id).ok_or(Error::NotFound)?;
    let (workspace, user, means) = (can.workspace().clone(), can.standing.user.id.clone(), app.means.clone());
    let (flow, chosen, row) = app
        .db
        .read(move |conn| {
            let flow = Flow::find(conn, &workspace, &id)?.filter(|flow| flow.user_id == user).ok_or(Error::NotFound)?;
            let chosen = flow.open_now(conn, &means)?;
            let row = Credential::find(conn, &workspace, &flow.credential_id)?;
            Ok((flow, chosen, row))
        })
        .await?;
    let kind = app.catalog.method(&flow.integration, &flow.method);
    let (integration, method) = kind.ok_or(Error::NotFound)?;
    Ok(Loaded { flow, chosen, integration, method, row })
}

/// All values that a consent is made with: typed or stored, and those of the workspace's client.
pub(super) async fn with_app_of(
    app: &App,
    workspace: &Id<Workspace>,
    integration: &Integration,
    method: &Method,
    chosen: &Chosen,
    flow: &Flow,
) -> Result<Option<Values>> {
    let mut values = match flow.kind {
        FlowKind::Create => chosen.values.duplicate(),
        FlowKind::Connect => app.broker().own_values(workspace, &flow.credential_id, method).await?,
    };
    values.secret.extend(chosen.values.duplicate().secret);
    app.broker().with_app(workspace, &integration.id, method, values).await
}

async fn draw(can: &Allowed, app: &App, loaded: &Loaded<'_>) -> Result<FlowPage> {
    let Loaded { flow, chosen, integration, method, row } = loaded;
    let now = app.means.now();
    let mine = flow.session == can.allowed.actor().session;
    let done = flow.stage == Stage::Done || chosen.is_none();
    let trouble = trouble_now(flow, mine, now).filter(|_| !done);
    let go = match (chosen, mine && flow.is_open(now)) {
        (Some(chosen), true) => link(can, app, loaded, chosen).await?,
        _ => None,
    };
    let waiting = chosen.as_ref().and_then(|chosen| chosen.waiting.as_ref()).filter(|_| flow.stage == Stage::Confirm);
    let name = chosen.as_ref().map(|c| c.details.name.clone()).or_else(|| row.as_ref().map(|r| r.name.clone()));
    let credential = format!("{}/{}", can.list(), flow.credential_id);
    let name = name.unwrap_or_default();
    Ok(FlowPage {
        shell: shell::inside(app, can, &format!("Connect to {}", integration.name), Nav::Credentials),
        base: can.list(),
        href: page(can, &flow.id),
        title: format!("Connect to {}", integration.name),
        service: head(&can.root(), integration, method),
        scopes: chosen.as_ref().map(|c| c.scopes.clone()).unwrap_or_default(),
        banner: trouble.as_ref().map(|trouble| banner(integration, trouble)),
        report: trouble.as_ref().and_then(steps),
        confirm: waiting
            .map(|(_, account)| (row.as_ref().map(|row| row.identity.clone()).unwrap_or_default(), account.clone())),
        again: trouble.as_ref().filter(|t| t.code != IN_PROGRESS).map(|trouble| again(trouble, &name)),
        done: done.then(|| match row {
            Some(_) => Link { label: "Open the credential".into(), href: credential.clone() },
            None => Link { label: "All credentials".into(), href: can.list() },
        }),
        cancel: if row.is_some() { credential } else { can.list() },
        name,
        go,
    })
}

fn again(trouble: &Trouble, name: &str) -> Again {
    let renamed = trouble.code == "name_taken";
    Again {
        label: if renamed { "Connect with this name".into() } else { "Try again".into() },
        name: renamed.then(|| TextBox::of(name)),
        may_skip: trouble.may_skip,
    }
}

/// What stands in the way, if anything does.
fn trouble_now(flow: &Flow, mine: bool, now: At) -> Option<Trouble> {
    let say = |code: &str, title: &str, text: &str| Some(super::drawn::trouble(code, title, text));
    match flow.stage {
        Stage::Failed => flow.report.0.clone(),
        Stage::Open if !mine => say(
            "other_session",
            "You signed in again meanwhile.",
            "For safety the link belongs to the session in which it was made. Start again; what you entered is kept.",
        ),
        Stage::Open if now >= flow.expires_at => say(
            "flow_expired",
            "This link is over.",
            "It is good for ten minutes. Start again; what you entered is kept.",
        ),
        Stage::Taken if now < flow.expires_at => say(
            IN_PROGRESS,
            "The answer is being dealt with.",
            "Reload this page in a moment. If nothing comes of it, start again from the credential, or wait ten minutes.",
        ),
        Stage::Taken => say(
            "interrupted",
            "It was interrupted.",
            "The answer of the service came, but was not dealt with to the end. Start again; what you entered is kept.",
        ),
        _ => None,
    }
}

/// The same question at the one page that stands for all services, where there is one.
fn in_place(app: &App, flow: &Flow, href: String) -> String {
    match (&app.consent_page, href.split_once('?')) {
        (Some(page), Some((_, query))) => format!("{page}?{query}&method={}.{}", flow.integration, flow.method),
        _ => href,
    }
}

/// The link to the consent page; none where the workspace's client is gone.
async fn link(can: &Allowed, app: &App, loaded: &Loaded<'_>, chosen: &Chosen) -> Result<Option<Go>> {
    let Loaded { flow, integration, method, .. } = loaded;
    let Some(values) = with_app_of(app, can.workspace(), integration, method, chosen, flow).await? else {
        return Ok(None);
    };
    let redirect_uri = redirect_uri(app);
    let (state, verifier) = (&chosen.state, &chosen.verifier);
    let consent = Consent { redirect_uri: &redirect_uri, state, verifier, scopes: &chosen.scopes };
    let href = authorize(method, &values, &consent).map_err(|unfit| Error::Unprocessable(unfit.to_string()))?;
    Ok(href.map(|href| in_place(app, flow, href)).map(|href| Go {
        host: url::Url::parse(&href).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default(),
        until: flow.expires_at.utc().format("%H:%M UTC").to_string(),
        href,
    }))
}
