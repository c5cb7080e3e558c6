//! Switching a credential off.

use super::one;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, SuspendCredential};
use crate::model::status::Status;
use crate::model::{Means, audit, count};
use diesel::prelude::*;

/// Switches a credential off; its values stay, and checks no longer move its status.
pub fn suspend(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<SuspendCredential>,
    id: &Id<Credential>,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if before.status == Status::Suspended {
        return Ok(());
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::status.eq(Status::Suspended),
            credentials::suspended_at.eq(Some(now)),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), Some(Status::Suspended))?;
    let entry = audit::Entry::allow("credential.suspended", audit::Target::credential(id.as_str()))
        .detail("from", before.status.as_str());
    audit::record_allowed(tx, means, allowed, entry)
}
