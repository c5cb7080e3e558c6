//! The live check of a change before it is saved, and of what is stored when somebody asks.

use super::{KindOf, Refused};
use crate::app::App;
use crate::catalog::form::Values;
use crate::check::report::Report;
use crate::check::{self, Options, Trigger};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::check_record::Cause;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Kind};
use crate::model::permission::{Allowed, Permission, VerifyCredential};
use crate::model::status::{Saving, saving};
use crate::model::version::Unreadable;

/// Checks values that are to be saved, within the limits.
///
/// # Errors
/// [`Error::TooMany`] when the credential, the workspace or the instance does that too often.
pub async fn verify<P: Permission>(
    app: &App,
    allowed: &Allowed<P>,
    credential: &Id<Credential>,
    (integration, method): KindOf<'_>,
    values: &Values,
) -> Result<Report> {
    let permit = app
        .check_limits
        .admit(allowed.workspace().as_str(), credential.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let context = check::Context { egress: &app.egress, defaults: app.catalog.defaults(), clock: &app.means.clock };
    let report = check::run(&context, integration, method, values, Options::new(Trigger::Save)).await;
    permit.done(&report);
    Ok(report)
}

/// Verifies values that are to be saved; the inner error says why they are not, and is written down.
///
/// # Errors
/// As [`verify`], and when storage fails.
pub(super) async fn settled<P: Permission>(
    app: &App,
    allowed: &Allowed<P>,
    credential: &Id<Credential>,
    kind: KindOf<'_>,
    values: &Values,
    save_unverified: bool,
) -> Result<std::result::Result<Report, Refused>> {
    let report = verify(app, allowed, credential, kind, values).await?;
    if may_save(&report, save_unverified) {
        return Ok(Ok(report));
    }
    let (means, allowed, id, unit) = (app.means.clone(), allowed.clone(), credential.clone(), report.clone());
    let kind = kind_of(kind);
    app.db.write(move |tx| credential_change::refused(tx, &means, &allowed, &id, &kind, &unit)).await?;
    Ok(Err(Refused { report: Some(report), ..Refused::default() }))
}

/// What the model is told of a service and method.
pub(super) fn kind_of((integration, method): KindOf<'_>) -> Kind {
    Kind { integration: integration.id.clone(), service: integration.name.clone(), method: method.id.clone() }
}

/// Whether something with this report is saved, given that its sender may have asked to skip verification.
pub fn may_save(report: &Report, save_unverified: bool) -> bool {
    match saving(report.outcome) {
        Saving::Save => true,
        Saving::OfferUnverified => save_unverified,
        Saving::Refuse => false,
    }
}

/// Whether saving without verification is offered.
pub fn may_skip(report: &Report) -> bool {
    saving(report.outcome) == Saving::OfferUnverified
}

/// What came of a check of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is written down.
    Done,
    /// The credential was changed or deleted meanwhile, so that it says nothing any more.
    TooLate,
    /// The stored values cannot be decrypted.
    Unreadable,
}

/// Verifies what is stored, now.
///
/// # Errors
/// [`Error::NotFound`] for a foreign, deleted or unknown one; [`Error::TooMany`] above the limits.
pub async fn stored(app: &App, allowed: &Allowed<VerifyCredential>, id: &Id<Credential>) -> Result<Checked> {
    let broker = app.broker();
    let opened = match broker.open(allowed.workspace(), id).await? {
        Ok(opened) => opened,
        Err(fault) => return unreadable(app, allowed, id, fault).await,
    };
    let permit = app
        .check_limits
        .admit(allowed.workspace().as_str(), id.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let report = match broker.check(allowed, &opened, Cause::Manual).await? {
        Ok(report) => report,
        Err(fault) => return unreadable(app, allowed, id, fault).await,
    };
    permit.done(&report);
    let (means, allowed, service) = (app.means.clone(), allowed.clone(), opened.integration.name.clone());
    let (checked, version) = (id.clone(), opened.row.live_version);
    let after = app
        .db
        .write(move |tx| {
            credential_change::checked(tx, &means, &allowed, &checked, version, &service, (Cause::Manual, &report))
        })
        .await?;
    Ok(if after.is_some() { Checked::Done } else { Checked::TooLate })
}

/// Writes down that the stored values cannot be decrypted.
///
/// # Errors
/// When storage fails.
pub async fn unreadable<P: Permission>(
    app: &App,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    fault: Unreadable,
) -> Result<Checked> {
    tracing::warn!(credential = %id, cause = fault.cause, "a stored value cannot be decrypted");
    let (means, allowed, marked) = (app.means.clone(), allowed.clone(), id.clone());
    app.db.write(move |tx| credential_change::unreadable(tx, &means, &allowed, &marked, &fault)).await?;
    Ok(Checked::Unreadable)
}
