//! Runs a check for a page, within the limits, and says whether the form may be saved.

use crate::app::App;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::check::report::{Outcome, Report};
use crate::check::{self, Options, Trigger};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Kind};
use crate::model::permission::{Allowed, Permission};
use crate::model::status::{Saving, saving};
use crate::model::workspace::Workspace;

/// Checks values. [`Error::TooMany`] when the credential, the workspace or the instance does that too often.
pub async fn verify(
    app: &App,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    trigger: Trigger,
) -> Result<Report> {
    let permit = app
        .check_limits
        .admit(workspace.as_str(), credential.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let context = check::Context { egress: &app.egress, defaults: app.catalog.defaults(), clock: &app.means.clock };
    let report = check::run(&context, integration, method, values, Options::new(trigger)).await;
    permit.done(&report);
    Ok(report)
}

/// Writes down that a check kept a form from being saved.
pub async fn write_down<P: Permission>(
    app: &App,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    integration: &Integration,
    method: &Method,
    report: &Report,
) -> Result<()> {
    let kind =
        Kind { integration: integration.id.clone(), service: integration.name.clone(), method: method.id.clone() };
    let (means, allowed, id, report) = (app.means.clone(), allowed.clone(), id.clone(), report.clone());
    app.db.write(move |tx| credential_change::refused(tx, &means, &allowed, &id, &kind, &report)).await
}

/// Whether a form with this report is saved, given that the person may have asked to skip verification.
pub fn may_save(report: &Report, save_unverified: bool) -> bool {
    match saving(report.outcome) {
        Saving::Save => true,
        Saving::OfferUnverified => save_unverified,
        Saving::Refuse => false,
    }
}

/// Whether “Save without verifying” is offered.
pub fn may_skip(report: &Report) -> bool {
    saving(report.outcome) == Saving::OfferUnverified
}

/// The message after saving.
pub fn saved_as(report: &Report, verified: &'static str) -> &'static str {
    match report.outcome {
        Outcome::Ok | Outcome::Limited => verified,
        Outcome::Untested if verified == "created" => "created-untested",
        Outcome::Untested => verified,
        _ => "created-unverified",
    }
}
