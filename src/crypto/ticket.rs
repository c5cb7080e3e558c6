//! Something that is shown once: sealed under a ticket that only one browser holds, so that what is stored for that
//! short time opens for nobody else.

use super::random::Random;
use crate::error::{Error, Result};
use crate::secret::Secret;
use aes_gcm_siv::aead::{Aead, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Every ticket seals once, so that one nonce does (RFC 8452).
const NONCE: [u8; 12] = *b"cc/ticket/v1";

/// Seals a text; what comes back is the ticket, and what may be stored.
///
/// # Errors
/// No random bytes.
pub fn seal(random: &Random, text: &Secret) -> Result<(Secret, Vec<u8>)> {
    let key = random.key_bytes()?;
    let cipher = Aes256GcmSiv::new_from_slice(key.as_slice()).map_err(Error::internal)?;
    let sealed = cipher.encrypt(&Nonce::from(NONCE), text.expose().as_bytes());
    Ok((Secret::new(URL_SAFE_NO_PAD.encode(key.as_slice())), sealed.map_err(Error::internal)?))
}

/// Opens what was stored; `None` for another ticket.
pub fn open(ticket: &str, sealed: &[u8]) -> Option<Secret> {
    let key = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.decode(ticket).ok()?);
    let cipher = Aes256GcmSiv::new_from_slice(&key).ok()?;
    let plain = cipher.decrypt(&Nonce::from(NONCE), sealed).ok()?;
    String::from_utf8(plain).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::{open, seal};
    use crate::crypto::random::Random;
    use crate::secret::Secret;

    #[test]
    fn only_its_ticket_opens_it() {
        let random = Random::system();
        let (ticket, sealed) = seal(&random, &Secret::new("the text".to_owned())).unwrap();
        assert_eq!(open(ticket.expose(), &sealed).unwrap().expose(), "the text");
        let (other, _) = seal(&random, &Secret::new("the text".to_owned())).unwrap();
        assert!(open(other.expose(), &sealed).is_none() && open("", &sealed).is_none() && open("é", &sealed).is_none());
        assert!(!sealed.windows(8).any(|part| part == b"the text"));
    }
}
