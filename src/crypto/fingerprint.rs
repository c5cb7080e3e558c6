//! Fingerprints of secret values: equal values of one workspace are noticed, and nothing else is told.

use super::mac::hmac;
use super::{hex, token};
use crate::error::Result;
use crate::secret::Secret;
use std::fmt;
use zeroize::Zeroizing;

/// The key of one workspace's fingerprints; another workspace's tell nothing of these.
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// The key of one workspace, from the instance's.
    pub(super) fn new(instance: &[u8; 32], workspace: &str) -> Result<Self> {
        hmac(instance, &[b"cc/fingerprint/v1", workspace.as_bytes()]).map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The fingerprint of a secret: HMAC-SHA-256 cut to 16 bytes, in hexadecimal.
    pub fn of(&self, secret: &Secret) -> Result<String> {
        hmac(self.0.as_slice(), &[secret.expose().as_bytes()]).map(|mac| hex(&mac[..16]))
    }

    /// Whether a secret has this fingerprint, compared in constant time.
    pub fn matches(&self, secret: &Secret, fingerprint: &str) -> bool {
        self.of(secret).is_ok_and(|own| token::same(own.as_bytes(), fingerprint.as_bytes()))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::FingerprintKey;
    use crate::secret::Secret;

    #[test]
    fn equal_secrets_are_noticed_within_a_workspace_only() {
        let (one, two) = (FingerprintKey::new(&[1; 32], "w1").unwrap(), FingerprintKey::new(&[1; 32], "w2").unwrap());
        let of = |key: &FingerprintKey, text: &str| key.of(&Secret::new(text.to_owned())).unwrap();
        assert_eq!(of(&one, "sk_live_1"), of(&one, "sk_live_1"));
        assert_ne!(of(&one, "sk_live_1"), of(&one, "sk_live_2"));
        assert_ne!(of(&one, "sk_live_1"), of(&two, "sk_live_1"));
        assert_eq!(of(&one, "sk_live_1").len(), 32);
        assert!(one.matches(&Secret::new("sk_live_1".into()), &of(&one, "sk_live_1")));
        assert!(!one.matches(&Secret::new("sk_live_1".into()), &of(&two, "sk_live_1")));
        assert!(!one.matches(&Secret::new("sk_live_1".into()), ""));
    }
}
