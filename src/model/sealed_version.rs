//! Versions of credentials as sealed rows.

use super::credential::Credential;
use super::permission::{Allowed, ManageKeys};
use super::sealed::{Kind, Sealed};
use super::sealing::{digest, secrets};
use super::version::Place;
use super::workspace::Workspace;
use super::{Means, audit, audit_verify};
use crate::db::schema::{credential_versions as versions, credentials};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// The secrets of credentials, of whatever state.
pub struct SealedVersions;

/// What of a version and its credential the seal is bound to, and the seal.
type Row = (Id<Credential>, i64, String, String, String, Option<Vec<u8>>);

impl Kind for SealedVersions {
    fn column(&self) -> &'static str {
        "credential_versions.sealed"
    }

    fn name(&self, place: &(String, i64)) -> String {
        format!("credential {}, version {}", place.0, place.1)
    }

    fn page(
        &self,
        conn: &mut Conn,
        means: &Means,
        workspace: &Id<Workspace>,
        key: i32,
        after: &(String, i64),
        limit: i64,
    ) -> Result<Vec<Sealed>> {
        let (credential, version) = (after.0.as_str(), after.1);
        let behind = versions::credential_id
            .gt(credential)
            .or(versions::credential_id.eq(credential).and(versions::version.gt(version)));
        let rows: Vec<Row> = versions::table
            .inner_join(credentials::table.on(
                credentials::workspace_id.eq(versions::workspace_id).and(credentials::id.eq(versions::credential_id)),
            ))
            .filter(versions::workspace_id.eq(workspace).and(versions::key_version.eq(key)))
            .filter(versions::sealed.is_not_null())
            // Said again for the index, which the alternative below hides.
            .filter(versions::credential_id.ge(credential))
            .filter(behind)
            .order((versions::credential_id, versions::version))
            .limit(limit)
            .select((
                versions::credential_id,
                versions::version,
                credentials::integration,
                credentials::method,
                versions::destination,
                versions::sealed,
            ))
            .load(conn)?;
        rows.into_iter().map(|row| sealed(means, workspace, row)).collect()
    }

    fn count(&self, conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64> {
        Ok(versions::table
            .filter(versions::workspace_id.eq(workspace).and(versions::key_version.eq(key)))
            .filter(versions::sealed.is_not_null())
            .count()
            .get_result(conn)?)
    }

    fn keys(&self, conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, i32)>> {
        let ids: Vec<&str> = workspaces.iter().map(Id::as_str).collect();
        Ok(versions::table
            .filter(versions::workspace_id.eq_any(ids).and(versions::sealed.is_not_null()))
            .select((versions::workspace_id, versions::key_version))
            .distinct()
            .load(conn)?)
    }

    fn swap(
        &self,
        tx: &mut Tx<'_>,
        means: &Means,
        allowed: &Allowed<ManageKeys>,
        old: &Sealed,
        blob: Vec<u8>,
        key: i32,
    ) -> Result<bool> {
        let (credential, version) = (old.place.0.as_str(), old.place.1);
        let hash = digest(&blob);
        let same = versions::table
            .filter(versions::workspace_id.eq(allowed.workspace()).and(versions::credential_id.eq(credential)))
            .filter(versions::version.eq(version).and(versions::sealed.eq(&old.blob)));
        let affected = diesel::update(same)
            .set((versions::sealed.eq(Some(blob)), versions::key_version.eq(key)))
            .execute(tx.conn())?;
        if affected == 0 {
            return Ok(false);
        }
        let entry = audit::Entry::allow(audit_verify::RESEALS, audit::Target::credential(credential))
            .detail("version", version)
            .detail("key", key)
            .detail("blob", hash);
        audit::record_allowed(tx, means, allowed, entry)?;
        Ok(true)
    }

    fn fault(&self, _row: &Sealed, plain: &[u8]) -> Option<&'static str> {
        secrets(plain).is_none().then_some("it opens, and is not what was sealed")
    }
}

fn sealed(means: &Means, workspace: &Id<Workspace>, row: Row) -> Result<Sealed> {
    let (credential, version, integration, method, destination, blob) = row;
    let place = Place { workspace, credential: &credential, integration: &integration, method: &method };
    let context = place.context(means, version, &destination)?;
    Ok(Sealed { place: (credential.to_string(), version), context, blob: blob.unwrap_or_default() })
}
