//! Editing: verified again when a value changes; the old version stays in use until the new one is stored.

use super::create::{badge, enter_again};
use super::drawn::{banner, head, help, patterns, readable, steps_now};
use super::stored::Kept;
use super::typed::{Boxes, DetailRemarks, Draw, Filled, Typed, no_remarks, typed_secrets};
use super::used;
use super::verdict::{may_save, may_skip, saved_as, verify, write_down};
use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::{Mode, Parsed, Remarks, Shown, Stored, parse};
use crate::catalog::schema::{Integration, Method};
use crate::check::Trigger;
use crate::check::report::Report;
use crate::error::Error;
use crate::model::credential::{Badge, Credential};
use crate::model::credential_change::{self, Content, Edited, Saved};
use crate::model::permission::{EditCredential, Permission};
use crate::model::version::Version;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::edit::{Change, Conflict, Edit};
use crate::web::pages::form::{ENVIRONMENTS, Fields as FieldsPage, TextBox};
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use std::collections::BTreeMap;

type Allowed = Can<EditCredential>;

/// `GET …/{id}/edit`.
pub async fn edit(can: Allowed, app: web::Data<App>) -> Answer {
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    page(&form_page(&can, &app, &kept, integration, method, Filled::default()))
}

/// `POST …/{id}/form`: draws the conditional fields anew; saves nothing, calls nobody.
pub async fn redraw(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    let typed = Typed::read(&mut form)?;
    let stored = kept.stored();
    let shown = Shown {
        typed: typed.input.shown(method),
        typed_secrets: typed_secrets(method, &typed.input),
        errors: None,
        warnings: None,
    };
    let draw = draw(&can, &kept, integration, method, &stored);
    page(&FieldsPage { form: draw.form(Boxes::default(), &shown) })
}

/// `POST …/{id}`.
pub async fn update(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let mut typed = Typed::read(&mut form)?;
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    let revision = typed
        .revision
        .ok_or_else(|| Error::BadRequest("The form lacks its revision. Open the edit page again.".into()))?;
    let stored = kept.stored();
    let shown = typed.input.shown(method);
    if revision != kept.row.revision {
        return page_with(
            StatusCode::CONFLICT,
            &conflict(&can, &app, &kept.row, &kept.version, &typed, &shown, method),
        );
    }
    let input = std::mem::take(&mut typed.input);
    let secrets = typed_secrets(method, &input);
    let (details, parsed) = (typed.details(&app.catalog), parse(integration, method, Mode::Edit(&stored), input));
    let refuse = |wrong: DetailRemarks, errors: Remarks, warnings: Remarks, report: Option<&Report>| {
        let filled = Filled {
            typed: Some(&typed),
            wrong,
            shown: shown.clone(),
            secrets: secrets.clone(),
            warnings: enter_again(warnings, &errors, &secrets),
            errors,
            report,
        };
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &form_page(&can, &app, &kept, integration, method, filled))
    };
    let (details, parsed) = match (details, parsed) {
        (Ok(details), Ok(parsed)) => (details, parsed),
        (details, parsed) => {
            let wrong = details.err().map(|wrong| *wrong).unwrap_or_default();
            return match parsed {
                Ok(parsed) => refuse(wrong, no_remarks(), parsed.warnings, None),
                Err(errors) => refuse(wrong, errors, no_remarks(), None),
            };
        }
    };
    let warnings = parsed.warnings.clone();
    let leads = |values: &BTreeMap<String, String>| destination::destination(method, values);
    if leads(&parsed.values.plain) != leads(&stored.plain) {
        let asked = fresh::judge(&app, &req, &mut form).await?;
        if asked.is_some() {
            let filled = Filled { typed: Some(&typed), shown: shown.clone(), ..Filled::default() };
            let mut form = form_page(&can, &app, &kept, integration, method, filled);
            form.form.ask_password = asked;
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
        }
    }
    let changed = changed_fields(&stored, &parsed);
    let mut verified = None;
    let unreadable = kept.row.status == crate::model::status::Status::Unreadable;
    if (!changed.is_empty() || unreadable) && !method.needs_consent() {
        let (workspace, wanted, id) = (can.workspace().clone(), details.name.clone(), kept.row.id.clone());
        let holder = app
            .db
            .read(move |conn| crate::model::credential::name_holder(conn, &workspace, &wanted, Some(&id)))
            .await?;
        if let Some(holder) = holder {
            return refuse(DetailRemarks::name_taken(&holder), no_remarks(), warnings, None);
        }
        let content = match content(&app, &kept, method, parsed, changed).await? {
            Ok(content) => content,
            Err(errors) => return refuse(DetailRemarks::default(), errors, warnings, None),
        };
        let report =
            verify(&app, can.workspace(), &kept.row.id, integration, method, &content.values, Trigger::Save).await?;
        if !may_save(&report, typed.save_unverified) {
            write_down(&app, &can.allowed, &kept.row.id, integration, method, &report).await?;
            return refuse(DetailRemarks::default(), no_remarks(), warnings, Some(&report));
        }
        verified = Some((content, report));
    }
    let did = verified.as_ref().map_or("edited", |(_, report)| saved_as(report, "edited"));
    let edited = Edited { revision, service: integration.name.clone(), details, content: verified };
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), kept.row.id.clone());
    let saved = app.db.write(move |tx| credential_change::edit(tx, &means, &allowed, &id, &edited)).await?;
    match saved {
        Saved::Done => see_other_saying(format!("{}/{}", can.list(), kept.row.id), did),
        Saved::NameTaken(holder) => refuse(DetailRemarks::name_taken(&holder), no_remarks(), warnings, None),
        Saved::Stale(_) => {
            let now = Kept::load(&app, &can).await?;
            page_with(StatusCode::CONFLICT, &conflict(&can, &app, &now.row, &now.version, &typed, &shown, method))
        }
    }
}

