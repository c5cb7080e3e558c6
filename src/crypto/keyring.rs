//! The key ring: what the root key opens, and the workspace keys that are opened with it. No database.

use super::context::Context;
use super::envelope::{self, Key, OpenError};
use super::fingerprint::FingerprintKey;
use super::mac::AuditKey;
use super::password::Pepper;
use super::random::Random;
use super::root_key::RootKey;
use super::subkeys::{InstanceRoot, Subkeys};
use super::token;
use crate::error::{Error, Result};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// How many opened workspace keys are kept at hand.
const CACHED_KEYS: usize = 1024;

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

/// Why the key ring does not open. The text names labels, never a byte of a key; the exit code is 3.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database holds no root for this instance.
    #[error("the database holds no instance key; restore a backup that has it")]
    Empty,
    /// No stored root is wrapped under the root key that was given.
    #[error(
        "the root key that was given has the label {given}, and this database was sealed under {}; \
         give the key with that label in CREDENZA_ROOT_KEY_FILE or CREDENZA_ROOT_KEY",
        .known.join(" or ")
    )]
    WrongRootKey {
        /// The label of the key that was given.
        given: String,
        /// The labels that the database knows.
        known: Vec<String>,
    },
    /// The label fits, the bytes do not.
    #[error("the instance key of version {version} (root key {label}) is damaged; restore a backup")]
    Damaged {
        /// The version of the instance root.
        version: u32,
        /// The label it is stored under.
        label: String,
    },
    /// A key could not be derived.
    #[error("the keys cannot be derived: {0}")]
    Derive(Error),
}

/// The instance's keys in memory. Shows its instance and label and nothing else.
pub struct Keyring {
    instance: String,
    label: String,
    random: Random,
    /// By version, the active one last; never empty.
    older: Vec<Subkeys>,
    active: Subkeys,
    workspaces: RwLock<Opened>,
}

impl Keyring {
    /// Makes the first instance root of a new database; the second value is to be stored.
    pub fn create(random: Random, instance: &str, root_key: &RootKey) -> Result<(Self, WrappedRoot)> {
        let root = InstanceRoot::new(1, random.key_bytes()?);
        let stored = wrap_root(&random, instance, root_key, &root)?;
        let active = Subkeys::new(root)?;
        Ok((Self::assemble(random, instance, root_key, Vec::new(), active), stored))
    }

    /// Opens every stored root that is wrapped under this root key; the highest version is the active one.
    ///
    /// Fails when none is, and when one that should open does not.
    pub fn open(
        random: Random,
        instance: &str,
        root_key: &RootKey,
        stored: &[WrappedRoot],
    ) -> Result<Self, KeyringError> {
        let label = root_key.label().to_owned();
        let mut older = Vec::new();
        for wrapped in stored.iter().filter(|wrapped| wrapped.label == label) {
            let root = unwrap_root(instance, root_key, wrapped)?;
            older.push(Subkeys::new(root).map_err(KeyringError::Derive)?);
        }
        older.sort_by_key(|subkeys| subkeys.root.version);
        match older.pop() {
            Some(active) => Ok(Self::assemble(random, instance, root_key, older, active)),
            None if stored.is_empty() => Err(KeyringError::Empty),
            None => {
                let mut known: Vec<String> = stored.iter().map(|wrapped| wrapped.label.clone()).collect();
                known.sort();
                known.dedup();
                Err(KeyringError::WrongRootKey { given: label, known })
            }
        }
    }

    fn assemble(random: Random, instance: &str, root_key: &RootKey, older: Vec<Subkeys>, active: Subkeys) -> Self {
        let (instance, label) = (instance.to_owned(), root_key.label().to_owned());
        Self { instance, label, random, older, active, workspaces: RwLock::default() }
    }

    /// The instance roots wrapped once more, under another root key: what a change of root key stores.
    pub fn rewrap(&self, root_key: &RootKey) -> Result<Vec<WrappedRoot>> {
        self.versions().map(|s| wrap_root(&self.random, &self.instance, root_key, &s.root)).collect()
    }

    /// The instance's id.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The label of the root key in use.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The source of random bytes that everything sealed by this ring uses.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// The key for the MACs of new audit events.
    pub fn audit(&self) -> &AuditKey {
        &self.active.audit
    }

    /// The key of an older audit event, by the id kept with it.
    pub fn audit_key(&self, id: u32) -> Option<&AuditKey> {
        self.versions().map(|s| &s.audit).find(|key| key.id() == id)
    }

    /// The peppers for password hashes, the one for new hashes last.
    pub fn peppers(&self) -> Vec<Pepper> {
        self.versions().map(|s| s.pepper.duplicate()).collect()
    }

    /// The key that seals second-factor seeds.
    pub fn mfa(&self) -> &Key {
        &self.active.mfa
    }

    /// The key that opens a second-factor seed, by the id in its blob.
    pub fn mfa_key(&self, id: u32) -> Option<&Key> {
        self.versions().map(|s| &s.mfa).find(|key| key.id() == id)
    }

