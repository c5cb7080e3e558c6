//! What becomes of versions beside the one in use: a staged one is promoted or given up, the one before it comes
//! back or is erased when its overlap ends.

use super::rotation::give_up_staged;
use super::{index, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, KeepHouse, Permission, RotateCredential};
use crate::model::sealed::Opening;
use crate::model::standing::Standing;
use crate::model::version::{self, Old, Version, VersionState};
use crate::model::{Means, audit, fingerprint};
use chrono::TimeDelta;
use diesel::prelude::*;

/// What became of a step.
#[derive(Debug)]
pub enum Staged {
    /// The version with this number is in use now, or is still.
    Serves(i64),
    /// Somebody else was first: the row as it is now.
    Stale(Box<Credential>),
    /// There is nothing to promote, or nothing to go back to.
    Nothing,
    /// The version cannot be decrypted; the one in use stays.
    Unreadable,
}

/// Serves the staged version from now on, because a person says so.
pub fn promote(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    service: &str,
) -> Result<Staged> {
    allowed.begin(tx, means.now())?;
    let before = Credential::get(tx.conn(), allowed.workspace(), id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Staged::Stale(Box::new(before)));
    }
    promote_staged(tx, means, allowed, &before, service, |_| true)
}

/// Serves a staged version whose moment has come. One that cannot be decrypted waits for a person instead.
pub fn promote_due(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<KeepHouse>,
    id: &Id<Credential>,
    service: &str,
) -> Result<Staged> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let Some(before) = Credential::find(tx.conn(), allowed.workspace(), id)? else { return Ok(Staged::Nothing) };
    let is_due = |staged: &Version| staged.promote_at.is_some_and(|at| at <= now);
    let done = promote_staged(tx, means, allowed, &before, service, is_due)?;
    if matches!(done, Staged::Unreadable) {
        version::wait_for_a_person(tx, before.seal_place())?;
        let entry = audit::Entry::deny("credential.promoted", audit::Target::credential(id.as_str()), "unreadable");
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(done)
}

fn promote_staged<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    before: &Credential,
    service: &str,
    is_due: impl Fn(&Version) -> bool,
) -> Result<Staged> {
    let (workspace, id, place) = (&before.workspace_id, &before.id, before.seal_place());
    let kept = Version::kept(tx.conn(), workspace, id)?;
    let staged = kept.into_iter().find(|version| version.state == VersionState::Staged && is_due(version));
    let Some(staged) = staged else { return Ok(Staged::Nothing) };
    let keys = Opening::of(tx.conn(), means, workspace)?;
    if staged.open_with(&keys, means, place).is_err() {
        return Ok(Staged::Unreadable);
    }
    let standing = staged.standing.ok_or_else(|| Error::internal("a staged version has a standing"))?.0;
    let keep = TimeDelta::try_seconds(standing.keep_s).unwrap_or_default();
    let old = match keep {
        keep if keep > TimeDelta::zero() => Old::Kept(means.now().plus(keep), Standing::of(before)),
        _ => Old::Erased,
    };
    version::step_down(tx, place, old)?;
    version::step_up(tx, place, staged.version)?;
    standing.apply(tx, means, before, staged.version)?;
    index(tx, workspace, id, service)?;
    let entry =
        swapped("credential.promoted", id, staged.version, before.live_version).detail("kept_s", keep.num_seconds());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Staged::Serves(staged.version))
}

/// Takes the last step of a rotation back: a staged version is given up; else the version before, while it is kept,
/// is in use again, and the one that it replaces is kept as long.
pub fn roll_back(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    service: &str,
) -> Result<Staged> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Staged::Stale(Box::new(before)));
    }
    if let Some(given_up) = give_up_staged(tx, &before)? {
        diesel::update(one(workspace, id))
            .set(credentials::revision.eq(credentials::revision + 1))
            .execute(tx.conn())?;
        fingerprint::renew(tx, means, before.seal_place())?;
        let entry = audit::Entry::allow("credential.given_up", audit::Target::credential(id.as_str()))
            .detail("version", given_up);
        audit::record_allowed(tx, means, allowed, entry)?;
        return Ok(Staged::Serves(before.live_version));
    }
    let kept = Version::kept(tx.conn(), workspace, id)?;
    let Some((back, until)) = kept.into_iter().find_map(|version| Some((version.clone(), version.goes_back(now)?)))
    else {
        return Ok(Staged::Nothing);
    };
    let keys = Opening::of(tx.conn(), means, workspace)?;
    if back.open_with(&keys, means, before.seal_place()).is_err() {
        return Ok(Staged::Unreadable);
    }
    let standing = back.standing.ok_or_else(|| Error::internal("a kept version has a standing"))?.0;
    version::step_down(tx, before.seal_place(), Old::Kept(until, Standing::of(&before)))?;
    version::step_up(tx, before.seal_place(), back.version)?;
    standing.apply(tx, means, &before, back.version)?;
    index(tx, workspace, id, service)?;
    let entry = swapped("credential.rolled_back", id, back.version, before.live_version);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Staged::Serves(back.version))
}

fn swapped(action: &'static str, id: &Id<Credential>, version: i64, from: i64) -> audit::Entry {
    audit::Entry::allow(action, audit::Target::credential(id.as_str())).detail("version", version).detail("from", from)
}

impl Version {
    /// Until when this version can be gone back to; `None` if it cannot.
    pub fn goes_back(&self, now: At) -> Option<At> {
        self.retire_at.filter(|end| *end > now && self.state == VersionState::Previous && self.sealed.is_some())
    }
}

/// Erases the secrets of a credential whose overlap has ended, also of a deleted one. Returns how many.
pub fn erase_ended(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<KeepHouse>, id: &Id<Credential>) -> Result<usize> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let row = match Credential::find_any(tx.conn(), allowed.workspace(), id) {
        Err(Error::NotFound) => return Ok(0),
        found => found?,
    };
    let kept = Version::kept(tx.conn(), &row.workspace_id, id)?;
    let ended =
        |version: &&Version| version.state == VersionState::Previous && version.retire_at.is_some_and(|end| end <= now);
    let ended: Vec<i64> = kept.iter().filter(ended).map(|version| version.version).collect();
    for number in &ended {
        version::erase(tx, row.seal_place(), *number)?;
    }
    if !ended.is_empty() {
        fingerprint::renew(tx, means, row.seal_place())?;
        let entry = audit::Entry::allow("credential.version_erased", audit::Target::credential(id.as_str()))
            .detail("versions", ended.clone());
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(ended.len())
}
