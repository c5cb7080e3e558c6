//! The arithmetic of an audit chain: each event's hash covers the one before, and a MAC covers the hash.

use crate::error::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The hash before the first event of a chain.
pub const FIRST: [u8; 32] = [0; 32];

/// The hash of an event: SHA-256 of a zero byte, the hash before it, and the event as canonical JSON
/// (RFC 8785). The zero byte marks a leaf (RFC 6962), so that a tree can be built over it one day.
///
/// Fails on a value that JSON cannot hold.
pub fn event_hash(previous: &[u8; 32], event: &impl Serialize) -> Result<[u8; 32]> {
    let json = serde_json_canonicalizer::to_vec(event).map_err(Error::internal)?;
    Ok(Sha256::new().chain_update([0]).chain_update(previous).chain_update(json).finalize().into())
}

/// The key of the MACs of audit events. Shows its id and nothing else.
pub struct AuditKey {
    id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl AuditKey {
    pub(super) fn new(id: u32, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    /// The version of the instance root that this key comes from; kept with each event.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// HMAC-SHA-256 (RFC 2104) of an event's hash.
    pub fn mac(&self, hash: &[u8; 32]) -> Result<[u8; 32]> {
        hmac(self.bytes.as_slice(), &[hash])
    }

    /// A code of anything that JSON can hold, for a purpose such as `cc/plain/v1`: HMAC of the hash of the purpose,
    /// a zero byte and the canonical JSON (RFC 8785). No event has such a hash, since those begin with a zero byte.
    pub fn code(&self, purpose: &'static str, content: &impl Serialize) -> Result<[u8; 32]> {
        let json = serde_json_canonicalizer::to_vec(content).map_err(Error::internal)?;
        self.mac(&Sha256::new().chain_update(purpose).chain_update([0]).chain_update(json).finalize().into())
    }

    /// Whether a MAC is this key's for that hash, compared in constant time.
    pub fn verify(&self, hash: &[u8; 32], mac: &[u8]) -> bool {
        self.mac(hash).is_ok_and(|expected| super::token::same(&expected, mac))
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.id)
    }
}

/// HMAC-SHA-256 of parts in a row.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::super::hex;
    use super::{AuditKey, FIRST, event_hash, hmac};
    use serde_json::json;
    use sha2::{Digest, Sha256};
    use zeroize::Zeroizing;

    #[test]
    fn the_hash_covers_prefix_predecessor_and_canonical_row() {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&FIRST);
        bytes.extend_from_slice(br#"{"a":"\u000f\n","b":[1,true]}"#);
        let expected: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(event_hash(&FIRST, &json!({"b": [1, true], "a": "\u{f}\n"})).unwrap(), expected);
        assert_ne!(event_hash(&[1; 32], &json!({"b": [1, true], "a": "\u{f}\n"})).unwrap(), expected);
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_is_that_of_the_rfc() {
        assert_eq!(
            hex(&hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]).unwrap()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_mac_is_of_one_key_and_one_hash() {
        let key = AuditKey::new(1, Zeroizing::new([3; 32]));
        let mac = key.mac(&[9; 32]).unwrap();
        assert!(key.verify(&[9; 32], &mac));
        assert!(!key.verify(&[8; 32], &mac));
        assert!(!key.verify(&[9; 32], &mac[..31]));
        assert!(!AuditKey::new(2, Zeroizing::new([4; 32])).verify(&[9; 32], &mac));
        assert_eq!(format!("{key:?}"), "AuditKey(1)");
    }

    #[test]
    fn a_code_is_of_one_key_one_purpose_and_one_content() {
        let key = AuditKey::new(1, Zeroizing::new([3; 32]));
        let code = key.code("cc/plain/v1", &json!({"a": "b", "c": ["d"]})).unwrap();
        let hash: [u8; 32] = Sha256::digest(b"cc/plain/v1\0{\"a\":\"b\",\"c\":[\"d\"]}").into();
        assert_eq!(code, key.mac(&hash).unwrap());
        assert_eq!(code, key.code("cc/plain/v1", &json!({"c": ["d"], "a": "b"})).unwrap());
        assert_ne!(code, key.code("cc/plain/v2", &json!({"a": "b", "c": ["d"]})).unwrap());
        assert_ne!(code, key.code("cc/plain/v1", &json!({"a": "b", "c": ["e"]})).unwrap());
    }
}
