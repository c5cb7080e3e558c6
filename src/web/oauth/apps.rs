//! The OAuth client of the workspace at a service: typed once by an admin.

use super::drawn::redirect_uri;
use super::start::app_page;
use crate::app::App;
use crate::catalog::form::{Input, Mode, Remarks, Shown, Stored, fields, parse};
use crate::catalog::schema::{Integration, Method};
use crate::change::content::changed_fields;
use crate::error::{Error, Result};
use crate::model::oauth_app::{self, NewApp, OAuthApp};
use crate::model::permission::ManageApps;
use crate::model::sealed::Opening;
use crate::model::user::User;
use crate::model::version::Unreadable;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::credentials::drawn::{head, help};
use crate::web::credentials::typed::{no_remarks, typed_secrets};
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Banner, FormView, HelpView, MethodLink, Proof};
use crate::web::pages::oauth::{AddressCheck, AppPage};
use crate::web::pages::shell::Nav;
use crate::web::pages::status::Hint;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use std::collections::{BTreeMap, BTreeSet};

type Allowed = Can<ManageApps>;

/// What a page of a client is drawn from besides the request.
struct Client<'a> {
    integration: &'a Integration,
    method: &'a Method,
    /// Its fields as a form of their own.
    form: Method,
    kept: Option<OAuthApp>,
    /// Why its secrets cannot be decrypted, if they cannot: then they are entered again.
    fault: Option<Unreadable>,
    by: String,
}

/// What was typed and is wrong with it.
#[derive(Default)]
struct Typed {
    shown: BTreeMap<String, String>,
    secrets: Vec<String>,
    errors: Remarks,
    banner: Option<Banner>,
    asked: Option<Proof>,
}

/// `GET …/apps/{integration}`, with `method`.
pub async fn edit(can: Allowed, path: web::Path<(String, String)>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let wanted = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "method")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let client = load(&can, &app, &path.1, &wanted).await?;
    let asked = if client.kept.is_some() { fresh::asked(&app, &req).await? } else { None };
    page(&draw(&can, &app, &req, &client, &Typed { asked, ..Typed::default() }))
}

/// `POST …/apps/{integration}` with `method`, `revision`, `f.<field>`; `remove=1` forgets it. To change or forget one
/// that is in use takes a proof that is not old (`current_password`).
pub async fn update(
    can: Allowed,
    path: web::Path<(String, String)>,
    posted: Posted,
    req: HttpRequest,
    app: web::Data<App>,
) -> Answer {
    let mut form = posted.fields().await?;
    let client = load(&can, &app, &path.1, &form.text("method")).await?;
    let revision = form.number("revision")?;
    let address = app_page(&can.root(), client.integration, client.method);
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    let (integration, named) = (client.integration.id.clone(), client.method.client().to_owned());
    if form.flag("remove") {
        let asked = fresh::judge(&app, &req, &mut form).await?;
        if asked.is_some() {
            return ask(&can, &app, &req, &client, Typed { asked, ..Typed::default() });
        }
        let revision = revision.unwrap_or_default();
        let gone =
            app.db.write(move |tx| oauth_app::remove(tx, &means, &allowed, &integration, &named, revision)).await?;
        return match gone {
            true => see_other_saying(address, "app-removed"),
            false => overtaken(&can, &app, &req, &client, Typed::default()),
        };
    }
    let input = Input { fields: form.take_prefixed("f."), ..Input::default() };
    let typed =
        Typed { shown: input.shown(&client.form), secrets: typed_secrets(&client.form, &input), ..Typed::default() };
    let stored = client.stored();
    let mode = stored.as_ref().map_or(Mode::Create, Mode::Edit);
    let parsed = match parse(client.integration, &client.form, mode, input) {
        Ok(parsed) => parsed,
        Err(errors) => return ask(&can, &app, &req, &client, Typed { errors, ..typed }),
    };
    if client.kept.is_some() {
        let asked = fresh::judge(&app, &req, &mut form).await?;
        if asked.is_some() {
            return ask(&can, &app, &req, &client, Typed { asked, ..typed });
        }
    }
    let changed = changed_fields(&stored.unwrap_or_default(), &parsed);
    let old = match (&client.kept, parsed.kept.is_empty()) {
        (Some(kept), false) => {
            let (kept, means) = (kept.clone(), app.means.clone());
            app.db
                .read(move |conn| Ok(kept.open(&Opening::of(conn, &means, &kept.workspace_id)?, &means)?))
                .await?
                .secret
        }
        _ => BTreeMap::new(),
    };
    let new = NewApp { integration, client: named, revision, values: parsed.complete(old), changed };
    let saved = app.db.write(move |tx| oauth_app::save(tx, &means, &allowed, &new)).await?;
    match saved {
        true => see_other_saying(address, "app-saved"),
        false => overtaken(&can, &app, &req, &client, typed),
    }
}

async fn load<'a>(can: &Allowed, app: &'a App, integration: &str, method: &str) -> Result<Client<'a>> {
    let integration = app.catalog.get(integration).ok_or(Error::NotFound)?;
    let mut with_client = integration.methods.iter().filter_map(|m| Some((m, m.app_form()?)));
    let found = match method {
        "" => with_client.next(),
        id => with_client.find(|(m, _)| m.id == id),
    };
    let (method, form) = found.ok_or(Error::NotFound)?;
    let (workspace, service, id) = (can.workspace().clone(), integration.id.clone(), method.client().to_owned());
    let means = app.means.clone();
    let (kept, fault, people) = app
        .db
        .read(move |conn| {
            let kept = OAuthApp::find(conn, &workspace, &service, &id)?;
            let keys = Opening::of(conn, &means, &workspace)?;
            let fault = kept.as_ref().and_then(|app| app.open(&keys, &means).err());
            let by: Vec<String> = kept.iter().map(|app| app.updated_by.clone()).collect();
            Ok((kept, fault, User::names(conn, &by)?))
        })
        .await?;
    let by = people.into_iter().next().map(|(_, name)| name).unwrap_or_default();
    Ok(Client { integration, method, form, kept, fault, by })
}

