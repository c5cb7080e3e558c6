//! Versions of a credential's values: what may be shown in clear, the secrets sealed.

use super::audit::Entry;
use super::credential::Credential;
use super::sealed::Opening;
pub use super::sealing::Unreadable;
use super::standing::Standing;
use super::workspace::Workspace;
use super::{Means, sealing};
use crate::catalog::form::Values;
use crate::clock::At;
use crate::crypto::context::{Context, SecretPlace};
use crate::crypto::hex;
use crate::crypto::mac::AuditKey;
use crate::db::schema::credential_versions as versions;
use crate::db::types::{Json, text_enum};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

text_enum! {
    /// What a version is for.
    VersionState {
        /// Entered, not yet served.
        Staged = "staged",
        /// The one in use.
        Live = "live",
        /// Superseded; its secret is gone unless an overlap keeps it.
        Previous = "previous",
    }
}

/// One version as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = versions, check_for_backend(crate::db::MultiBackend))]
pub struct Version {
    /// Its number, from 1.
    pub version: i64,
    /// Values that may be shown.
    pub config: Json<BTreeMap<String, String>>,
    /// The names of the sealed values.
    pub secret_names: Json<Vec<String>>,
    /// Where the secrets may go, canonical.
    pub destination: String,
    /// The sealed values, unless they were erased.
    pub sealed: Option<Vec<u8>>,
    /// The workspace key that seals them.
    pub key_version: i32,
    /// What it is for.
    pub state: VersionState,
    /// When it was entered.
    pub created_at: At,
    /// Who entered it.
    pub created_by: String,
    /// Of a previous one: when its overlap ends and its secret is erased.
    pub retire_at: Option<At>,
    /// Of a staged one: when it is to serve; `None` for until a person says so.
    pub promote_at: Option<At>,
    /// What its credential says while it serves; only of one that does not.
    pub standing: Option<Json<Standing>>,
}

/// What the seal is bound to besides the version.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The workspace.
    pub workspace: &'a Id<Workspace>,
    /// The credential.
    pub credential: &'a Id<Credential>,
    /// Its integration.
    pub integration: &'a str,
    /// Its method.
    pub method: &'a str,
}

impl Place<'_> {
    pub(super) fn context(&self, means: &Means, version: i64, destination: &str) -> Result<Context> {
        let digest: [u8; 32] = Sha256::digest(destination.as_bytes()).into();
        Ok(Context::secret(self.sealed_for(means, version, &digest)?))
    }

    /// The place of its tokens of this serial number.
    pub(super) fn grant_context(&self, means: &Means, serial: i64, destination: &str) -> Result<Context> {
        let digest: [u8; 32] = Sha256::digest(destination.as_bytes()).into();
        Ok(Context::grant(self.sealed_for(means, serial, &digest)?))
    }

    fn sealed_for<'p>(&'p self, means: &'p Means, number: i64, destination: &'p [u8; 32]) -> Result<SecretPlace<'p>> {
        Ok(SecretPlace {
            instance: means.keyring.instance(),
            workspace: self.workspace.as_str(),
            credential: self.credential.as_str(),
            integration: self.integration,
            method: self.method,
            version: u64::try_from(number).map_err(Error::internal)?,
            destination,
        })
    }
}

