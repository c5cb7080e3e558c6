//! A new secret for the same thing: verified, and served at once, from a moment on, or when a person says so.

use super::drawn::{banner, head, help, patterns, steps_now};
use super::staging;
use super::stored::load;
use super::typed::{Boxes, Draw, Typed, enter_again, no_remarks, typed_secrets};
use super::used;
use super::verdict::saved_as;
use crate::app::App;
use crate::catalog::form::{Mode, Remark, Remarks, Shown, Stored};
use crate::catalog::schema::{Integration, Method};
use crate::change::kept::Kept;
use crate::change::rotate::{BAD_MOMENT, Plan, rotate, without_consent};
use crate::change::verify::may_skip;
use crate::change::{Came, Refused};
use crate::check::report::Report;
use crate::clock::At;
use crate::error::Result;
use crate::model::credential_change::Serve;
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
use std::collections::BTreeMap;

type Allowed = Can<RotateCredential>;

/// `GET …/{id}/rotation`.
pub async fn new(can: Allowed, app: web::Data<App>) -> Answer {
    let kept = load(&app, &can).await?;
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
    let kept = load(&app, &can).await?;
    let kind = kept.kind(&app)?;
    let (integration, method) = kind;
    without_consent(method)?;
    let (schedule, plan) = schedule(&form, app.means.now())?;
    let refuse = |status: StatusCode, errors: &Remarks, warnings: &Remarks, report: Option<&Report>| {
        let remarks = (errors, warnings);
        page_with(status, &form_page(&can, &app, &kept, integration, method, remarks, report, schedule.clone()))
    };
    let Some(plan) = plan else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, &no_remarks(), &no_remarks(), None);
    };
    let secrets = typed_secrets(method, &typed.input);
    let input = std::mem::take(&mut typed.input);
    let how = (typed.revision, typed.save_unverified);
    match rotate(&app, &can.allowed, &kept, kind, input, plan, how).await? {
        Came::Saved(report) => {
            let rotated = if plan.keep.is_zero() { "rotated" } else { "rotated-kept" };
            let did = match (plan.serve, &report) {
                (Serve::Now, Some(report)) => saved_as(report, rotated),
                (Serve::Now, None) => rotated,
                _ => "staged",
            };
            see_other_saying(format!("{}/{}", can.list(), kept.row.id), did)
        }
        Came::Refused(refused) => {
            let Refused { errors, warnings, report, .. } = *refused;
            let warnings = if report.is_some() { enter_again(warnings, &errors, &secrets) } else { warnings };
            refuse(StatusCode::UNPROCESSABLE_ENTITY, &errors, &warnings, report.as_ref())
        }
        Came::Stale => {
            let text = "Somebody changed this credential meanwhile, so nothing was saved. Look at it, then enter the secret again.";
            let errors = Remarks(BTreeMap::from([(
                method.secret_fields().next().map(|field| field.name.clone()).unwrap_or_default(),
                Remark { code: "stale", text: text.into() },
            )]));
            refuse(StatusCode::CONFLICT, &errors, &no_remarks(), None)
        }
    }
}

/// `serve`, `serve_at` and `keep_hours`: as they were chosen, and what they mean unless something is wrong with them.
/// [`crate::error::Error::BadRequest`] for what no form of ours sends.
fn schedule(form: &Fields, now: At) -> Result<(ScheduleView, Option<Plan>)> {
    let (sent, moment, keep_hours) = (form.text("serve"), form.text("serve_at"), form.number("keep_hours")?);
    let plan = Plan::read(&sent, &moment, keep_hours, now)?;
    let serve = if sent.is_empty() { "now".to_owned() } else { sent };
    let mut view = ScheduleView { serve, serve_at: TextBox::of(moment), keep_hours: keep_hours.unwrap_or(0) };
    if plan.is_none() {
        view.serve_at.error = Some(Remark { code: "invalid", text: BAD_MOMENT.to_owned() });
    }
    Ok((view, plan))
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
