//! A new secret for the same thing: verified, and served at once, from a moment on, or when a person says so.

use super::create::enter_again;
use super::drawn::{banner, head, help, patterns, steps_now};
use super::edit::{changed_fields, content};
use super::staging;
use super::stored::Kept;
use super::typed::{Boxes, Draw, Typed, no_remarks, typed_secrets};
use super::used;
use super::verdict::{may_save, may_skip, saved_as, verify, write_down};
use crate::app::App;
use crate::catalog::form::{Mode, Remark, Remarks, Shown, Stored, parse};
use crate::catalog::schema::{Integration, Method};
use crate::check::Trigger;
use crate::check::report::Report;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::model::credential_change::{self, Rotated, Saved, Serve};
use crate::model::permission::RotateCredential;
use crate::web::answer::{Answer, page, page_with, see_other, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::guard::Can;
use crate::web::pages::edit::{Rotation, ScheduleView};
use crate::web::pages::form::TextBox;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::web;
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::BTreeMap;

type Allowed = Can<RotateCredential>;

/// `GET …/{id}/rotation`.
pub async fn new(can: Allowed, app: web::Data<App>) -> Answer {
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    if !has_new_secret(method) {
        return see_other(format!("{}/{}", can.list(), kept.row.id));
    }
    // Where bots use it, the old secret is kept for a day unless the person says otherwise.
    let keep_hours = if kept.usage.blocks.is_empty() { 0 } else { 24 };
    let schedule = ScheduleView { serve: "now".into(), keep_hours, ..ScheduleView::default() };
    page(&form_page(&can, &app, &kept, integration, method, (&no_remarks(), &no_remarks()), None, schedule))
}

/// `POST …/{id}/rotation`.
pub async fn create(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut form = posted.fields().await?;
    let mut typed = Typed::read(&mut form)?;
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    if method.needs_consent() {
        let text = "This sign-in is renewed by consent. Open the credential and choose “Connect again”.";
        return Err(Error::Unprocessable(text.into()).into());
    }
    let stored = kept.stored();
    let now = app.means.now();
    let (schedule, planned) = schedule(&form, now)?;
    let refuse = |status: StatusCode, errors: Remarks, warnings: &Remarks, report: Option<&Report>| {
        let remarks = (&errors, warnings);
        page_with(status, &form_page(&can, &app, &kept, integration, method, remarks, report, schedule.clone()))
    };
    let Some((serve, keep)) = planned else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, no_remarks(), &no_remarks(), None);
    };
    let input = std::mem::take(&mut typed.input);
    let secrets = typed_secrets(method, &input);
    let parsed = match parse(integration, method, Mode::Rotate(&stored), input) {
        Ok(parsed) => parsed,
        Err(errors) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, errors, &no_remarks(), None),
    };
    if secrets.is_empty() {
        let first = method.secret_fields().next().map(|field| field.name.clone()).unwrap_or_default();
        let remark = Remark { code: "secret_required", text: "Enter the new secret.".into() };
        let errors = Remarks(BTreeMap::from([(first, remark)]));
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, errors, &no_remarks(), None);
    }
    let warnings = parsed.warnings.clone();
    let changed = changed_fields(&stored, &parsed);
    let content = match content(&app, &kept, method, parsed, changed).await? {
        Ok(content) => content,
        Err(errors) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, errors, &warnings, None),
    };
    let report =
        verify(&app, can.workspace(), &kept.row.id, integration, method, &content.values, Trigger::Save).await?;
    if !may_save(&report, typed.save_unverified) {
        write_down(&app, &can.allowed, &kept.row.id, integration, method, &report).await?;
        let warnings = enter_again(warnings, &no_remarks(), &secrets);
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, no_remarks(), &warnings, Some(&report));
    }
    let did = match (serve, keep.is_zero()) {
        (Serve::Now, true) => saved_as(&report, "rotated"),
        (Serve::Now, false) => saved_as(&report, "rotated-kept"),
        _ => "staged",
    };
    let rotated = Rotated {
        revision: typed.revision,
        live_version: kept.row.live_version,
        service: integration.name.clone(),
        content,
        report,
        serve,
        keep,
    };
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), kept.row.id.clone());
    let saved = app.db.write(move |tx| credential_change::rotate(tx, &means, &allowed, &id, &rotated)).await?;
    match saved {
        Saved::Done | Saved::NameTaken(_) => see_other_saying(format!("{}/{}", can.list(), kept.row.id), did),
        Saved::Stale(_) => {
            let text = "Somebody changed this credential meanwhile, so nothing was saved. Look at it, then enter the secret again.";
            let errors = Remarks(BTreeMap::from([(
                method.secret_fields().next().map(|field| field.name.clone()).unwrap_or_default(),
                Remark { code: "stale", text: text.into() },
            )]));
            refuse(StatusCode::CONFLICT, errors, &warnings, None)
        }
    }
}