impl Version {
    /// One version of a credential.
    pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>, version: i64) -> Result<Self> {
        versions::table
            .filter(versions::workspace_id.eq(workspace))
            .filter(versions::credential_id.eq(credential))
            .filter(versions::version.eq(version))
            .select(Self::as_select())
            .first(conn)
            .optional()?
            .ok_or(Error::NotFound)
    }

    /// The versions of a credential whose secrets are still stored, newest first: the live one, a staged one, and
    /// those before it that an overlap keeps.
    pub fn kept(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<Vec<Self>> {
        Ok(versions::table
            .filter(versions::workspace_id.eq(workspace).and(versions::credential_id.eq(credential)))
            .filter(versions::sealed.is_not_null())
            .order(versions::version.desc())
            .select(Self::as_select())
            .load(conn)?)
    }

    /// The last versions of a credential, newest first.
    pub fn recent(
        conn: &mut Conn,
        workspace: &Id<Workspace>,
        credential: &Id<Credential>,
        limit: i64,
    ) -> Result<Vec<Self>> {
        Ok(versions::table
            .filter(versions::workspace_id.eq(workspace).and(versions::credential_id.eq(credential)))
            .order(versions::version.desc())
            .limit(limit)
            .select(Self::as_select())
            .load(conn)?)
    }

    /// The code of what lies in clear, as the audit line tells it.
    pub(super) fn plain_code(&self, key: &AuditKey, place: Place<'_>) -> Result<String> {
        plain_code(key, place, &self.destination, &self.config.0, &self.secret_names.0)
    }

    /// Opens the sealed values with the key that the blob names. The label in the error is fit to be shown.
    pub fn open(
        &self,
        conn: &mut Conn,
        means: &Means,
        place: Place<'_>,
    ) -> Result<BTreeMap<String, Secret>, Unreadable> {
        match Opening::of(conn, means, place.workspace) {
            Ok(keys) => self.open_with(&keys, means, place),
            Err(error) => Err(Unreadable::new(means, self.key_version, error)),
        }
    }

    /// As [`Version::open`], with the keys of the workspace at hand.
    pub fn open_with(
        &self,
        keys: &Opening,
        means: &Means,
        place: Place<'_>,
    ) -> Result<BTreeMap<String, Secret>, Unreadable> {
        let Some(blob) = &self.sealed else { return Ok(BTreeMap::new()) };
        let context = place.context(means, self.version, &self.destination);
        let plain = sealing::open(keys, means, context, blob, self.key_version)?;
        sealing::secrets(&plain).ok_or_else(|| Unreadable::new(means, self.key_version, "not what was sealed"))
    }

    /// As [`Version::open`]; if that fails, again with what is stored by then: a rotation of keys may have sealed
    /// it anew, and erased the old key, since this was read.
    ///
    /// [`Error::Conflict`] if the secrets were replaced meanwhile.
    pub fn open_current(
        mut self,
        conn: &mut Conn,
        means: &Means,
        place: Place<'_>,
    ) -> Result<Result<BTreeMap<String, Secret>, Unreadable>> {
        loop {
            let keys = Opening::of(conn, means, place.workspace)?;
            let fault = match self.open_with(&keys, means, place) {
                Ok(values) => return Ok(Ok(values)),
                Err(fault) => fault,
            };
            let stored = Self::get(conn, place.workspace, place.credential, self.version)?;
            if stored.sealed.is_none() {
                return Err(Error::Conflict("Somebody changed this credential meanwhile. Open it again.".into()));
            }
            if stored.sealed == self.sealed {
                return Ok(Err(fault));
            }
            self = stored;
        }
    }
}

/// What the audit line of a stored version must tell, so that the row can be held against it.
#[derive(Debug)]
pub(super) struct Written {
    version: i64,
    blob: String,
    plain: String,
}

impl Written {
    /// Adds it to a line: the number, the SHA-256 of the blob, and the code of everything else.
    pub(super) fn noted(self, entry: Entry) -> Entry {
        entry.detail("version", self.version).detail("blob", self.blob).detail("plain", self.plain)
    }
}

/// What becomes of the version that served until now.
#[derive(Debug, Clone)]
pub(super) enum Old {
    /// Its secret is erased at once.
    Erased,
    /// It is kept until then, with what its credential said.
    Kept(At, Box<Json<Standing>>),
}

/// What a new version is for.
#[derive(Debug, Clone)]
pub(super) enum New {
    /// It serves; the one before it goes as told.
    Live(Old),
    /// It serves later, at that instant or when a person says so.
    Staged(Option<At>, Box<Json<Standing>>),
}

/// Takes the live version of a credential out of use.
pub(super) fn step_down(tx: &mut Tx<'_>, place: Place<'_>, old: Old) -> Result<()> {
    let live = versions::table
        .filter(versions::workspace_id.eq(place.workspace).and(versions::credential_id.eq(place.credential)))
        .filter(versions::state.eq(VersionState::Live));
    match old {
        Old::Erased => {
            let gone = (versions::state.eq(VersionState::Previous), versions::sealed.eq(None::<Vec<u8>>));
            diesel::update(live).set(gone).execute(tx.conn())?
        }
        Old::Kept(until, standing) => diesel::update(live)
            .set((
                versions::state.eq(VersionState::Previous),
                versions::retire_at.eq(Some(until)),
                versions::standing.eq(Some(*standing)),
            ))
            .execute(tx.conn())?,
    };
    Ok(())
}

