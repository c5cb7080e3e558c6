//! From the service's answer to a stored credential: exchange, check, compare, store.

use super::callback::Return;
use super::drawn::{redirect_uri, trouble, trouble_of};
use super::flows::with_app_of;
use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method, OAuth};
use crate::change::verify::{may_save, may_skip};
use crate::check::held::Session;
use crate::check::limits::Permit;
use crate::check::oauth::{self, Code};
use crate::check::report::{Outcome, Report};
use crate::check::{self, Options, Trigger};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::model::block;
use crate::model::credential::{Badge, Credential};
use crate::model::credential_change::{self, Connected, Consent, Content, Kind, NewCredential, Saved};
use crate::model::oauth_flow::{self, Chosen, Flow, FlowKind, Trouble};
use crate::model::oauth_grant::{NewGrant, missing};
use crate::model::permission::{Allowed, ConnectCredential, CreateCredential, ManageBots};
use crate::model::version::Version;
use crate::web::answer::{Answer, see_other, see_other_saying};
use crate::web::guard::Can;
use actix_web::HttpResponse;

/// Where and for whom a consent is finished.
struct Scene<'a> {
    app: &'a App,
    slug: String,
    connects: Allowed<ConnectCredential>,
    creates: Allowed<CreateCredential>,
    /// For a credential that a block chooses at once; none where the person may not change bots.
    bots: Option<Allowed<ManageBots>>,
    flow: Flow,
    integration: &'a Integration,
    method: &'a Method,
}

impl Scene<'_> {
    fn page(&self) -> String {
        format!("/w/{}/flows/{}", self.slug, self.flow.id)
    }

    fn credential(&self) -> String {
        format!("/w/{}/credentials/{}", self.slug, self.flow.credential_id)
    }

    /// Keeps the trouble and leads to the page that tells it: code and state leave the address bar.
    async fn fail(&self, trouble: Trouble) -> Answer {
        let (means, allowed, flow) = (self.app.means.clone(), self.connects.clone(), self.flow.clone());
        self.app.db.write(move |tx| oauth_flow::fail(tx, &means, &allowed, &flow, &trouble)).await?;
        see_other(self.page())
    }
}

/// Deals with an answer whose state was just taken. The inner error is the page of a consent whose answer came from
/// somewhere else.
pub async fn returned(app: &App, back: Return) -> Result<std::result::Result<HttpResponse, String>> {
    let page = back.page();
    let Some((integration, method)) = app.catalog.method(&back.flow.integration, &back.flow.method) else {
        return Err(Error::NotFound);
    };
    let Return { standing, connects, creates, flow, query, .. } = back;
    let (slug, bots) = (standing.workspace.slug.clone(), standing.allowed(connects.actor().clone()));
    let scene = Scene { app, slug, connects, creates, bots, flow, integration, method };
    let (means, flow) = (app.means.clone(), scene.flow.clone());
    let chosen = app.db.read(move |conn| flow.open_now(conn, &means)).await?.ok_or(Error::NotFound)?;
    let spec = method.oauth.as_ref().ok_or_else(|| Error::internal("a consent without OAuth"))?;
    let prepared = match prepare(&scene, &chosen).await? {
        Ok(prepared) => prepared,
        Err(trouble) => return Ok(Ok(answered(scene.fail(trouble).await)?)),
    };
    let issued = query.get("iss").is_none_or(|iss| oauth::is_issuer(spec, &prepared.values, iss.expose()));
    if !issued || !oauth::is_verified(spec, &prepared.values, &query) {
        let text = "The answer did not come from the service that was asked. Nothing was saved. Start again.";
        answered(scene.fail(trouble("wrong_issuer", "The answer was not genuine.", text)).await)?;
        return Ok(Err(page));
    }
    if query.contains_key("error") || !query.contains_key("code") {
        let denied = query.get("error").map(|error| error.expose().to_owned());
        return Ok(Ok(answered(scene.fail(refused(integration, denied.as_deref())).await)?));
    }
    // Before the exchange: a code is good once.
    let Ok(permit) = app.check_limits.admit(scene.connects.workspace().as_str(), scene.flow.credential_id.as_str())
    else {
        let text = "So many checks were made that this one has to wait. Try again in a minute.";
        return Ok(Ok(answered(scene.fail(trouble("too_many", "Too many checks at once.", text)).await)?));
    };
    let code = Code { redirect: &query, redirect_uri: &redirect_uri(app), verifier: &chosen.verifier };
    let obtained = match oauth::exchange(&app.broker().context(), integration, method, &prepared.values, &code).await {
        Ok(obtained) => obtained,
        Err(report) => {
            permit.done(&report);
            return Ok(Ok(answered(scene.fail(trouble_of(integration, &report, false)).await)?));
        }
    };
    let grant = app.broker().granted(spec, obtained, chosen.scopes.clone())?;
    Ok(Ok(answered(judge(&scene, spec, chosen, prepared, grant, permit).await)?))
}

fn answered(answer: Answer) -> Result<HttpResponse> {
    answer.map_err(|fault| fault.0)
}