/// The values to store: what was typed, and what was kept of the stored secrets.
pub(super) async fn content(
    app: &App,
    kept: &Kept,
    method: &Method,
    parsed: Parsed,
    changed: Vec<String>,
) -> Result<Result<Content, Remarks>, Error> {
    let env = parsed.env;
    let old = if parsed.kept.is_empty() {
        BTreeMap::new()
    } else {
        match kept.open(app, method).await? {
            Ok(old) => old,
            // What cannot be decrypted cannot be kept: each such box must be filled again.
            Err(_) => return Ok(Err(unreadable(&parsed))),
        }
    };
    let values = parsed.complete(old);
    let badge = match (badge(env), changed.iter().any(|name| values.secret.contains_key(name))) {
        (Badge::None, false) => kept.row.badge,
        (fresh, _) => fresh,
    };
    Ok(Ok(Content {
        destination: destination::destination(method, &values.plain),
        place: destination::shown(method, &values.plain).unwrap_or_default(),
        badge,
        changed,
        values,
    }))
}

fn unreadable(parsed: &Parsed) -> Remarks {
    let remark = |name: &String| {
        let text = "What is stored cannot be decrypted. Enter it again.".to_owned();
        (name.clone(), crate::catalog::form::Remark { code: "secret_required", text })
    };
    Remarks(parsed.kept.iter().map(remark).collect())
}

/// The names of the fields that differ from what is stored.
pub(in crate::web) fn changed_fields(stored: &Stored, parsed: &Parsed) -> Vec<String> {
    let plain = stored
        .plain
        .keys()
        .chain(parsed.values.plain.keys())
        .filter(|name| stored.plain.get(*name) != parsed.values.plain.get(*name));
    let mut changed: Vec<String> =
        plain.chain(parsed.values.secret.keys()).chain(parsed.removed.iter()).cloned().collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

fn form_page(
    can: &Allowed,
    app: &App,
    kept: &Kept,
    integration: &Integration,
    method: &Method,
    filled: Filled<'_>,
) -> Edit {
    let stored = kept.stored();
    let stored_boxes = || Boxes {
        name: TextBox::of(kept.row.name.clone()),
        description: TextBox::of(kept.row.description.clone()),
        environment: TextBox::of(kept.row.environment.as_str()),
        tags: TextBox::of(kept.row.tags.0.join(", ")),
    };
    Edit {
        shell: shell::inside(app, can, &format!("Edit {}", kept.row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), kept.row.id),
        name: kept.row.name.clone(),
        service: head(&can.root(), integration, method),
        form: draw(can, kept, integration, method, &stored).form(filled.boxes(stored_boxes), &filled.shown()),
        reason: method.edit_reason.clone(),
        used: used::draw(&kept.usage, &can.root(), app.means.now()),
        banner: filled.report.map(|report| banner(integration, report)),
        report: filled.report.and_then(steps_now),
        may_skip: filled.report.is_some_and(may_skip),
        help: help(integration, method),
        patterns: patterns(&app.catalog, integration),
    }
}

fn draw<'a, P: Permission>(
    can: &Can<P>,
    kept: &Kept,
    integration: &'a Integration,
    method: &'a Method,
    stored: &'a Stored,
) -> Draw<'a> {
    let href = format!("{}/{}", can.list(), kept.row.id);
    Draw {
        integration,
        method,
        mode: Mode::Edit(stored),
        redraw: format!("{href}/form"),
        action: href,
        revision: Some(kept.row.revision),
    }
}

/// An environment as the form calls it.
fn environment(value: &str) -> &str {
    ENVIRONMENTS.iter().find(|(known, _)| *known == value).map_or(value, |(_, label)| label)
}

/// What differs between what is stored now and what was sent; secrets are never among it.
fn conflict(
    can: &Allowed,
    app: &App,
    row: &Credential,
    version: &Version,
    typed: &Typed,
    shown: &BTreeMap<String, String>,
    method: &Method,
) -> Conflict {
    let mut changes = Vec::new();
    let mut compare = |label: &str, stored: &str, sent: &str| {
        if stored != sent {
            changes.push(Change { label: label.to_owned(), stored: stored.to_owned(), sent: sent.to_owned() });
        }
    };
    compare("Name", &row.name, typed.name.trim());
    compare("Description", &row.description, typed.description.trim());
    compare("Environment", environment(row.environment.as_str()), environment(&typed.environment));
    compare("Tags", &row.tags.0.join(", "), typed.tags.trim());
    for field in method.plain_fields() {
        if let Some(sent) = shown.get(&field.name) {
            let stored = version.config.0.get(&field.name).map(String::as_str).unwrap_or_default();
            compare(&field.label, &readable(Some(field), stored), &readable(Some(field), sent.trim()));
        }
    }
    Conflict {
        shell: shell::inside(app, can, &format!("Edit {}", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        by: String::new(),
        changes,
    }
}
