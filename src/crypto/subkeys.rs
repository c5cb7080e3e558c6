//! The instance root and the keys made from it, one for each purpose.

use super::envelope::Key;
use super::hex;
use super::mac::AuditKey;
use super::password::Pepper;
use super::signer::Signer;
use crate::error::{Error, Result};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Thirty-two random bytes that exist once per instance and version; the root key wraps them.
pub(super) struct InstanceRoot {
    pub(super) version: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl InstanceRoot {
    pub(super) fn new(version: u32, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { version, bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// A value kept in the clear that tells whether unwrapping gave this root and no other: the cipher
    /// alone does not promise that a blob opens under one key only.
    pub(super) fn check_value(&self) -> Result<String> {
        Ok(hex(&self.derive::<16>("kcv")?[..]))
    }

    /// HKDF-SHA-256 (RFC 5869) with the purpose as info.
    fn derive<const N: usize>(&self, purpose: &str) -> Result<Zeroizing<[u8; N]>> {
        let mut out = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::new(None, self.bytes())
            .expand_multi_info(&[b"cc/v1/", purpose.as_bytes()], out.as_mut_slice())
            .map_err(Error::internal)?;
        Ok(out)
    }
}

/// What one version of the instance root gives. A key serves its one purpose only.
pub(super) struct Subkeys {
    pub(super) root: InstanceRoot,
    pub(super) wrap: Key,
    pub(super) mfa: Key,
    pub(super) mail: Key,
    pub(super) backup: Key,
    pub(super) audit: AuditKey,
    pub(super) signer: Signer,
    pub(super) pepper: Pepper,
    pub(super) cookie: Zeroizing<[u8; 64]>,
    pub(super) csrf: Zeroizing<[u8; 32]>,
    pub(super) fingerprint: Zeroizing<[u8; 32]>,
}

impl Subkeys {
    pub(super) fn new(instance: &str, root: InstanceRoot) -> Result<Self> {
        let version = root.version;
        Ok(Self {
            wrap: Key::new(version, &*root.derive("wrap")?),
            mfa: Key::new(version, &*root.derive("mfa")?),
            mail: Key::new(version, &*root.derive("mail")?),
            backup: Key::new(version, &*root.derive("backup")?),
            audit: AuditKey::new(version, root.derive("audit-mac")?),
            signer: Signer::new(&format!("credenza-{instance}"), &*root.derive("checkpoint")?)?,
            pepper: Pepper::new(version, root.derive("pepper")?),
            cookie: root.derive("cookie")?,
            csrf: root.derive("csrf")?,
            fingerprint: root.derive("fingerprint")?,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{InstanceRoot, Zeroizing};
    use std::collections::HashSet;

    #[test]
    fn t162_purposes_and_instances_share_no_key() {
        let purposes = [
            "wrap",
            "audit-mac",
            "cookie",
            "csrf",
            "pepper",
            "mfa",
            "mail",
            "backup",
            "kcv",
            "fingerprint",
            "checkpoint",
        ];
        let mut seen = HashSet::new();
        for root in [[1; 32], [2; 32]] {
            let root = InstanceRoot::new(1, Zeroizing::new(root));
            for purpose in purposes {
                assert!(seen.insert(*root.derive::<32>(purpose).unwrap()), "{purpose}");
            }
        }
    }
}
