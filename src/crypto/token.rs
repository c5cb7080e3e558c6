//! Random tokens: shown once, kept as SHA-256, compared in constant time.

use super::hex;
use super::random::Random;
use crate::error::Result;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whether two byte strings are the same, in a time that tells only whether their lengths are.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A fresh token of 256 random bits: 43 characters that are safe in an address.
pub fn fresh(random: &Random) -> Result<Secret> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(random.key_bytes()?.as_slice())))
}

/// What is kept of a token: its SHA-256 in hexadecimal. Only for values with at least 112 random bits.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Whether a token is the one that the digest was kept of, compared in constant time.
pub fn matches(token: &str, kept: &str) -> bool {
    same(digest(token).as_bytes(), kept.as_bytes())
}

/// The token of the first run, printed once; only its digest stays in memory.
#[derive(Debug)]
pub struct SetupToken {
    digest: String,
}

impl SetupToken {
    /// Makes a token; the second value is to be printed and then dropped.
    pub fn new(random: &Random) -> Result<(Self, Secret)> {
        let token = fresh(random)?;
        Ok((Self { digest: digest(token.expose()) }, token))
    }

    /// Whether this is the printed token.
    pub fn accepts(&self, given: &str) -> bool {
        matches(given, &self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::{SetupToken, digest, fresh, matches, same};
    use crate::crypto::random::Random;
    use crate::error::Error;
    use std::collections::HashSet;

    #[test]
    fn tokens_are_long_safe_in_addresses_and_never_the_same() {
        let tokens: HashSet<String> = (0..500).map(|_| fresh(&Random::system()).unwrap().expose().to_owned()).collect();
        assert_eq!(tokens.len(), 500);
        for token in tokens {
            assert_eq!(token.len(), 43);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(matches("abc", &digest("abc")));
        assert!(!matches("abd", &digest("abc")));
        assert!(!matches("abc", "ba78"));
    }

    #[test]
    fn t123_comparison_judges_every_byte_and_the_length() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd") && !same(b"xbc", b"abc") && !same(b"abc", b"abcd") && !same(b"", b"a"));
    }

    #[test]
    fn the_setup_token_is_accepted_and_nothing_else() {
        let (kept, token) = SetupToken::new(&Random::system()).unwrap();
        assert!(kept.accepts(token.expose()));
        assert!(!kept.accepts("") && !kept.accepts(&token.expose()[1..]) && !kept.accepts(&kept.digest));
        assert!(!format!("{kept:?}").contains(token.expose()));
    }

    #[test]
    fn t120_without_random_bytes_there_is_no_token() {
        let broken = Random::from_fn(|_| Err(Error::unavailable("no random bytes")));
        assert!(fresh(&broken).is_err());
    }
}
