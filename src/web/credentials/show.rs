//! One credential's page.

use super::drawn::{Judged, badges, head, notices, readable, steps_of, tile, tone, vendor_links};
use super::rotation::has_new_secret;
use super::{connection, history, staging, used};
use crate::app::App;
use crate::catalog::schema::{Edit, Integration, Method};
use crate::check::test_mail::can_send;
use crate::clock::At;
use crate::error::Result;
use crate::model::audit::{self, Event};
use crate::model::audit_names;
use crate::model::check_record::{self, CheckRecord};
use crate::model::credential::{Credential, Environment};
use crate::model::fingerprint;
use crate::model::oauth_grant::Grant;
use crate::model::permission::{Permission, ReadCredentials};
use crate::model::status::Status;
use crate::model::usage::Usage;
use crate::model::version::{Version, VersionState};
use crate::web::answer::{Answer, page};
use crate::web::guard::Can;
use crate::web::pages::detail::{Action, Detail, EditRule, Mark, ValueView, VersionView};
use crate::web::pages::form::{Notice, ServiceHead};
use crate::web::pages::shell::{Nav, Tone};
use crate::web::pages::status::Hint;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::web;

/// Checks in the strip.
const STRIP: i64 = 30;
/// Lines of the history.
const LINES: i64 = 50;
/// Versions that are listed.
const VERSIONS: i64 = 20;

/// What the page is drawn from.
struct Found {
    row: Credential,
    live: Version,
    checks: Vec<CheckRecord>,
    versions: Vec<Version>,
    events: Vec<Event>,
    people: Vec<(String, String)>,
    twin: Option<String>,
    usage: Usage,
    grant: Option<Grant>,
}

/// `GET …/{id}`.
pub async fn show(can: Can<ReadCredentials>, app: web::Data<App>) -> Answer {
    let found = load(&app, &can).await?;
    page(&draw(&can, &app, &found))
}

async fn load<P: Permission>(app: &App, can: &Can<P>) -> Result<Found> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    let (inspects, manages) = (can.inspects(), can.is_admin());
    app.db
        .read(move |conn| {
            let row = Credential::get(conn, &workspace, &id)?;
            let live = Version::get(conn, &workspace, &id, row.live_version)?;
            let mut found = Found {
                row,
                live,
                checks: Vec::new(),
                versions: Vec::new(),
                events: Vec::new(),
                people: Vec::new(),
                twin: None,
                usage: Usage::of(conn, &workspace, &id)?,
                grant: None,
            };
            if inspects {
                found.checks = check_record::recent(conn, &workspace, &id, STRIP)?;
                found.events = audit::history(conn, &workspace, id.as_str(), LINES)?;
                found.grant = Grant::find(conn, &workspace, &id)?;
            }
            if manages {
                found.versions = Version::recent(conn, &workspace, &id, VERSIONS)?;
                found.twin = fingerprint::twin(conn, &workspace, &id)?;
            }
            let mut ids: Vec<String> = found.events.iter().map(|event| event.actor_id.clone()).collect();
            ids.extend(found.versions.iter().map(|version| version.created_by.clone()));
            ids.push(found.live.created_by.clone());
            ids.extend(found.grant.iter().map(|grant| grant.connected_by.clone()));
            found.people = audit_names::who(conn, &workspace, &ids)?;
            Ok(found)
        })
        .await
}

