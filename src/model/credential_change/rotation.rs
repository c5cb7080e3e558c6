//! A new secret for the same thing, and how values are replaced.

use super::checked::Checked;
use super::{Content, Saved, beneath, index, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::db::types::Json;
use crate::error::Result;
use crate::id::Id;
use crate::model::check_record::{self, Cause};
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, Permission, RotateCredential};
use crate::model::standing::Standing;
use crate::model::version::{New, Old, Version, VersionState, Written};
use crate::model::{Means, audit, count, fingerprint, version};
use crate::report::Report;
use chrono::TimeDelta;
use diesel::prelude::*;

/// When a new secret is to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serve {
    /// At once.
    #[default]
    Now,
    /// From this instant on.
    At(At),
    /// When a person says so.
    ByHand,
}

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
    /// When it serves.
    pub serve: Serve,
    /// For how long the one before it is kept from then on; zero erases it at once.
    pub keep: TimeDelta,
}

/// Enters a new secret; everything else stays. One that was staged before is given up.
pub fn rotate(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    id: &Id<Credential>,
    rotated: &Rotated,
) -> Result<Saved> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let before = Credential::get(tx.conn(), allowed.workspace(), id)?;
    let seen = rotated.revision.is_none_or(|revision| revision == before.revision);
    if before.live_version != rotated.live_version || !seen {
        return Ok(Saved::Stale(Box::new(before)));
    }
    diesel::update(one(allowed.workspace(), id))
        .set(credentials::revision.eq(credentials::revision + 1))
        .execute(tx.conn())?;
    let Rotated { content, report, keep, .. } = rotated;
    let (action, written) = match rotated.serve {
        Serve::Now => {
            let old = if keep.is_zero() { Old::Erased } else { Old::Kept(now.plus(*keep), Standing::of(&before)) };
            ("credential.rotated", replace_content(tx, means, allowed, &before, (content, report), old)?)
        }
        Serve::At(at) => ("credential.staged", stage(tx, means, allowed, &before, rotated, Some(at))?),
        Serve::ByHand => ("credential.staged", stage(tx, means, allowed, &before, rotated, None)?),
    };
    index(tx, allowed.workspace(), id, &rotated.service)?;
    let mut entry = audit::Entry::allow(action, audit::Target::credential(id.as_str()))
        .code(&check_record::outcome_text(report.outcome)?)
        .detail("fields", content.changed.clone())
        .detail("kept_s", keep.num_seconds());
    if let Serve::At(at) = rotated.serve {
        entry = entry.detail("serves_at", at.rfc3339());
    }
    audit::record_allowed(tx, means, allowed, written.noted(entry))?;
    Ok(Saved::Done)
}

/// Stores a new secret beside the one in use.
fn stage(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    before: &Credential,
    rotated: &Rotated,
    promote_at: Option<At>,
) -> Result<Written> {
    let Content { values, destination, place, badge, .. } = &rotated.content;
    let expires_at = values.ends_at();
    let state = Checked::saved(&rotated.report, means.now(), expires_at)?;
    let (identity, good_at) = state.of_another();
    let standing = Standing {
        place: place.clone(),
        badge: badge.as_str().to_owned(),
        status: state.status.as_str().to_owned(),
        outcome: state.outcome.clone(),
        code: state.code.clone(),
        hint: state.hint.clone(),
        identity: Some(identity),
        checked_at: Some(means.now().micros()),
        good_at: good_at.map(At::micros),
        expires_at: expires_at.map(At::micros),
        keep_s: rotated.keep.num_seconds(),
    };
    give_up_staged(tx, before)?;
    let number = version::next(tx.conn(), &before.workspace_id, &before.id)?;
    let (content, by) = ((values, destination.as_str()), &allowed.actor().id);
    let new = New::Staged(promote_at, Box::new(Json(standing)));
    let written = version::put(tx, means, before.seal_place(), number, content, by, new)?;
    fingerprint::renew(tx, means, before.seal_place())?;
    Ok(written)
}

/// Erases a staged version, if there is one; returns its number.
pub(super) fn give_up_staged(tx: &mut Tx<'_>, before: &Credential) -> Result<Option<i64>> {
    let kept = Version::kept(tx.conn(), &before.workspace_id, &before.id)?;
    let Some(staged) = kept.into_iter().find(|version| version.state == VersionState::Staged) else { return Ok(None) };
    version::erase(tx, before.seal_place(), staged.version)?;
    Ok(Some(staged.version))
}

/// Stores new values as the live ones. A staged version is given up: it was verified with the values before.
pub(super) fn replace_content<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    before: &Credential,
    (content, report): (&Content, &Report),
    old: Old,
) -> Result<Written> {
    let now = means.now();
    let (workspace, id) = (&before.workspace_id, &before.id);
    give_up_staged(tx, before)?;
    let version = version::next(tx.conn(), workspace, id)?;
    let (values, by) = ((&content.values, content.destination.as_str()), &allowed.actor().id);
    let written = version::put(tx, means, before.seal_place(), version, values, by, New::Live(old))?;
    // Another secret has another end; while the secrets stay, so does what is known of their end.
    let replaced = content.changed.iter().any(|name| !content.values.plain.contains_key(name));
    let expires_at = if replaced { content.values.ends_at() } else { before.expires_at };
    let state = Checked::saved(report, now, expires_at)?;
    let (status, from) = beneath(before, state.status);
    let is_another = replaced || before.place != content.place;
    let (identity, good_at) = if is_another { state.of_another() } else { state.of_the_same(before) };
    diesel::update(one(workspace, id))
        .set((
            state.columns(),
            credentials::live_version.eq(version),
            credentials::expires_at.eq(expires_at),
            credentials::place.eq(&content.place),
            credentials::badge.eq(content.badge),
        ))
        .execute(tx.conn())?;
    diesel::update(one(workspace, id))
        .set((
            credentials::status.eq(status),
            credentials::suspended_from.eq(from),
            credentials::identity.eq(identity),
            credentials::good_at.eq(good_at),
        ))
        .execute(tx.conn())?;
    fingerprint::renew(tx, means, before.seal_place())?;
    count::shift(tx, workspace, Some(before.status), Some(status))?;
    check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
    Ok(written)
}