/// What a consent needs from the database before anything is asked of the service.
struct Prepared {
    /// All values, those of the workspace's client among them.
    values: Values,
    /// The credential that is connected.
    row: Option<Credential>,
}

async fn prepare(scene: &Scene<'_>, chosen: &Chosen) -> Result<std::result::Result<Prepared, Trouble>> {
    let Scene { app, flow, integration, method, connects, .. } = scene;
    let (workspace, id) = (connects.workspace().clone(), flow.credential_id.clone());
    let row = app.db.read(move |conn| Credential::find(conn, &workspace, &id)).await?;
    if flow.kind == FlowKind::Connect && row.is_none() {
        let text =
            "The credential was deleted while you were away. Restore it under “Recently deleted”, or make a new one.";
        return Ok(Err(trouble("gone", "The credential is not there any more.", text)));
    }
    let values = with_app_of(app, connects.workspace(), integration, method, chosen, flow).await?;
    Ok(match values {
        Some(values) => Ok(Prepared { values, row }),
        None => {
            let text = "The OAuth client of this workspace was removed meanwhile. Enter it again, then start again.";
            Err(trouble("no_app", "There is no OAuth client any more.", text))
        }
    })
}

/// What the consent page's refusal means (RFC 6749 §4.1.2.1); its own words are not shown.
fn refused(integration: &Integration, error: Option<&str>) -> Trouble {
    let name = &integration.name;
    let (code, title, text) = match error {
        Some("access_denied") => (
            "access_denied",
            format!("{name} says that you did not agree."),
            "Nothing was saved. If that was not meant, try again and agree; if your company must allow the app first, ask its administrator.",
        ),
        Some("invalid_scope") => (
            "invalid_scope",
            format!("{name} does not give these permissions."),
            "The OAuth client is not set up for a permission that is asked for. Add it in the settings of the client at the service, then try again.",
        ),
        Some("unauthorized_client" | "invalid_client" | "unsupported_response_type" | "invalid_request") => (
            "client_refused",
            format!("{name} does not take the OAuth client."),
            "Compare client ID and redirect address with the settings at the service: they must be the same to the last character.",
        ),
        Some("server_error" | "temporarily_unavailable") => (
            "provider_error",
            format!("{name} has a problem of its own."),
            "Nothing was saved. Try again in a few minutes.",
        ),
        Some(_) => (
            "provider_error",
            format!("{name} refused."),
            "It sent an error that nobody knows here. Nothing was saved. Try again; if it stays, look at the settings of the OAuth client at the service.",
        ),
        None => (
            "no_code",
            format!("{name} sent you back without an answer."),
            "There was neither a code nor an error in it. Nothing was saved. Try again.",
        ),
    };
    trouble(code, title, text)
}

/// Checks what was got and stores it, or says what stands in the way.
async fn judge(
    scene: &Scene<'_>,
    spec: &OAuth,
    chosen: Chosen,
    prepared: Prepared,
    mut grant: NewGrant,
    permit: Permit,
) -> Answer {
    let Scene { app, flow, integration, .. } = scene;
    if spec.require_refresh_token && grant.tokens.refresh.is_none() {
        let text = "Without a refresh token the connection would end within the hour. Remove the access of this app in your account at the service, then try again: the service gives one at the first consent only.";
        return scene
            .fail(trouble("no_refresh_token", format!("{} gave no refresh token.", integration.name), text))
            .await;
    }
    let report = verify(scene, &prepared.values, &mut grant).await;
    permit.done(&report);
    if !may_save(&report, chosen.save_unverified) {
        return scene.fail(trouble_of(integration, &report, may_skip(&report))).await;
    }
    let before = prepared.row.as_ref().map(|row| row.identity.clone()).unwrap_or_default();
    let account = report.identity.clone().unwrap_or_default();
    if flow.kind == FlowKind::Connect && !before.is_empty() && !account.is_empty() && before != account {
        let chosen = Chosen { waiting: Some((grant, account)), ..chosen };
        let (means, allowed, flow) = (app.means.clone(), scene.connects.clone(), flow.clone());
        app.db.write(move |tx| oauth_flow::ask(tx, &means, &allowed, &flow, &chosen)).await?;
        return see_other(scene.page());
    }
    store(scene, chosen, grant, report).await
}

/// Checks what was got; what the check's answer gives for keeping goes with it.
async fn verify(scene: &Scene<'_>, values: &Values, grant: &mut NewGrant) -> Report {
    let session = Session { values: grant.tokens.duplicate().values, expires_at: None };
    let options = Options { session: Some(session), ..Options::new(Trigger::Save) };
    let context = scene.app.broker().context();
    let (mut report, found) = check::run_and_keep(&context, scene.integration, scene.method, values, options).await;
    grant.tokens.values.extend(found);
    let lacking = missing(&grant.asked, grant.granted.as_deref());
    if report.outcome == Outcome::Ok && !lacking.is_empty() {
        report.outcome = Outcome::Limited;
        report.code = "scopes_missing".to_owned();
        report.hint = format!(
            "{} did not give all that was asked for: {} is missing. Connect again and leave every box ticked.",
            scene.integration.name,
            lacking.join(", ")
        );
    }
    report
}