fn draw(can: &Can<ReadCredentials>, app: &App, found: &Found) -> Detail {
    let (row, now) = (&found.row, app.means.now());
    let kind = app.catalog.method(&row.integration, &row.method);
    let href = format!("{}/{}", can.list(), row.id);
    let judged = Judged {
        status: row.status,
        outcome: &row.outcome,
        checked_at: row.checked_at,
        good_at: row.good_at,
        expires_at: row.expires_at,
    };
    let shell = shell::inside(app, can, &row.name, Nav::Credentials);
    let hint =
        (can.inspects() && !row.hint.is_empty()).then(|| Hint { code: row.code.clone(), text: row.hint.clone() });
    Detail {
        shell,
        base: can.list(),
        name: row.name.clone(),
        handle: row.handle.clone(),
        description: if can.inspects() { row.description.clone() } else { String::new() },
        tags: if can.inspects() { row.tags.0.clone() } else { Vec::new() },
        badges: badges(row.environment, row.badge),
        environment: match row.environment {
            Environment::Production => "Production".into(),
            Environment::Test => "Test".into(),
            Environment::None => "Not set".into(),
        },
        service: service(can, app, row, kind),
        can_manage: can.is_admin(),
        can_inspect: can.inspects(),
        can_see_values: can.is_admin(),
        status: judged.view(now),
        hint,
        actions: if can.is_admin() { actions(row, &href, kind.map(|(_, method)| method)) } else { Vec::new() },
        links: match (row.status, kind) {
            (Status::Broken | Status::Expiring, Some((integration, _))) => vendor_links(integration),
            _ => Vec::new(),
        },
        notices: remarks(found, kind),
        steps: found.checks.first().and_then(|check| steps_of(check, now)),
        strip: found.checks.iter().rev().map(|check| mark(check, now)).collect(),
        last_good: row.good_at.filter(|_| can.inspects()).map(|at| When::new(at, now)),
        identity: Some(row.identity.clone()).filter(|identity| can.inspects() && !identity.is_empty()),
        values: if can.is_admin() { values(found, kind.map(|(_, m)| m), now) } else { Vec::new() },
        used: used::draw(&found.usage, &can.root(), now),
        staging: can.is_admin().then(|| staging::of(row, &found.versions, &href, now)),
        off: row.is_suspended(now),
        versions: found.versions.iter().map(|version| version_view(version, found, now)).collect(),
        history: found.events.iter().map(|event| history::line(event, &found.people, now)).collect(),
        audit: format!("{}/audit?credential={}", can.root(), row.id),
        edit: kind.map_or(EditRule::Full, |(_, method)| edit_rule(method)),
        rotates: kind.is_none_or(|(_, method)| has_new_secret(method)),
        connection: connection::view(can, kind, found.grant.as_ref(), &found.people, now),
        href,
    }
}

fn service(
    can: &Can<ReadCredentials>,
    app: &App,
    row: &Credential,
    kind: Option<(&Integration, &Method)>,
) -> ServiceHead {
    match kind {
        Some((integration, method)) => head(&can.root(), integration, method),
        None => ServiceHead {
            id: row.integration.clone(),
            name: row.integration.clone(),
            method: row.method.clone(),
            tile: tile(&app.catalog, &row.integration),
            guide: format!("{}/integrations", can.root()),
        },
    }
}

fn edit_rule(method: &Method) -> EditRule {
    let reason = method.edit_reason.clone().unwrap_or_default();
    match method.edit {
        Edit::Full => EditRule::Full,
        Edit::Rename => EditRule::Rename(reason),
        Edit::None => EditRule::None(reason),
    }
}

/// The buttons of the status card; sending a mail is the last where that can be done.
fn actions(row: &Credential, href: &str, method: Option<&Method>) -> Vec<Action> {
    let mut actions = mending(row, href, method);
    if method.is_some_and(can_send) && !matches!(row.status, Status::Suspended | Status::Unreadable) {
        let (label, href) = ("Send a test mail".to_owned(), format!("{href}/test-mail"));
        actions.push(Action { label, href, post: false, primary: false, busy: String::new() });
    }
    actions
}

fn mending(row: &Credential, href: &str, method: Option<&Method>) -> Vec<Action> {
    let verify = |primary| Action {
        label: "Verify now".into(),
        href: format!("{href}/checks"),
        post: true,
        primary,
        busy: "Verifying…".into(),
    };
    let link = |label: &str, path: &str, primary| Action {
        label: label.into(),
        href: format!("{href}/{path}"),
        post: false,
        primary,
        busy: String::new(),
    };
    let Some(method) = method else { return Vec::new() };
    if method.needs_consent() {
        return consent_actions(row, href, verify, method);
    }
    if !method.has_live_test() && row.status != Status::Unreadable {
        return vec![link("New secret", "rotation", false)];
    }
    match (row.status, row.outcome.as_str()) {
        (Status::Suspended, _) => vec![see_who_misses_it(href)],
        (Status::Broken, "invalid" | "expired" | "reauthorize" | "forbidden") => {
            vec![link("New secret", "rotation", true), verify(false)]
        }
        (Status::Broken, _) => vec![link("Edit", "edit", true), verify(false)],
        (Status::Unreadable, _) => vec![link("Enter it again", "edit", true)],
        _ => vec![verify(true), link("New secret", "rotation", false)],
    }
}

fn see_who_misses_it(href: &str) -> Action {
    let href = format!("{href}/suspension");
    Action { label: "See who misses it".into(), href, post: false, primary: true, busy: String::new() }
}