    /// The key that seals backups.
    pub fn backup(&self) -> &Key {
        &self.active.backup
    }

    /// Sixty-four bytes for signed and private cookies.
    pub fn cookie_key(&self) -> &[u8; 64] {
        &self.active.cookie
    }

    /// The key of tokens against cross-site requests.
    pub fn csrf_key(&self) -> &[u8; 32] {
        &self.active.csrf
    }

    /// The key of a workspace's fingerprints. It changes with the instance root; an older fingerprint then
    /// no longer matches, which hides a duplicate and breaks nothing.
    pub fn fingerprints(&self, workspace: &str) -> Result<FingerprintKey> {
        FingerprintKey::new(&self.active.fingerprint, workspace)
    }

    /// Makes a key for a workspace and returns it wrapped, to be stored. Versions count from 1.
    pub fn create_workspace_key(&self, workspace: &str, version: u32) -> Result<Vec<u8>> {
        let bytes = self.random.key_bytes()?;
        self.seal(&self.active.wrap, &self.workspace_context(workspace, version), bytes.as_slice())
    }

    /// The key of a workspace, opened from its stored form or from the ones at hand.
    pub fn workspace_key(&self, workspace: &str, version: u32, wrapped: &[u8]) -> Result<Arc<Key>, OpenError> {
        let read = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = read.get(workspace, version, wrapped) {
            return Ok(key);
        }
        drop(read);
        let find = |id| self.versions().map(|s| &s.wrap).find(|key| key.id() == id);
        let bytes = envelope::open(find, &self.workspace_context(workspace, version), wrapped)?;
        let bytes = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| OpenError::BadFormat)?;
        let key = Arc::new(Key::new(version, bytes));
        let mut write = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        write.put(workspace, version, wrapped, &key);
        Ok(key)
    }

    /// Forgets the opened keys of a workspace, for when it is deleted.
    pub fn forget(&self, workspace: &str) {
        self.workspaces.write().unwrap_or_else(PoisonError::into_inner).forget(workspace);
    }

    /// Seals with the ring's source of random bytes; see [`envelope::seal`].
    pub fn seal(&self, key: &Key, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>> {
        envelope::seal_with(&self.random, key, context, plaintext)
    }

    fn versions(&self) -> impl Iterator<Item = &Subkeys> {
        self.older.iter().chain([&self.active])
    }

    fn workspace_context(&self, workspace: &str, version: u32) -> Context {
        Context::new("cc/workspace-key/v1").text(&self.instance).text(workspace).number(version.into())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, {})", self.instance, self.label)
    }
}

fn root_context(instance: &str, version: u32) -> Context {
    Context::new("cc/instance-root/v1").text(instance).number(version.into())
}

fn wrap_root(random: &Random, instance: &str, root_key: &RootKey, root: &InstanceRoot) -> Result<WrappedRoot> {
    let context = root_context(instance, root.version);
    Ok(WrappedRoot {
        version: root.version,
        label: root_key.label().to_owned(),
        check: root.check_value()?,
        wrapped: envelope::seal_with(random, root_key.wrapping_key(), &context, root.bytes())?,
    })
}

fn unwrap_root(instance: &str, root_key: &RootKey, stored: &WrappedRoot) -> Result<InstanceRoot, KeyringError> {
    let damaged = || KeyringError::Damaged { version: stored.version, label: stored.label.clone() };
    let key = root_key.wrapping_key();
    let context = root_context(instance, stored.version);
    let bytes = envelope::open(|id| (id == key.id()).then_some(key), &context, &stored.wrapped);
    let bytes = bytes.map_err(|_| damaged())?;
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| damaged())?;
    let root = InstanceRoot::new(stored.version, bytes);
    let check = root.check_value().map_err(KeyringError::Derive)?;
    if token::same(check.as_bytes(), stored.check.as_bytes()) { Ok(root) } else { Err(damaged()) }
}

/// Opened workspace keys, the oldest dropped first.
#[derive(Default)]
struct Opened {
    keys: HashMap<(String, u32), (Vec<u8>, Arc<Key>)>,
    order: VecDeque<(String, u32)>,
}

impl Opened {
    /// A key opened from other bytes than the stored ones is not the answer.
    fn get(&self, workspace: &str, version: u32, wrapped: &[u8]) -> Option<Arc<Key>> {
        let (from, key) = self.keys.get(&(workspace.to_owned(), version))?;
        (from == wrapped).then(|| Arc::clone(key))
    }

    fn put(&mut self, workspace: &str, version: u32, wrapped: &[u8], key: &Arc<Key>) {
        let place = (workspace.to_owned(), version);
        if self.keys.insert(place.clone(), (wrapped.to_vec(), Arc::clone(key))).is_none() {
            self.order.push_back(place);
        }
        while self.order.len() > CACHED_KEYS {
            if let Some(oldest) = self.order.pop_front() {
                self.keys.remove(&oldest);
            }
        }
    }

    fn forget(&mut self, workspace: &str) {
        self.keys.retain(|(owner, _), _| owner != workspace);
        self.order.retain(|(owner, _)| owner != workspace);
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
