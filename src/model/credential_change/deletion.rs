//! Deleting for a while, bringing back, removing for good.

use super::{Saved, beneath, index, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::fold;
use crate::id::Id;
use crate::model::credential::{Credential, name_holder};
use crate::model::permission::{Allowed, DeleteCredential, RestoreCredential};
use crate::model::status::Status;
use crate::model::usage::Usage;
use crate::model::{Means, audit, block, check_record, count, oauth_grant};
use crate::report::Outcome;
use diesel::prelude::*;

/// What became of a deletion.
#[derive(Debug)]
pub enum Deleting {
    /// It lies among the deleted ones.
    Done,
    /// Somebody else was first: the row as it is now.
    Stale(Box<Credential>),
    /// Bots would notice, by these names, and its name was not typed.
    Unconfirmed(Vec<String>),
}

/// Moves a credential to “Recently deleted”; the blocks that chose it keep it, for the case that it is restored.
/// One that a published bot uses, or that was used in the last thirty days, goes only if `confirmed` is its name.
pub fn delete(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<DeleteCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    confirmed: &str,
) -> Result<Deleting> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Deleting::Stale(Box::new(before)));
    }
    let usage = Usage::of(tx.conn(), workspace, id)?;
    if usage.asks_name(&before, now) && confirmed.trim() != before.name {
        return Ok(Deleting::Unconfirmed(usage.dependants(now).into_iter().map(str::to_owned).collect()));
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::deleted_at.eq(Some(now)),
            credentials::deleted_by.eq(&allowed.actor().id),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), None)?;
    if oauth_grant::forget(tx, workspace, id)? {
        disconnect(tx, &before)?;
    }
    let entry = audit::Entry::allow("credential.deleted", audit::Target::credential(id.as_str()))
        .detail("name", before.name)
        .detail("blocks", usage.blocks.len());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Deleting::Done)
}

/// A sign-in ends with the deletion: what is restored must be connected again, and says so.
fn disconnect(tx: &mut Tx<'_>, before: &Credential) -> Result<()> {
    let (status, from) = beneath(before, Status::Broken);
    diesel::update(one(&before.workspace_id, &before.id))
        .set((
            credentials::status.eq(status),
            credentials::suspended_from.eq(from),
            credentials::outcome.eq(check_record::outcome_text(Outcome::Reauthorize)?),
            credentials::code.eq("not_connected"),
            credentials::hint.eq("The sign-in ended when this was deleted. Connect again to use it."),
            credentials::expires_at.eq(None::<At>),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Notes whether the service ended the sign-in of a credential that was deleted.
pub fn revoked(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<DeleteCredential>,
    id: &Id<Credential>,
    ended: bool,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let target = audit::Target::credential(id.as_str());
    let entry = match ended {
        true => audit::Entry::allow("credential.revoked", target),
        false => audit::Entry::deny("credential.revoked", target, "not_revoked"),
    };
    audit::record_allowed(tx, means, allowed, entry)
}

/// Brings a deleted credential back, under another name if one is given. A `revision` is judged if it is given.
pub fn restore(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RestoreCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    service: &str,
    name: Option<&str>,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let before = Credential::get_deleted(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    let name = name.unwrap_or(&before.name);
    if let Some(holder) = name_holder(tx.conn(), workspace, name, Some(id))? {
        return Ok(Saved::NameTaken(holder));
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::deleted_at.eq(None::<At>),
            credentials::deleted_by.eq(""),
            credentials::name.eq(name),
            credentials::name_key.eq(fold::fold(name)),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    index(tx, workspace, id, service)?;
    count::shift(tx, workspace, None, Some(before.status))?;
    let entry = audit::Entry::allow("credential.restored", audit::Target::credential(id.as_str())).detail("name", name);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

/// Removes a deleted credential for good, its versions and checks with it. A `revision` is judged if it is given.
pub fn purge(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<DeleteCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let before = Credential::get_deleted(tx.conn(), allowed.workspace(), id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    block::empty(tx, allowed.workspace(), id)?;
    diesel::delete(one(allowed.workspace(), id)).execute(tx.conn())?;
    let entry =
        audit::Entry::allow("credential.purged", audit::Target::credential(id.as_str())).detail("name", before.name);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}