/// What mends a sign-in is another consent.
fn consent_actions(row: &Credential, href: &str, verify: impl Fn(bool) -> Action, method: &Method) -> Vec<Action> {
    let connect = |primary| Action {
        label: "Connect again".into(),
        href: format!("{href}/connect"),
        post: true,
        primary,
        busy: "Starting…".into(),
    };
    let ended = matches!(row.outcome.as_str(), "invalid" | "expired" | "reauthorize" | "forbidden");
    match row.status {
        Status::Suspended => vec![see_who_misses_it(href), connect(false)],
        Status::Broken if ended => vec![connect(true), verify(false)],
        // The form asks for the secrets that it has itself, and leads on to the service.
        Status::Unreadable if has_secrets(method) => {
            let href = format!("{href}/rotation");
            vec![Action { label: "Enter it again".into(), href, post: false, primary: true, busy: String::new() }]
        }
        Status::Unreadable => vec![connect(true)],
        _ if !method.has_live_test() => vec![connect(false)],
        _ => vec![verify(true), connect(false)],
    }
}

/// Whether a credential of this method has secrets that a person types, besides those of the workspace's client.
fn has_secrets(method: &Method) -> bool {
    method.fields.iter().any(|f| f.kind.is_secret() && f.is_asked())
}

/// The vendor's notices, and that another credential holds the same key.
fn remarks(found: &Found, kind: Option<(&Integration, &Method)>) -> Vec<Notice> {
    let mut all = kind.map(|(integration, _)| notices(integration)).unwrap_or_default();
    if let Some((_, method)) = kind
        && let Some(note) = &method.notes.after_save
        && let Ok(text) = note
            .render(&|name: &str| found.live.config.0.get(name).map(String::as_str), crate::catalog::place::Place::Raw)
    {
        all.push(Notice { text: text.expose().to_owned(), date: String::new() });
    }
    if let Some(twin) = &found.twin {
        let text = format!("“{twin}” holds the same secret. If both are needed, keep in mind to change both.");
        all.push(Notice { text, date: String::new() });
    }
    all
}

fn mark(check: &CheckRecord, now: At) -> Mark {
    let word = match tone(&check.outcome) {
        Tone::Good => "Good",
        Tone::Bad => "Failed",
        _ => "Could not tell",
    };
    Mark { tone: tone(&check.outcome), text: format!("{word}, {}", When::new(check.at, now)) }
}

fn values(found: &Found, method: Option<&Method>, now: At) -> Vec<ValueView> {
    let by = found.people.iter().find(|(id, _)| *id == found.live.created_by).map(|(_, name)| name.clone());
    let set = Some((When::new(found.live.created_at, now), by.unwrap_or_default()));
    let label = |name: &str| {
        let field = method.and_then(|m| m.field(name.split('.').next().unwrap_or(name)));
        field.map_or_else(|| name.to_owned(), |field| field.label.clone())
    };
    let told = |name: &str, value: &str| readable(method.and_then(|m| m.field(name)), value);
    let plain = found.live.config.0.iter().map(|(name, value)| ValueView {
        label: label(name),
        value: told(name, value),
        secret: false,
        set: None,
    });
    let secret = found.live.secret_names.0.iter().map(|name| ValueView {
        label: label(name),
        value: String::new(),
        secret: true,
        set: set.clone(),
    });
    plain.filter(|value| !value.value.is_empty()).chain(secret).collect()
}

fn version_view(version: &Version, found: &Found, now: At) -> VersionView {
    VersionView {
        number: version.version,
        state: match version.state {
            VersionState::Live => "in use".into(),
            VersionState::Staged => "staged".into(),
            VersionState::Previous => "previous".into(),
        },
        note: match (&version.sealed, version.state, version.retire_at, version.promote_at) {
            (None, ..) => "its secret is erased".into(),
            (_, VersionState::Previous, Some(end), _) => format!("kept, erased {}", When::new(end, now)),
            (_, VersionState::Staged, _, Some(at)) => format!("serves {}", When::new(at, now)),
            (_, VersionState::Staged, ..) => "serves when somebody says so".into(),
            _ => String::new(),
        },
        at: When::new(version.created_at, now),
        by: found.people.iter().find(|(id, _)| *id == version.created_by).map(|(_, n)| n.clone()).unwrap_or_default(),
    }
}
