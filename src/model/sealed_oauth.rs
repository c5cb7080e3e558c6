//! What consents leave sealed: clients of workspaces, consents on their way, tokens.

use super::audit::{Entry, Target};
use super::credential::Credential;
use super::oauth_flow::Flow;
use super::permission::{Allowed, ManageKeys};
use super::sealed::{Kind, Sealed};
use super::sealing::{digest, secrets};
use super::version::Place;
use super::workspace::Workspace;
use super::{Means, audit, audit_verify, oauth_app, oauth_flow, oauth_grant};
use crate::db::schema::{
    credential_versions as versions, credentials, oauth_apps as apps, oauth_flows as flows, oauth_grants as grants,
};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;

/// What is said of a value that opens and is something else.
const STRANGE: &str = "it opens, and is not what was sealed";

/// The clients of workspaces. Their place is the service and the name of the client there, with a `/` between.
pub struct SealedApps;

impl Kind for SealedApps {
    fn column(&self) -> &'static str {
        "oauth_apps.sealed"
    }

    fn name(&self, place: &(String, i64)) -> String {
        format!("OAuth client {}", place.0)
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
        let (integration, client) = app_of(&after.0);
        let behind =
            apps::integration.gt(integration).or(apps::integration.eq(integration).and(apps::client.gt(client)));
        let rows: Vec<(String, String, i64, Vec<u8>)> = apps::table
            .filter(apps::workspace_id.eq(workspace).and(apps::key_version.eq(key)))
            .filter(behind)
            .order((apps::integration, apps::client))
            .limit(limit)
            .select((apps::integration, apps::client, apps::revision, apps::sealed))
            .load(conn)?;
        rows.into_iter()
            .map(|(integration, client, revision, blob)| {
                let context = oauth_app::context(means, workspace, &integration, &client, revision)?;
                Ok(Sealed { place: (format!("{integration}/{client}"), revision), context, blob })
            })
            .collect()
    }

    fn count(&self, conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64> {
        let of = apps::workspace_id.eq(workspace).and(apps::key_version.eq(key));
        Ok(apps::table.filter(of).count().get_result(conn)?)
    }

    fn keys(&self, conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, i32)>> {
        let ids: Vec<&str> = workspaces.iter().map(Id::as_str).collect();
        let all = apps::table.filter(apps::workspace_id.eq_any(ids));
        Ok(all.select((apps::workspace_id, apps::key_version)).distinct().load(conn)?)
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
        let (integration, client) = app_of(&old.place.0);
        let hash = digest(&blob);
        let same = apps::table
            .filter(apps::workspace_id.eq(allowed.workspace()).and(apps::integration.eq(integration)))
            .filter(apps::client.eq(client).and(apps::sealed.eq(&old.blob)));
        let affected =
            diesel::update(same).set((apps::sealed.eq(blob), apps::key_version.eq(key))).execute(tx.conn())?;
        let entry = Entry::allow(audit_verify::RESEALS_APP, Target::app(integration, client));
        told(tx, means, allowed, affected, entry.detail("key", key).detail("app", hash))
    }

    fn fault(&self, _row: &Sealed, plain: &[u8]) -> Option<&'static str> {
        secrets(plain).is_none().then_some(STRANGE)
    }
}

fn app_of(place: &str) -> (&str, &str) {
    place.split_once('/').unwrap_or((place, ""))
}

/// The tokens of credentials. Their place is the credential and the serial number of the tokens.
pub struct SealedGrants;

/// What of tokens and their credential the seal is bound to, and the seal.
type GrantRow = (Id<Credential>, i64, String, String, String, Vec<u8>);