/// Makes a stored version the live one; the one before must have stepped down.
pub(super) fn step_up(tx: &mut Tx<'_>, place: Place<'_>, version: i64) -> Result<()> {
    diesel::update(one(place, version))
        .set((
            versions::state.eq(VersionState::Live),
            versions::promote_at.eq(None::<At>),
            versions::retire_at.eq(None::<At>),
            versions::standing.eq(None::<Json<Standing>>),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Erases the secret of a version that does not serve.
pub(super) fn erase(tx: &mut Tx<'_>, place: Place<'_>, version: i64) -> Result<()> {
    diesel::update(one(place, version))
        .filter(versions::state.ne(VersionState::Live))
        .set((
            versions::state.eq(VersionState::Previous),
            versions::sealed.eq(None::<Vec<u8>>),
            versions::promote_at.eq(None::<At>),
            versions::retire_at.eq(None::<At>),
            versions::standing.eq(None::<Json<Standing>>),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Takes the moment from a staged version: a person has to look at it.
pub(super) fn wait_for_a_person(tx: &mut Tx<'_>, place: Place<'_>) -> Result<()> {
    diesel::update(
        versions::table
            .filter(versions::workspace_id.eq(place.workspace).and(versions::credential_id.eq(place.credential)))
            .filter(versions::state.eq(VersionState::Staged)),
    )
    .set(versions::promote_at.eq(None::<At>))
    .execute(tx.conn())?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn one<'a>(place: Place<'a>, version: i64) -> _ {
    let (workspace, credential): (&'a Id<Workspace>, &'a Id<Credential>) = (place.workspace, place.credential);
    versions::table.find((workspace, credential, version))
}

/// The number of the next version of a credential.
pub(super) fn next(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<i64> {
    let last: Option<i64> = versions::table
        .filter(versions::workspace_id.eq(workspace).and(versions::credential_id.eq(credential)))
        .select(diesel::dsl::max(versions::version))
        .first(conn)?;
    Ok(last.unwrap_or(0) + 1)
}

/// Seals and stores a version.
pub(super) fn put(
    tx: &mut Tx<'_>,
    means: &Means,
    place: Place<'_>,
    version: i64,
    (values, destination): (&Values, &str),
    by: &str,
    new: New,
) -> Result<Written> {
    let (state, promote_at, standing) = match new {
        New::Live(old) => {
            step_down(tx, place, old)?;
            (VersionState::Live, None, None)
        }
        New::Staged(at, standing) => (VersionState::Staged, at, Some(*standing)),
    };
    let context = place.context(means, version, destination)?;
    let plain = sealing::json(&sealing::texts(&values.secret))?;
    let seal = sealing::seal(tx, means, place.workspace, &context, &plain)?;
    let names: Vec<String> = values.secret.keys().cloned().collect();
    let written = Written {
        version,
        blob: seal.digest(),
        plain: plain_code(means.keyring.audit(), place, destination, &values.plain, &names)?,
    };
    diesel::insert_into(versions::table)
        .values((
            versions::workspace_id.eq(place.workspace),
            versions::credential_id.eq(place.credential),
            versions::version.eq(version),
            versions::config.eq(Json(values.plain.clone())),
            versions::secret_names.eq(Json(names)),
            versions::destination.eq(destination),
            versions::sealed.eq(Some(seal.blob)),
            versions::key_version.eq(seal.key_version),
            versions::state.eq(state),
            versions::created_at.eq(means.now()),
            versions::created_by.eq(by),
            versions::promote_at.eq(promote_at),
            versions::standing.eq(standing),
        ))
        .execute(tx.conn())?;
    Ok(written)
}

/// What of a version lies in clear, and what it is of.
#[derive(Serialize)]
struct Plain<'a> {
    integration: &'a str,
    method: &'a str,
    destination: &'a str,
    config: &'a BTreeMap<String, String>,
    secret_names: &'a [String],
}

/// A keyed code of what lies in clear: the audit log is read by people who may not see the values, and some
/// of these are short enough to be guessed from a bare hash.
fn plain_code(
    key: &AuditKey,
    place: Place<'_>,
    destination: &str,
    config: &BTreeMap<String, String>,
    secret_names: &[String],
) -> Result<String> {
    let Place { integration, method, .. } = place;
    let plain = Plain { integration, method, destination, config, secret_names };
    Ok(hex(&key.code("cc/plain/v1", &plain)?))
}