impl Client<'_> {
    fn stored(&self) -> Option<Stored> {
        let mut stored = self.kept.as_ref().map(OAuthApp::stored)?;
        if self.fault.is_some() {
            stored.secrets.clear();
        }
        Some(stored)
    }
}

/// The form again, with what is missing or wrong.
fn ask(can: &Allowed, app: &App, req: &HttpRequest, client: &Client<'_>, typed: Typed) -> Answer {
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &draw(can, app, req, client, &typed))
}

fn overtaken(can: &Allowed, app: &App, req: &HttpRequest, client: &Client<'_>, typed: Typed) -> Answer {
    let text = "Somebody changed it meanwhile, so nothing was saved. Look at it again, then save.".to_owned();
    let hint = Hint { code: "stale".to_owned(), text };
    let banner = Some(Banner { title: "It was changed meanwhile.".to_owned(), hint, links: Vec::new() });
    page_with(StatusCode::CONFLICT, &draw(can, app, req, client, &Typed { banner, ..typed }))
}

fn draw(can: &Allowed, app: &App, req: &HttpRequest, client: &Client<'_>, typed: &Typed) -> AppPage {
    let Client { integration, method, .. } = client;
    let address = redirect_uri(app);
    let title = format!("OAuth client for {}", integration.name);
    let stored = client.kept.as_ref().map(|kept| {
        let at = When::new(kept.updated_at, app.means.now());
        let by = if client.by.is_empty() { String::new() } else { format!(" by {}", client.by) };
        format!("Entered {at}{by}. A blank secret stays as it is.")
    });
    let help = help(integration, method);
    AppPage {
        shell: shell::inside(app, can, &title, Nav::Services),
        base: format!("{}/integrations", can.root()),
        service: head(&can.root(), integration, method),
        methods: links(can, integration, method),
        checks: checks(app, req),
        redirect_uri: address,
        scopes: method.oauth.iter().flat_map(|o| &o.scopes).cloned().collect(),
        form: form_view(can, client, typed),
        banner: typed.banner.clone().or_else(|| client.fault.as_ref().map(unreadable)),
        stored: stored.unwrap_or_default(),
        create: format!("{}/new?integration={}&method={}", can.list(), integration.id, method.id),
        help: HelpView { notes: method.banner.iter().chain(&method.permissions).cloned().collect(), ..help },
    }
}

fn unreadable(fault: &Unreadable) -> Banner {
    let text = format!("They need {}, which does not open them. Enter every secret again, then save.", fault.label);
    let hint = Hint { code: "unreadable".to_owned(), text };
    Banner { title: "The stored secrets cannot be decrypted.".to_owned(), hint, links: Vec::new() }
}

fn form_view(can: &Allowed, client: &Client<'_>, typed: &Typed) -> FormView {
    let (stored, none) = (client.stored(), no_remarks());
    let mode = stored.as_ref().map_or(Mode::Create, Mode::Edit);
    let shown = Shown {
        typed: typed.shown.clone(),
        typed_secrets: typed.secrets.clone(),
        errors: Some(&typed.errors),
        warnings: Some(&none),
    };
    FormView {
        action: format!("{}/apps/{}", can.root(), client.integration.id),
        integration: client.integration.id.clone(),
        method: client.method.id.clone(),
        revision: client.kept.as_ref().map(|kept| kept.revision),
        fields: fields(&client.form, mode, &shown),
        ask_password: typed.asked.clone(),
        ..FormView::default()
    }
}

fn links(can: &Allowed, integration: &Integration, current: &Method) -> Vec<MethodLink> {
    let mut seen = BTreeSet::from([current.client()]);
    let with_client = integration.methods.iter().filter(|m| m.app_fields().next().is_some());
    with_client
        .filter(|m| m.id == current.id || seen.insert(m.client()))
        .map(|m| MethodLink {
            label: m.label.clone(),
            href: app_page(&can.root(), integration, m),
            current: m.id == current.id,
        })
        .collect()
}

/// Whether a service can send people back to our public address.
fn checks(app: &App, req: &HttpRequest) -> Vec<AddressCheck> {
    let url = &app.config.public_url;
    let host = url.host_str().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let https = match (app.config.is_https(), local) {
        (true, _) => AddressCheck { good: true, text: "It is encrypted (https), as services ask for.".to_owned() },
        (false, true) => AddressCheck {
            good: false,
            text: "It leads to this machine only and is not encrypted. Some services take that for trying out; for real use set CREDENZA_PUBLIC_URL to the https address of this console.".to_owned(),
        },
        (false, false) => AddressCheck {
            good: false,
            text: "It is not encrypted, and most services refuse that. Ask the operator to set CREDENZA_PUBLIC_URL to an https address.".to_owned(),
        },
    };
    let seen = req.headers().get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let same = match seen.eq_ignore_ascii_case(&own) {
        true => AddressCheck { good: true, text: format!("Your browser knows this console as {own} too.") },
        false => AddressCheck {
            good: false,
            text: format!(
                "Your browser reached this console as {seen}, but its public address says {own}. After agreeing you would come back there, where you are not signed in: open the console at {own}, or ask the operator to correct CREDENZA_PUBLIC_URL."
            ),
        },
    };
    vec![https, same]
}