/// The longest overlap, in hours: ninety days.
const LONGEST_KEEP: i64 = 90 * 24;
/// The latest moment for a staged secret.
const LATEST: TimeDelta = TimeDelta::days(366);

/// `serve`, `serve_at` and `keep_hours`: as they were chosen, and what they mean unless something is wrong with them.
/// [`Error::BadRequest`] for what no form of ours sends.
fn schedule(form: &Fields, now: At) -> Result<(ScheduleView, Option<(Serve, TimeDelta)>)> {
    let (sent, moment) = (form.text("serve"), form.text("serve_at"));
    let keep_hours = form.number("keep_hours")?.unwrap_or(0);
    if !(0..=LONGEST_KEEP).contains(&keep_hours) {
        return Err(Error::BadRequest("The old secret can be kept for 0 to 2160 hours.".into()));
    }
    let mut view = ScheduleView { serve: sent, serve_at: TextBox::of(moment.clone()), keep_hours };
    let serve = match view.serve.as_str() {
        "" | "now" => Some(Serve::Now),
        "hand" => Some(Serve::ByHand),
        "at" => instant(&moment).filter(|at| *at > now && *at <= now.plus(LATEST)).map(Serve::At),
        _ => return Err(Error::BadRequest("A new secret is served now, at a moment, or by hand.".into())),
    };
    if view.serve.is_empty() {
        view.serve = "now".into();
    }
    if serve.is_none() {
        let text = "Choose a moment that is still to come, within a year, in UTC: such as 2030-01-31T18:00.".into();
        view.serve_at.error = Some(Remark { code: "invalid", text });
    }
    Ok((view, serve.map(|serve| (serve, TimeDelta::hours(keep_hours)))))
}

/// Reads a moment as browsers write it, in UTC.
fn instant(text: &str) -> Option<At> {
    let text = text.trim().trim_end_matches('Z');
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let at = read("%Y-%m-%dT%H:%M").or_else(|| read("%Y-%m-%dT%H:%M:%S"))?;
    Some(At::new(at.and_utc()))
}

/// Whether there is a secret of the credential's own to be entered: the client of a workspace is not one.
pub(super) fn has_new_secret(method: &Method) -> bool {
    !method.needs_consent() || method.secret_fields().next().is_some()
}

#[expect(clippy::too_many_arguments, reason = "one page, each part of which may be absent")]
fn form_page(
    can: &Allowed,
    app: &App,
    kept: &Kept,
    integration: &Integration,
    method: &Method,
    (errors, warnings): (&Remarks, &Remarks),
    report: Option<&Report>,
    schedule: ScheduleView,
) -> Rotation {
    let now = app.means.now();
    let stored: Stored = kept.stored();
    let shown =
        Shown { typed: BTreeMap::new(), typed_secrets: Vec::new(), errors: Some(errors), warnings: Some(warnings) };
    let href = format!("{}/{}", can.list(), kept.row.id);
    let draw = Draw {
        integration,
        method,
        mode: Mode::Rotate(&stored),
        action: format!("{href}/{}", if method.needs_consent() { "connect" } else { "rotation" }),
        redraw: format!("{href}/form"),
        revision: Some(kept.row.revision),
    };
    Rotation {
        shell: shell::inside(app, can, &format!("New secret for {}", kept.row.name), Nav::Credentials),
        base: can.list(),
        name: kept.row.name.clone(),
        service: head(&can.root(), integration, method),
        form: draw.form(Boxes::default(), &shown),
        used: used::draw(&kept.usage, &can.root(), now),
        staging: staging::of(&kept.row, &kept.versions, &href, now),
        schedule,
        consents: method.needs_consent(),
        how: method.rotation.as_ref().and_then(|rotation| rotation.how.clone()).unwrap_or_default(),
        banner: report.map(|report| banner(integration, report)),
        report: report.and_then(steps_now),
        may_skip: report.is_some_and(may_skip),
        help: help(integration, method),
        patterns: patterns(&app.catalog, integration),
        href,
    }
}