async fn store(scene: &Scene<'_>, chosen: Chosen, grant: NewGrant, report: Report) -> Answer {
    let Scene { app, flow, integration, method, .. } = scene;
    let consent = Consent { flow: flow.clone(), grant };
    let id = flow.credential_id.clone();
    let mut bot = None;
    let saved = match flow.kind {
        FlowKind::Create => {
            let content = Content {
                destination: destination::destination(method, &chosen.values.plain),
                place: destination::shown(method, &chosen.values.plain).unwrap_or_default(),
                badge: Badge::None,
                changed: Vec::new(),
                values: chosen.values,
            };
            let kind = Kind {
                integration: integration.id.clone(),
                service: integration.name.clone(),
                method: method.id.clone(),
            };
            let new = NewCredential { id, kind, details: chosen.details, content, report, consent: Some(consent) };
            let (means, allowed) = (app.means.clone(), scene.creates.clone());
            let chooses = scene.bots.clone().zip(chosen.block);
            let unit = move |tx: &mut Tx<'_>| {
                let saved = credential_change::create(tx, &means, &allowed, &new)?;
                let of = match (&saved, &chooses) {
                    (Saved::Done, Some((allowed, block))) => {
                        block::choose_anywhere(tx, &means, allowed, block, (&new.id, &new.kind.integration))?
                    }
                    _ => None,
                };
                Ok((saved, of))
            };
            let (saved, of) = app.db.write(unit).await?;
            bot = of;
            saved
        }
        FlowKind::Connect => {
            let content = renewed_content(scene, &chosen).await?;
            let connected = Connected {
                live_version: chosen.live_version,
                service: integration.name.clone(),
                content,
                report,
                consent,
            };
            let (means, allowed) = (app.means.clone(), scene.connects.clone());
            app.db.write(move |tx| credential_change::connect(tx, &means, &allowed, &id, &connected)).await?
        }
    };
    match (saved, bot) {
        (Saved::Done, Some(bot)) => see_other_saying(format!("/w/{}/bots/{bot}", scene.slug), "chosen"),
        (Saved::Done, None) => see_other_saying(scene.credential(), "connected"),
        (Saved::NameTaken(holder), _) => {
            let text = format!("“{holder}” exists already. Choose a name that tells the two apart.");
            scene.fail(trouble("name_taken", "The name is taken by now.", text)).await
        }
        (Saved::Stale(_), _) => {
            let text = "Somebody changed the credential while you were away, so nothing was saved. Look at it, then connect again.";
            scene.fail(trouble("stale", "It was changed meanwhile.", text)).await
        }
    }
}

/// The values with the new secrets that were entered; `None` when there were none and the stored ones open.
async fn renewed_content(scene: &Scene<'_>, chosen: &Chosen) -> Result<Option<Content>> {
    let (workspace, flow, means) = (scene.connects.workspace().clone(), scene.flow.clone(), scene.app.means.clone());
    let (row, version, secret) = scene
        .app
        .db
        .read(move |conn| {
            let row = Credential::get(conn, &workspace, &flow.credential_id)?;
            let version = Version::get(conn, &workspace, &flow.credential_id, row.live_version)?;
            let secret = version.clone().open_current(conn, &means, row.seal_place())?.ok();
            Ok((row, version, secret))
        })
        .await?;
    if chosen.values.secret.is_empty() && secret.is_some() {
        return Ok(None);
    }
    let mut values = Values { plain: version.config.0, secret: secret.unwrap_or_default() };
    values.secret.extend(chosen.values.duplicate().secret);
    Ok(Some(Content {
        destination: version.destination,
        place: row.place,
        badge: row.badge,
        changed: chosen.values.secret.keys().cloned().collect(),
        values,
    }))
}

/// Stores what another account gave, after a person said that it is meant; it is checked once more.
pub async fn confirmed(
    can: &Can<ConnectCredential>,
    app: &App,
    flow: Flow,
    mut chosen: Chosen,
    integration: &Integration,
    method: &Method,
) -> Answer {
    let creates = can.standing.allowed(can.allowed.actor().clone()).ok_or(Error::Forbidden)?;
    let slug = can.standing.workspace.slug.clone();
    let bots = can.standing.allowed(can.allowed.actor().clone());
    let scene = Scene { app, slug, connects: can.allowed.clone(), creates, bots, flow, integration, method };
    let Some((mut grant, _)) = chosen.waiting.take() else { return see_other(scene.page()) };
    let prepared = match prepare(&scene, &chosen).await? {
        Ok(prepared) => prepared,
        Err(trouble) => return scene.fail(trouble).await,
    };
    // What was got stays for when there is room.
    let permit = app
        .check_limits
        .admit(scene.connects.workspace().as_str(), scene.flow.credential_id.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let report = verify(&scene, &prepared.values, &mut grant).await;
    permit.done(&report);
    if !may_save(&report, chosen.save_unverified) {
        return scene.fail(trouble_of(integration, &report, may_skip(&report))).await;
    }
    store(&scene, chosen, grant, report).await
}
