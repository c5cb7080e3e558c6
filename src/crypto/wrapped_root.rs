//! The instance root under a root key, as the database keeps it.

use super::context::Context;
use super::envelope;
use super::keyring::KeyringError;
use super::random::Random;
use super::root_key::RootKey;
use super::subkeys::InstanceRoot;
use super::token;
use crate::error::Result;
use zeroize::Zeroizing;

/// An instance root as it is stored: wrapped under the root key of that label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedRoot {
    /// The version of the instance root, from 1.
    pub version: u32,
    /// The label of the root key that wraps it.
    pub label: String,
    /// What the unwrapped root must answer to.
    pub check: String,
    /// The sealed bytes.
    pub wrapped: Vec<u8>,
}

fn context(instance: &str, version: u32) -> Context {
    Context::new("cc/instance-root/v1").text(instance).number(version.into())
}

pub(super) fn wrap_root(
    random: &Random,
    instance: &str,
    root_key: &RootKey,
    root: &InstanceRoot,
) -> Result<WrappedRoot> {
    let context = context(instance, root.version);
    Ok(WrappedRoot {
        version: root.version,
        label: root_key.label().to_owned(),
        check: root.check_value()?,
        wrapped: envelope::seal_with(random, root_key.wrapping_key(), &context, root.bytes())?,
    })
}

pub(super) fn unwrap_root(
    instance: &str,
    root_key: &RootKey,
    stored: &WrappedRoot,
) -> Result<InstanceRoot, KeyringError> {
    let damaged = || KeyringError::Damaged { version: stored.version, label: stored.label.clone() };
    let key = root_key.wrapping_key();
    let context = context(instance, stored.version);
    let bytes = envelope::open(|id| (id == key.id()).then_some(key), &context, &stored.wrapped);
    let bytes = bytes.map_err(|_| damaged())?;
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| damaged())?;
    let root = InstanceRoot::new(stored.version, bytes);
    let check = root.check_value().map_err(KeyringError::Derive)?;
    if token::same(check.as_bytes(), stored.check.as_bytes()) { Ok(root) } else { Err(damaged()) }
}
