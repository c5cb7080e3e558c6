//! What a check came to: of stored values, of a change that it kept from being stored, or that there was
//! nothing to check.

use super::{Kind, index, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use crate::model::check_record::{self, Cause};
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, Permission};
use crate::model::status::{self, Status};
use crate::model::version::Unreadable;
use crate::model::{Means, audit, count, lost_key};
use crate::report::{Outcome, Report};
use diesel::prelude::*;

/// Stores what a check of the stored values came to. `None`: the credential was changed or deleted
/// while the check ran, so that its result says nothing any more.
pub fn checked<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    live_version: i64,
    service: &str,
    (cause, report): (Cause, &Report),
) -> Result<Option<Credential>> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let Some(before) = Credential::find(tx.conn(), workspace, id)? else { return Ok(None) };
    if before.live_version != live_version {
        return Ok(None);
    }
    let state = Checked::again(&before, report, now)?;
    diesel::update(one(workspace, id)).set(state.columns()).execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), Some(state.status))?;
    check_record::insert(tx, workspace, id, cause, report, now)?;
    let after = Credential::get(tx.conn(), workspace, id)?;
    if before.identity != after.identity {
        index(tx, workspace, id, service)?;
    }
    let entry = audit::Entry::allow("credential.checked", audit::Target::credential(id.as_str()))
        .code(&state.outcome)
        .detail("from", before.status.as_str())
        .detail("to", state.status.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Some(after))
}

/// Writes down a change that its check kept from being stored: secrets were used, so there is a line.
pub fn refused<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    kind: &Kind,
    report: &Report,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let outcome = check_record::outcome_text(report.outcome)?;
    let entry = audit::Entry::deny(P::NAME, audit::Target::credential(id.as_str()), &outcome)
        .detail("integration", kind.integration.as_str())
        .detail("method", kind.method.as_str())
        .detail("hint", report.code.as_str())
        .detail("connected", report.connected);
    audit::record_allowed(tx, means, allowed, entry)
}

/// Notes that the stored value cannot be decrypted, and which key it needs.
pub fn unreadable<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    fault: &Unreadable,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let Some(before) = Credential::find(tx.conn(), allowed.workspace(), id)? else { return Ok(()) };
    let code = if fault.key_lost { lost_key::CODE } else { "unreadable" };
    let label = &fault.label;
    let hint = match fault.key_lost {
        true => format!(
            "The stored value needs {label}, which is missing or damaged. Enter the values again, or have the operator put that key back."
        ),
        false => format!(
            "The stored value was changed in the database or belongs somewhere else, so that {label} does not open it. Enter the values again."
        ),
    };
    diesel::update(one(allowed.workspace(), id))
        .set((
            credentials::status.eq(Status::Unreadable),
            credentials::outcome.eq(label),
            credentials::code.eq(code),
            credentials::hint.eq(hint),
            credentials::checked_at.eq(Some(now)),
        ))
        .execute(tx.conn())?;
    count::shift(tx, allowed.workspace(), Some(before.status), Some(Status::Unreadable))?;
    let entry = audit::Entry::allow("credential.unreadable", audit::Target::credential(id.as_str()))
        .code(code)
        .detail("key", label.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}

/// The columns that a check sets.
pub(super) struct Checked {
    pub(super) status: Status,
    pub(super) outcome: String,
    pub(super) code: String,
    pub(super) hint: String,
    pub(super) identity: Option<String>,
    checked_at: At,
    pub(super) good_at: Option<At>,
}

#[derive(AsChangeset)]
#[diesel(table_name = credentials)]
pub(super) struct CheckedColumns {
    status: Status,
    outcome: String,
    code: String,
    hint: String,
    identity: Option<String>,
    checked_at: Option<At>,
    good_at: Option<At>,
}

impl Checked {
    pub(super) fn saved(report: &Report, now: At, expires_at: Option<At>) -> Result<Self> {
        Self::of(report, status::when_saved(report.outcome, now, expires_at), now)
    }

    pub(super) fn again(before: &Credential, report: &Report, now: At) -> Result<Self> {
        let status = status::after_check(before.status, report.outcome, before.good_at, now, before.expires_at);
        Self::of(report, status, now)
    }

    fn of(report: &Report, status: Status, now: At) -> Result<Self> {
        let good = matches!(report.outcome, Outcome::Ok | Outcome::Limited);
        Ok(Self {
            status,
            outcome: check_record::outcome_text(report.outcome)?,
            code: report.code.clone(),
            hint: report.hint.clone(),
            identity: report.identity.clone(),
            checked_at: now,
            good_at: good.then_some(now),
        })
    }

    /// The account and the last good time of another secret, or of one that is sent elsewhere: what was known before
    /// says nothing of it.
    pub(super) fn of_another(&self) -> (String, Option<At>) {
        (self.identity.clone().unwrap_or_default(), self.good_at)
    }

    /// The same of what serves already: a failed check keeps both.
    pub(super) fn of_the_same(&self, before: &Credential) -> (String, Option<At>) {
        (self.identity.clone().unwrap_or_else(|| before.identity.clone()), self.good_at.or(before.good_at))
    }

    /// `None` leaves a column as it is: a failed check keeps the account and the last good time.
    pub(super) fn columns(&self) -> CheckedColumns {
        CheckedColumns {
            status: self.status,
            outcome: self.outcome.clone(),
            code: self.code.clone(),
            hint: self.hint.clone(),
            identity: self.identity.clone(),
            checked_at: Some(self.checked_at),
            good_at: self.good_at,
        }
    }
}
