//! Signed notes (C2SP `signed-note`): a text, and an Ed25519 signature (RFC 8032) that anybody can check with the
//! public key alone.

use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// The type of Ed25519 keys in C2SP `signed-note`.
const ED25519_TYPE: u8 = 1;
/// What a line of a signature begins with.
const SIGNED_BY: &str = "— ";

/// Signs notes under the instance's name. Shows its public key and nothing else.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// Checks notes. Its text is `name+id+key`, as C2SP `signed-note` writes verifier keys.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    bytes: [u8; 32],
}

impl Signer {
    /// From a seed of 32 bytes.
    pub(super) fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(Error::internal)?;
        let bytes = pair.public_key().as_ref().try_into().map_err(Error::internal)?;
        Ok(Self { pair, public: PublicKey { name: name.to_owned(), bytes } })
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A note: the text, which ends in a line end and has no empty line, and the signature behind an empty line.
    pub fn note(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let mut blob = self.public.id().to_vec();
        blob.extend_from_slice(signature.as_ref());
        format!("{text}\n{SIGNED_BY}{} {}\n", self.public.name, STANDARD.encode(blob))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}

impl PublicKey {
    /// Reads a key as [`fmt::Display`] writes it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let blob = STANDARD.decode(key).ok()?;
        let (kind, bytes) = blob.split_first()?;
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        let key = Self { name: name.to_owned(), bytes: bytes.try_into().ok()? };
        (*kind == ED25519_TYPE && is_name && super::hex(&key.id()) == id).then_some(key)
    }

    /// The text of a note, if this key signed it; a note may have signatures of others, too.
    pub fn open<'a>(&self, note: &'a str) -> Option<&'a str> {
        let (body, signatures) = note.split_once("\n\n")?;
        let text = note.get(..body.len() + 1)?;
        let mine = signatures.lines().filter_map(|line| line.strip_prefix(SIGNED_BY)?.split_once(' '));
        mine.filter(|(name, _)| *name == self.name)
            .filter_map(|(_, blob)| STANDARD.decode(blob).ok())
            .filter_map(|blob| blob.strip_prefix(self.id().as_slice()).map(<[u8]>::to_vec))
            .any(|signature| UnparsedPublicKey::new(&ED25519, self.bytes).verify(text.as_bytes(), &signature).is_ok())
            .then_some(text)
    }

    /// The name in front of its signatures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes of the hash of name, type and key.
    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519_TYPE]).chain_update(self.bytes);
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = vec![ED25519_TYPE];
        blob.extend_from_slice(&self.bytes);
        write!(f, "{}+{}+{}", self.name, super::hex(&self.id()), STANDARD.encode(blob))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, Signer};

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::new(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_note_opens_with_the_key_that_signed_it() {
        let signer = signer("credenza-1", 7);
        let note = signer.note("credenza-1/w\n42\nAAAA\n");
        let key = PublicKey::parse(&signer.public().to_string()).unwrap();
        assert_eq!(key.open(&note), Some("credenza-1/w\n42\nAAAA\n"));
        assert_eq!(&key, signer.public());
    }

    #[test]
    fn no_byte_of_a_note_can_be_changed_and_no_other_key_opens_it() {
        let ours = signer("credenza-1", 7);
        let note = ours.note("credenza-1/w\n42\nAAAA\n");
        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(bent) = String::from_utf8(bytes) else { continue };
            assert_eq!(ours.public().open(&bent), None, "{place}: {bent}");
        }
        for other in [signer("credenza-1", 8), signer("credenza-2", 7)] {
            assert_eq!(other.public().open(&note), None);
        }
        assert_eq!(ours.public().open(""), None);
        assert_eq!(ours.public().open("a\n\n— credenza-1 !!\n"), None);
    }

    #[test]
    fn a_mistyped_key_is_none() {
        let text = signer("credenza-1", 7).public().to_string();
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            let bent = String::from_utf8(bytes).unwrap();
            assert!(bent == text || PublicKey::parse(&bent).is_none(), "{bent}");
        }
        assert_eq!(PublicKey::parse("").map(|key| key.to_string()), None);
    }

    /// RFC 8032, section 7.1, test 1: the public key of the secret key.
    #[test]
    fn the_key_is_that_of_the_rfc() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&seed[at * 2..at * 2 + 2], 16).unwrap()).collect();
        let signer = Signer::new("x", &seed.try_into().unwrap()).unwrap();
        assert_eq!(
            crate::crypto::hex(&signer.public().bytes),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }
}
