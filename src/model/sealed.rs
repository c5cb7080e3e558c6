//! Sealing under the key of a workspace, and opening with the key that a blob names.

use super::workspace::Workspace;
use super::{Means, workspace_key};
use crate::crypto::context::Context;
use crate::crypto::envelope::{self, OpenError};
use crate::crypto::hex;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A sealed value, ready to be stored.
pub(super) struct Sealed {
    /// The blob.
    pub blob: Vec<u8>,
    /// The number of the key that opens it.
    pub key_version: i32,
}

impl Sealed {
    /// SHA-256 of the blob in hexadecimal, for the audit line.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(&self.blob))
    }
}

/// A stored value that cannot be decrypted, and under which key label.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The label of the root key in use.
    pub label: String,
    /// Why, for the log.
    pub cause: String,
}

impl Unreadable {
    /// With the label of the root key in use.
    pub(super) fn new(means: &Means, cause: impl std::fmt::Display) -> Self {
        Self { label: means.keyring.label().to_owned(), cause: cause.to_string() }
    }
}

impl From<Unreadable> for Error {
    fn from(fault: Unreadable) -> Self {
        Error::unavailable(format!("a stored value cannot be decrypted: {}", fault.cause))
    }
}

/// Seals under the workspace's active key.
pub(super) fn seal(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    context: &Context,
    plain: &[u8],
) -> Result<Sealed> {
    let wrapped = workspace_key::active(conn, workspace)?;
    let number = u32::try_from(wrapped.version).map_err(Error::internal)?;
    let key = means.keyring.workspace_key(workspace.as_str(), number, &wrapped.wrapped)?;
    Ok(Sealed { blob: means.keyring.seal(&key, context, plain)?, key_version: wrapped.version })
}

/// Opens with the key that the blob names. The label in the error is fit to be shown.
pub(super) fn open(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    context: &Context,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let fault = |cause: &dyn std::fmt::Display| Unreadable::new(means, cause);
    let key_id = envelope::key_id(blob).map_err(|e| fault(&e))?;
    let wrapped = i32::try_from(key_id)
        .ok()
        .and_then(|id| workspace_key::numbered(conn, workspace, id).transpose())
        .transpose()
        .map_err(|e| fault(&e))?
        .ok_or_else(|| fault(&OpenError::UnknownKey { key_id }))?;
    let key = means.keyring.workspace_key(workspace.as_str(), key_id, &wrapped.wrapped).map_err(|e| fault(&e))?;
    envelope::open(|_| Some(key), context, blob).map_err(|e| fault(&e))
}

/// Names and texts of secrets, to be written as JSON and sealed.
pub(super) fn texts(secrets: &BTreeMap<String, Secret>) -> BTreeMap<&str, &str> {
    secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect()
}

/// The same, read back.
pub(super) fn secrets(texts: BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect()
}

/// JSON that is wiped after use.
pub(super) fn json(value: &impl serde::Serialize) -> Result<Zeroizing<Vec<u8>>> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| Error::internal("secrets do not serialise"))
}
