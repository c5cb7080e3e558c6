//! The key ring: what the root key opens, and the workspace keys that are opened with it. No database.

use super::context::Context;
use super::envelope::{self, Key, OpenError};
use super::fingerprint::FingerprintKey;
use super::mac::AuditKey;
use super::opened::Opened;
use super::password::Pepper;
use super::random::Random;
use super::root_key::RootKey;
use super::signer::{PublicKey, Signer};
use super::subkeys::{InstanceRoot, Subkeys};
use super::wrapped_root::{unwrap_root, wrap_root};
use crate::error::{Error, Result};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

pub use super::wrapped_root::WrappedRoot;

/// Why the key ring does not open. The text names labels, never a byte of a key; the exit code is 3.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database holds no root for this instance.
    #[error("the database holds no instance key; restore a backup that has it")]
    Empty,
    /// No stored root is wrapped under the root key that was given.
    #[error(
        "the root key that was given has the label {given}, and this database was sealed under {}; \
         give the key with that label in CREDENZA_ROOT_KEY_FILE, CREDENZA_ROOT_KEY or CREDENZA_ROOT_KEY_COMMAND",
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
    /// Those that only open: older ones, and one that is staged.
    others: Vec<Subkeys>,
    active: Subkeys,
    /// The versions that should have opened and did not.
    damaged: Vec<u32>,
    workspaces: RwLock<Opened>,
}

impl Keyring {
    /// Makes the first instance root of a new database; the second value is to be stored.
    pub fn create(random: Random, instance: &str, root_key: &RootKey) -> Result<(Self, WrappedRoot)> {
        let root = InstanceRoot::new(1, random.key_bytes()?);
        let stored = wrap_root(&random, instance, root_key, &root)?;
        let active = Subkeys::new(instance, root)?;
        Ok((Self::assemble(random, instance, root_key, Vec::new(), active), stored))
    }

    /// Opens every stored root that is wrapped under this root key; `active` is the version that seals.
    ///
    /// Fails when that one is not among them or does not open. Another one that does not open is left out:
    /// what needs it is unreadable, and everything else works.
    pub fn open(
        random: Random,
        instance: &str,
        root_key: &RootKey,
        stored: &[WrappedRoot],
        active: u32,
    ) -> Result<Self, KeyringError> {
        if stored.is_empty() {
            return Err(KeyringError::Empty);
        }
        let (mut others, mut damaged, mut sealing) = (Vec::new(), Vec::new(), None);
        for wrapped in stored.iter().filter(|wrapped| wrapped.label == root_key.label()) {
            match unwrap_root(instance, root_key, wrapped) {
                Ok(root) => {
                    let subkeys = Subkeys::new(instance, root).map_err(KeyringError::Derive)?;
                    if wrapped.version == active { sealing = Some(subkeys) } else { others.push(subkeys) }
                }
                Err(error) if wrapped.version == active => return Err(error),
                Err(_) => damaged.push(wrapped.version),
            }
        }
        others.sort_by_key(|subkeys| subkeys.root.version);
        match sealing {
            Some(active) => Ok(Self { damaged, ..Self::assemble(random, instance, root_key, others, active) }),
            None => {
                let of_active = stored.iter().filter(|wrapped| wrapped.version == active);
                let mut known: Vec<String> = of_active.map(|wrapped| wrapped.label.clone()).collect();
                known.sort();
                known.dedup();
                Err(KeyringError::WrongRootKey { given: root_key.label().to_owned(), known })
            }
        }
    }

    fn assemble(random: Random, instance: &str, root_key: &RootKey, others: Vec<Subkeys>, active: Subkeys) -> Self {
        let (instance, label) = (instance.to_owned(), root_key.label().to_owned());
        Self { instance, label, random, others, active, damaged: Vec::new(), workspaces: RwLock::default() }
    }

    /// Makes the next instance root, wrapped under the root key that this ring was opened with.
    pub fn next_root(&self, root_key: &RootKey) -> Result<WrappedRoot> {
        let version = self.versions().map(|subkeys| subkeys.root.version).max().unwrap_or_default() + 1;
        let root = InstanceRoot::new(version, self.random.key_bytes()?);
        wrap_root(&self.random, &self.instance, root_key, &root)
    }

    /// The versions of the instance root that are stored under this root key and do not open.
    pub fn damaged(&self) -> &[u32] {
        &self.damaged
    }

    /// Whether this ring has that version of the instance root.
    pub fn has_root(&self, version: u32) -> bool {
        self.versions().any(|subkeys| subkeys.root.version == version)
    }

    /// The version of the instance root that seals.
    pub fn root_version(&self) -> u32 {
        self.active.root.version
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

    /// Signs checkpoints and exports of the audit.
    pub fn signer(&self) -> &Signer {
        &self.active.signer
    }

    /// The public keys of everything that this instance signed, that of [`Keyring::signer`] last.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.versions().map(|s| s.signer.public().clone()).collect()
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

    /// The key that seals mails that wait to be sent.
    pub fn mail(&self) -> &Key {
        &self.active.mail
    }

    /// The key that opens a waiting mail, by the id in its blob.
    pub fn mail_key(&self, id: u32) -> Option<&Key> {
        self.versions().map(|s| &s.mail).find(|key| key.id() == id)
    }

    /// The key that seals the mark of a backup.
    pub fn backup(&self) -> &Key {
        &self.active.backup
    }

    /// The key that opens the mark of a backup, by the id in it.
    pub fn backup_key(&self, id: u32) -> Option<&Key> {
        self.versions().map(|s| &s.backup).find(|key| key.id() == id)
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
        let bytes = self.unwrap_workspace_key(workspace, version, wrapped)?;
        let key = Arc::new(Key::new(version, &bytes));
        let mut write = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        write.put(workspace, version, wrapped, &key);
        Ok(key)
    }

    /// A workspace key wrapped once more, under the active instance root; `None` if it is under that one already.
    pub fn rewrap_workspace_key(&self, workspace: &str, version: u32, wrapped: &[u8]) -> Result<Option<Vec<u8>>> {
        if envelope::key_id(wrapped)? == self.active.wrap.id() {
            return Ok(None);
        }
        let bytes = self.unwrap_workspace_key(workspace, version, wrapped)?;
        self.seal(&self.active.wrap, &self.workspace_context(workspace, version), bytes.as_slice()).map(Some)
    }

    fn unwrap_workspace_key(
        &self,
        workspace: &str,
        version: u32,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let find = |id| self.versions().map(|s| &s.wrap).find(|key| key.id() == id);
        let bytes = envelope::open(find, &self.workspace_context(workspace, version), wrapped)?;
        <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| OpenError::BadFormat)
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
        self.others.iter().chain([&self.active])
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

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
