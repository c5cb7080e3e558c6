//! Sealing under the key of a workspace, and opening with the key that a blob names.

use super::sealed::Opening;
use super::workspace::Workspace;
use super::{Means, workspace_key};
use crate::crypto::context::Context;
use crate::crypto::envelope::OpenError;
use crate::crypto::hex;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Display;
use zeroize::Zeroizing;

/// A sealed value, ready to be stored.
pub(super) struct Seal {
    /// The blob.
    pub blob: Vec<u8>,
    /// The number of the key that opens it.
    pub key_version: i32,
}

impl Seal {
    /// How the audit names the blob.
    pub fn digest(&self) -> String {
        digest(&self.blob)
    }
}

/// How the audit names a blob: its SHA-256, in hexadecimal.
pub(super) fn digest(blob: &[u8]) -> String {
    hex(&Sha256::digest(blob))
}

/// A stored value that cannot be decrypted, and under which key label.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The key that it needs, as people read it.
    pub label: String,
    /// Why, for the log.
    pub cause: String,
    /// Whether it is the key that is missing or damaged, and not the value.
    pub key_lost: bool,
}

impl Unreadable {
    /// A value that this key should open, and that is not what it should be.
    pub fn new(means: &Means, key_version: i32, cause: impl Display) -> Self {
        let label = workspace_key::label(means, key_version);
        Self { label, cause: cause.to_string(), key_lost: false }
    }
}

impl From<Unreadable> for Error {
    fn from(fault: Unreadable) -> Self {
        Error::unavailable(format!("a stored value cannot be decrypted: {}", fault.cause))
    }
}

/// Seals under the key of the workspace that seals now.
pub(super) fn seal(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    context: &Context,
    plain: &[u8],
) -> Result<Seal> {
    let (key_version, key) = workspace_key::sealing(tx, means, workspace)?;
    Ok(Seal { blob: means.keyring.seal(&key, context, plain)?, key_version })
}

/// Opens with the key that the blob names. The label in the error is fit to be shown.
pub(super) fn open(
    keys: &Opening,
    means: &Means,
    context: Result<Context>,
    blob: &[u8],
    key_version: i32,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let context = context.map_err(|error| Unreadable::new(means, key_version, error))?;
    keys.open(&context, blob).map_err(|cause| Unreadable {
        key_lost: matches!(cause, OpenError::UnknownKey { .. }),
        ..Unreadable::new(means, key_version, cause)
    })
}

/// Names and texts of secrets, to be written as JSON and sealed.
pub(super) fn texts(secrets: &BTreeMap<String, Secret>) -> BTreeMap<&str, &str> {
    secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect()
}

/// The same, read back from the JSON that was in a seal.
pub(super) fn secrets(plain: &[u8]) -> Option<BTreeMap<String, Secret>> {
    serde_json::from_slice(plain).ok().map(named)
}

/// Names and texts that were sealed, as secrets again.
pub(super) fn named(texts: BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect()
}

/// JSON that is wiped after use.
pub(super) fn json(value: &impl serde::Serialize) -> Result<Zeroizing<Vec<u8>>> {
    serde_json::to_vec(value).map(Zeroizing::new).map_err(|_| Error::internal("secrets do not serialise"))
}
