//! Editing: verified again when a value changes; the old version stays in use until the new one is stored.

use super::drawn::{banner, head, help, patterns, readable, steps_now};
use super::stored::load;
use super::typed::{Boxes, Draw, Filled, Typed, typed_secrets};
use super::used;
use super::verdict::saved_as;
use crate::app::App;
use crate::catalog::form::{Mode, Shown, Stored};
use crate::catalog::schema::{Integration, Method};
use crate::change::edit as change;
use crate::change::kept::Kept;
use crate::change::verify::may_skip;
use crate::change::{Came, Refused};
use crate::error::Error;
use crate::model::credential::Credential;
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
    let kept = load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    page(&form_page(&can, &app, &kept, integration, method, Filled::default()))
}

/// `POST …/{id}/form`: draws the conditional fields anew; saves nothing, calls nobody.
pub async fn redraw(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let kept = load(&app, &can).await?;
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
    let kept = load(&app, &can).await?;
    let kind = kept.kind(&app)?;
    let (integration, method) = kind;
    let revision = typed
        .revision
        .ok_or_else(|| Error::BadRequest("The form lacks its revision. Open the edit page again.".into()))?;
    let shown = typed.input.shown(method);
    if revision != kept.row.revision {
        return page_with(
            StatusCode::CONFLICT,
            &conflict(&can, &app, &kept.row, &kept.version, &typed, &shown, method),
        );
    }
    let secrets = typed_secrets(method, &typed.input);
    let input = std::mem::take(&mut typed.input);
    let refuse = |refused: Refused| {
        let filled = Filled::refused(&typed, &shown, &secrets, &refused);
        page_with(StatusCode::UNPROCESSABLE_ENTITY, &form_page(&can, &app, &kept, integration, method, filled))
    };
    let ready = match change::read(&app, &kept, kind, &typed.written(), input) {
        Ok(ready) => ready,
        Err(refused) => return refuse(*refused),
    };
    if ready.leads_elsewhere {
        let asked = fresh::judge(&app, &req, &mut form).await?;
        if asked.is_some() {
            let filled = Filled::held(&typed, &shown, &secrets);
            let mut form = form_page(&can, &app, &kept, integration, method, filled);
            form.form.ask_password = asked;
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
        }
    }
    match change::store(&app, &can.allowed, &kept, kind, ready, (revision, typed.save_unverified)).await? {
        Came::Saved(report) => {
            let did = report.as_ref().map_or("edited", |report| saved_as(report, "edited"));
            see_other_saying(format!("{}/{}", can.list(), kept.row.id), did)
        }
        Came::Refused(refused) => refuse(*refused),
        Came::Stale => {
            let now = load(&app, &can).await?;
            page_with(StatusCode::CONFLICT, &conflict(&can, &app, &now.row, &now.version, &typed, &shown, method))
        }
    }
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
