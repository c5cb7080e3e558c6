//! The OAuth client of a workspace at a service: typed once by an admin, used by every consent of its methods.

use super::permission::{Allowed, ManageApps};
use super::sealed::Opening;
use super::sealing::{self, Unreadable};
use super::workspace::Workspace;
use super::{Means, audit, oauth_grant};
use crate::catalog::form::{Stored, Values};
use crate::clock::At;
use crate::crypto::context::Context;
use crate::crypto::hex;
use crate::crypto::mac::AuditKey;
use crate::db::schema::oauth_apps as apps;
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// A client as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = apps, check_for_backend(crate::db::MultiBackend))]
pub struct OAuthApp {
    /// The workspace it is of.
    pub workspace_id: Id<Workspace>,
    /// The service.
    pub integration: String,
    /// The methods that it is for, by the name that the catalogue gives their client.
    pub client: String,
    /// Counts changes; part of the seal.
    pub revision: i64,
    /// Values that may be shown.
    pub config: Json<BTreeMap<String, String>>,
    /// The names of the sealed values.
    pub secret_names: Json<Vec<String>>,
    /// The sealed values.
    pub(super) sealed: Vec<u8>,
    /// The workspace key that seals them.
    pub key_version: i32,
    /// When it was last changed.
    pub updated_at: At,
    /// By whom.
    pub updated_by: String,
}

impl OAuthApp {
    /// The client of a workspace at a service, where one was entered.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, integration: &str, client: &str) -> Result<Option<Self>> {
        Ok(apps::table
            .filter(apps::workspace_id.eq(workspace))
            .filter(apps::integration.eq(integration).and(apps::client.eq(client)))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// What a form may know of it.
    pub fn stored(&self) -> Stored {
        Stored { plain: self.config.0.clone(), secrets: self.secret_names.0.iter().cloned().collect() }
    }

    /// The code of what lies in clear, as the audit line tells it.
    pub(super) fn plain_code(&self, key: &AuditKey) -> Result<String> {
        let Self { integration, client, config, secret_names, .. } = self;
        Plain { integration, client, config: &config.0, names: &secret_names.0 }.code(key)
    }

    /// All its values, the secrets opened with the keys of the workspace.
    pub fn open(&self, keys: &Opening, means: &Means) -> Result<Values, Unreadable> {
        let context = context(means, &self.workspace_id, &self.integration, &self.client, self.revision);
        let plain = sealing::open(keys, means, context, &self.sealed, self.key_version)?;
        let secret =
            sealing::secrets(&plain).ok_or_else(|| Unreadable::new(means, self.key_version, "not what was sealed"))?;
        Ok(Values { plain: self.config.0.clone(), secret })
    }
}

/// What of a client lies in clear.
#[derive(Serialize)]
struct Plain<'a> {
    integration: &'a str,
    client: &'a str,
    config: &'a BTreeMap<String, String>,
    names: &'a [String],
}

impl Plain<'_> {
    fn code(&self, key: &AuditKey) -> Result<String> {
        Ok(hex(&key.code("cc/app-plain/v1", self)?))
    }
}

/// A client to be stored.
#[derive(Debug)]
pub struct NewApp {
    /// The service.
    pub integration: String,
    /// The name of the client there.
    pub client: String,
    /// The revision that was seen; none where there was no client.
    pub revision: Option<i64>,
    /// Its values.
    pub values: Values,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
}

/// Stores a client in place of the one of that revision; `false` when somebody else was first. What waited for
/// a right client is tried again.
pub fn save(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageApps>, new: &NewApp) -> Result<bool> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = OAuthApp::find(tx.conn(), workspace, &new.integration, &new.client)?;
    if before.as_ref().map(|app| app.revision) != new.revision {
        return Ok(false);
    }
    let revision = new.revision.unwrap_or_default() + 1;
    let context = context(means, workspace, &new.integration, &new.client, revision)?;
    let secrets = sealing::json(&sealing::texts(&new.values.secret))?;
    let sealed = sealing::seal(tx, means, workspace, &context, &secrets)?;
    let blob = sealed.digest();
    let names: Vec<String> = new.values.secret.keys().cloned().collect();
    let plain = Plain { integration: &new.integration, client: &new.client, config: &new.values.plain, names: &names };
    let plain = plain.code(means.keyring.audit())?;
    diesel::delete(one(workspace, &new.integration, &new.client)).execute(tx.conn())?;
    diesel::insert_into(apps::table)
        .values((
            apps::workspace_id.eq(workspace),
            apps::integration.eq(&new.integration),
            apps::client.eq(&new.client),
            apps::revision.eq(revision),
            apps::config.eq(Json(new.values.plain.clone())),
            apps::secret_names.eq(Json(names)),
            apps::sealed.eq(sealed.blob),
            apps::key_version.eq(sealed.key_version),
            apps::updated_at.eq(now),
            apps::updated_by.eq(&allowed.actor().id),
        ))
        .execute(tx.conn())?;
    oauth_grant::try_again(tx, workspace, &new.integration, now)?;
    let entry = audit::Entry::allow("app.saved", audit::Target::app(&new.integration, &new.client))
        .detail("fields", new.changed.clone())
        .detail("revision", revision)
        .detail("app", blob)
        .detail("plain", plain);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(true)
}

/// Forgets a client; `false` when there is none of that revision. Consents that it made cannot be renewed any more.
pub fn remove(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageApps>,
    integration: &str,
    client: &str,
    revision: i64,
) -> Result<bool> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let gone =
        diesel::delete(one(workspace, integration, client).filter(apps::revision.eq(revision))).execute(tx.conn())?;
    if gone == 0 {
        return Ok(false);
    }
    let entry = audit::Entry::allow("app.removed", audit::Target::app(integration, client));
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(true)
}

type Key<'a> = diesel::dsl::And<
    diesel::dsl::And<
        diesel::dsl::Eq<apps::workspace_id, &'a Id<Workspace>>,
        diesel::dsl::Eq<apps::integration, &'a str>,
    >,
    diesel::dsl::Eq<apps::client, &'a str>,
>;

fn one<'a>(
    workspace: &'a Id<Workspace>,
    integration: &'a str,
    client: &'a str,
) -> diesel::dsl::Filter<apps::table, Key<'a>> {
    apps::table
        .filter(apps::workspace_id.eq(workspace).and(apps::integration.eq(integration)).and(apps::client.eq(client)))
}

pub(super) fn context(
    means: &Means,
    workspace: &Id<Workspace>,
    integration: &str,
    client: &str,
    revision: i64,
) -> Result<Context> {
    let revision = u64::try_from(revision).map_err(Error::internal)?;
    Ok(Context::app(means.keyring.instance(), workspace.as_str(), integration, client, revision))
}