impl Kind for SealedGrants {
    fn column(&self) -> &'static str {
        "oauth_grants.sealed"
    }

    fn name(&self, place: &(String, i64)) -> String {
        format!("tokens {} of credential {}", place.1, place.0)
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
        let rows: Vec<GrantRow> =
            grants::table
                .inner_join(credentials::table.on(
                    credentials::workspace_id.eq(grants::workspace_id).and(credentials::id.eq(grants::credential_id)),
                ))
                .inner_join(
                    versions::table.on(versions::workspace_id
                        .eq(grants::workspace_id)
                        .and(versions::credential_id.eq(grants::credential_id))
                        .and(versions::version.eq(credentials::live_version))),
                )
                .filter(grants::workspace_id.eq(workspace).and(grants::key_version.eq(key)))
                .filter(grants::credential_id.gt(&after.0))
                .order(grants::credential_id)
                .limit(limit)
                .select((
                    grants::credential_id,
                    grants::serial,
                    credentials::integration,
                    credentials::method,
                    versions::destination,
                    grants::sealed,
                ))
                .load(conn)?;
        rows.into_iter()
            .map(|(credential, serial, integration, method, destination, blob)| {
                let place = Place { workspace, credential: &credential, integration: &integration, method: &method };
                let context = place.grant_context(means, serial, &destination)?;
                Ok(Sealed { place: (credential.to_string(), serial), context, blob })
            })
            .collect()
    }

    fn count(&self, conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64> {
        let of = grants::workspace_id.eq(workspace).and(grants::key_version.eq(key));
        Ok(grants::table.filter(of).count().get_result(conn)?)
    }

    fn keys(&self, conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, i32)>> {
        let ids: Vec<&str> = workspaces.iter().map(Id::as_str).collect();
        let all = grants::table.filter(grants::workspace_id.eq_any(ids));
        Ok(all.select((grants::workspace_id, grants::key_version)).distinct().load(conn)?)
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
        let (credential, serial) = (old.place.0.as_str(), old.place.1);
        let hash = digest(&blob);
        let same = grants::table
            .filter(grants::workspace_id.eq(allowed.workspace()).and(grants::credential_id.eq(credential)))
            .filter(grants::serial.eq(serial).and(grants::sealed.eq(&old.blob)));
        let affected =
            diesel::update(same).set((grants::sealed.eq(blob), grants::key_version.eq(key))).execute(tx.conn())?;
        let entry = Entry::allow(audit_verify::RESEALS_GRANT, Target::credential(credential)).detail("serial", serial);
        told(tx, means, allowed, affected, entry.detail("key", key).detail("grant", hash))
    }

    fn fault(&self, _row: &Sealed, plain: &[u8]) -> Option<&'static str> {
        oauth_grant::Tokens::read(plain).is_none().then_some(STRANGE)
    }
}

/// Consents on their way, with what was chosen. Their place is the consent and how often it was sealed.
pub struct SealedFlows;

impl Kind for SealedFlows {
    fn column(&self) -> &'static str {
        "oauth_flows.sealed"
    }

    fn name(&self, place: &(String, i64)) -> String {
        format!("consent {}, round {}", place.0, place.1)
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
        let rows: Vec<(Id<Flow>, i64, Option<Vec<u8>>)> = flows::table
            .filter(flows::workspace_id.eq(workspace).and(flows::key_version.eq(key)))
            .filter(flows::sealed.is_not_null().and(flows::id.gt(&after.0)))
            .order(flows::id)
            .limit(limit)
            .select((flows::id, flows::round, flows::sealed))
            .load(conn)?;
        rows.into_iter()
            .map(|(id, round, blob)| {
                let context = oauth_flow::context(means, workspace, &id, round)?;
                Ok(Sealed { place: (id.to_string(), round), context, blob: blob.unwrap_or_default() })
            })
            .collect()
    }

    fn count(&self, conn: &mut Conn, workspace: &Id<Workspace>, key: i32) -> Result<i64> {
        let of = flows::workspace_id.eq(workspace).and(flows::key_version.eq(key));
        Ok(flows::table.filter(of.and(flows::sealed.is_not_null())).count().get_result(conn)?)
    }

    fn keys(&self, conn: &mut Conn, workspaces: &[Id<Workspace>]) -> Result<Vec<(Id<Workspace>, i32)>> {
        let ids: Vec<&str> = workspaces.iter().map(Id::as_str).collect();
        let all = flows::table.filter(flows::workspace_id.eq_any(ids).and(flows::sealed.is_not_null()));
        Ok(all.select((flows::workspace_id, flows::key_version)).distinct().load(conn)?)
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
        let (id, round) = (old.place.0.as_str(), old.place.1);
        let same = flows::table
            .filter(flows::workspace_id.eq(allowed.workspace()).and(flows::id.eq(id)))
            .filter(flows::round.eq(round).and(flows::sealed.eq(&old.blob)));
        let affected =
            diesel::update(same).set((flows::sealed.eq(Some(blob)), flows::key_version.eq(key))).execute(tx.conn())?;
        let entry = Entry::allow("consent.resealed", Target::workspace(allowed.workspace()));
        told(tx, means, allowed, affected, entry.detail("flow", id).detail("key", key))
    }

    fn fault(&self, _row: &Sealed, plain: &[u8]) -> Option<&'static str> {
        oauth_flow::Chosen::read(plain).is_none().then_some(STRANGE)
    }
}

/// Writes the line of a row that was swapped; `false` if somebody else was first.
fn told(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageKeys>, affected: usize, entry: Entry) -> Result<bool> {
    if affected > 0 {
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(affected > 0)
}
