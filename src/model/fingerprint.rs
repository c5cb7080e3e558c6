//! Keyed fingerprints of stored secrets, so that a key that is stored twice is noticed.

use super::Means;
use super::credential::Credential;
use super::sealed::Opening;
use super::version::{Place, Version};
use super::workspace::Workspace;
use crate::db::schema::{credential_fingerprints as fingerprints, credentials};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::secret::Secret;
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Shorter secrets are not fingerprinted: they would be found by trying.
const SHORTEST: usize = 12;

/// The fingerprints of some secrets in one workspace.
pub fn of(means: &Means, workspace: &Id<Workspace>, secrets: &BTreeMap<String, Secret>) -> Result<BTreeSet<String>> {
    let key = means.keyring.fingerprints(workspace.as_str())?;
    secrets.values().filter(|secret| secret.expose().len() >= SHORTEST).map(|secret| key.of(secret)).collect()
}

/// The name of another live credential that holds a secret of this one.
pub fn twin(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<Option<String>> {
    let mine: Vec<String> = fingerprints::table
        .filter(fingerprints::workspace_id.eq(workspace).and(fingerprints::credential_id.eq(credential)))
        .select(fingerprints::fingerprint)
        .load(conn)?;
    Ok(fingerprints::table
        .inner_join(
            credentials::table.on(credentials::workspace_id
                .eq(fingerprints::workspace_id)
                .and(credentials::id.eq(fingerprints::credential_id))),
        )
        .filter(fingerprints::workspace_id.eq(workspace))
        .filter(fingerprints::fingerprint.eq_any(mine))
        .filter(fingerprints::credential_id.ne(credential))
        .filter(credentials::deleted_at.is_null())
        .select(credentials::name)
        .first(conn)
        .optional()?)
}

/// Makes the stored fingerprints of a credential those of every secret that is still stored for it; one that cannot
/// be opened has none.
pub(super) fn renew(tx: &mut Tx<'_>, means: &Means, place: Place<'_>) -> Result<()> {
    let keys = Opening::of(tx.conn(), means, place.workspace)?;
    let mut wanted = BTreeSet::new();
    for version in Version::kept(tx.conn(), place.workspace, place.credential)? {
        if let Ok(secrets) = version.open_with(&keys, means, place) {
            wanted.extend(of(means, place.workspace, &secrets)?);
        }
    }
    replace(tx, place.workspace, place.credential, &wanted)
}

/// Makes the stored fingerprints of a credential these.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    wanted: &BTreeSet<String>,
) -> Result<()> {
    diesel::delete(
        fingerprints::table
            .filter(fingerprints::workspace_id.eq(workspace).and(fingerprints::credential_id.eq(credential))),
    )
    .execute(tx.conn())?;
    for fingerprint in wanted {
        diesel::insert_into(fingerprints::table)
            .values((
                fingerprints::workspace_id.eq(workspace),
                fingerprints::credential_id.eq(credential),
                fingerprints::fingerprint.eq(fingerprint),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}
