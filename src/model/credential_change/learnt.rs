//! What a bot's call taught of a credential.

use super::checked::Checked;
use super::one;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::model::check_record::{self, Cause};
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, UseCredential};
use crate::model::status::Status;
use crate::model::{Means, audit, count};
use crate::report::{Outcome, Report};
use diesel::prelude::*;

/// Stores what a call taught, if it changes the status. Nothing for a credential that was changed, switched off or
/// deleted while the call was made, and nothing that is known already.
pub fn learnt(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<UseCredential>,
    id: &Id<Credential>,
    version: i64,
    service: &str,
    report: &Report,
) -> Result<()> {
    let now = means.now();
    audit::lock(tx, allowed.workspace().as_str())?;
    let workspace = allowed.workspace();
    let Some(before) = Credential::find(tx.conn(), workspace, id)? else { return Ok(()) };
    let is_good = report.outcome == Outcome::Ok;
    let known = match before.status {
        Status::Suspended | Status::Unreadable => true,
        Status::Broken => !is_good,
        Status::Working | Status::Expiring => is_good,
        Status::Unverified => false,
    };
    if known || before.live_version != version {
        return Ok(());
    }
    let state = Checked::again(&before, report, now)?;
    diesel::update(one(workspace, id)).set(state.columns()).execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Use, report, now)?;
    let entry = audit::Entry::allow("credential.checked", audit::Target::credential(id.as_str()))
        .code(&state.outcome)
        .detail("by", Cause::Use.as_str())
        .detail("service", service)
        .detail("from", before.status.as_str())
        .detail("to", state.status.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}
