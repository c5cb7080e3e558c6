//! A new secret for the same thing, and how values are replaced.

use super::checked::Checked;
use super::{Content, Saved, index, one};
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use crate::model::check_record::{self, Cause};
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, Permission, RotateCredential};
use crate::model::version::Written;
use crate::model::{Means, audit, count, fingerprint, version};
use crate::report::Report;
use diesel::prelude::*;

/// A new secret for the same thing.
#[derive(Debug)]
pub struct Rotated {
    /// The revision that the person saw, where it was sent.
    pub revision: Option<i64>,
    /// The version whose values were kept.
    pub live_version: i64,
    /// The service's name, for search.
    pub service: String,
    /// The values, the new secret among them.
    pub content: Content,
    /// What their check came to.
    pub report: Report,
}

/// Replaces the secret at once; everything else stays.
pub fn rotate(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    id: &Id<Credential>,
    rotated: &Rotated,
) -> Result<Saved> {
    let Rotated { revision, live_version, service, content, report } = rotated;
    let (revision, live_version) = (*revision, *live_version);
    allowed.begin(tx, means.now())?;
    let before = Credential::get(tx.conn(), allowed.workspace(), id)?;
    if before.live_version != live_version || revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    diesel::update(one(allowed.workspace(), id))
        .set(credentials::revision.eq(credentials::revision + 1))
        .execute(tx.conn())?;
    let written = replace_content(tx, means, allowed, &before, content, report)?;
    index(tx, allowed.workspace(), id, service)?;
    let entry = audit::Entry::allow("credential.rotated", audit::Target::credential(id.as_str()))
        .code(&check_record::outcome_text(report.outcome)?)
        .detail("fields", content.changed.clone());
    audit::record_allowed(tx, means, allowed, written.noted(entry))?;
    Ok(Saved::Done)
}

pub(super) fn replace_content<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    before: &Credential,
    content: &Content,
    report: &Report,
) -> Result<Written> {
    let now = means.now();
    let (workspace, id) = (&before.workspace_id, &before.id);
    let version = before.live_version + 1;
    let written = version::put_live(
        tx,
        means,
        before.seal_place(),
        version,
        &content.values,
        &content.destination,
        &allowed.actor().id,
    )?;
    let state = Checked::saved(report, now)?;
    diesel::update(one(workspace, id))
        .set((
            state.columns(),
            credentials::live_version.eq(version),
            credentials::place.eq(&content.place),
            credentials::badge.eq(content.badge),
        ))
        .execute(tx.conn())?;
    fingerprint::replace(tx, workspace, id, &fingerprint::of(means, workspace, &content.values.secret)?)?;
    count::shift(tx, workspace, Some(before.status), Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
    Ok(written)
}
