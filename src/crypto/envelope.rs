//! Sealed values: AES-256-GCM-SIV (RFC 8452) with a header that names format, algorithm and key.
//!
//! ```text
//! 0xCC | format 1 | algorithm 1 | key id (u32, big endian) | nonce, 12 bytes | ciphertext and tag
//! ```
//! The associated data is the 7 bytes of the header and SHA-256 of the [`Context`]. What is encrypted is
//! the length (u32, big endian), the plaintext and zeros up to a multiple of 64 bytes, so that the length
//! of a blob tells little of the length of the secret.

use super::context::Context;
use super::random::Random;
use crate::error::{Error, Result};
use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use std::borrow::Borrow;
use std::fmt;
use zeroize::Zeroizing;

const MAGIC: u8 = 0xCC;
const FORMAT: u8 = 1;
const AES_256_GCM_SIV: u8 = 1;
const HEADER: usize = 7;
const NONCE: usize = 12;
const TAG: usize = 16;
const LENGTH: usize = 4;
const BUCKET: usize = 64;

/// The longest plaintext that is sealed: larger forms are refused long before.
pub const MAX_PLAINTEXT: usize = 1 << 20;

/// A key that seals and opens, with the id that its blobs carry. Shows its id and nothing else.
pub struct Key {
    id: u32,
    // On the heap, so that handing a key on leaves no copy of it behind.
    cipher: Box<Aes256GcmSiv>,
}

impl Key {
    /// A key from its 32 bytes; the id is what blobs name it by.
    pub fn new(id: u32, bytes: &[u8; 32]) -> Self {
        Self { id, cipher: Box::new(Aes256GcmSiv::new(bytes.into())) }
    }

    /// The id in the header of this key's blobs.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Why a blob cannot be opened. It says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or not of a format that this version writes.
    #[error("the sealed value is not in a known format")]
    BadFormat,
    /// The header names an algorithm that this version does not have.
    #[error("the sealed value uses algorithm {0}, which this version does not know")]
    UnknownAlgorithm(u8),
    /// The key that the header names is not at hand; no other key is tried.
    #[error("the sealed value needs key {key_id}, which is not at hand")]
    UnknownKey {
        /// The key id in the header.
        key_id: u32,
    },
    /// The bytes, or what they belong to, are not what was sealed.
    #[error("the sealed value was changed, or belongs somewhere else")]
    Tampered,
}

impl From<OpenError> for Error {
    fn from(e: OpenError) -> Self {
        Error::unavailable(e)
    }
}

/// Seals a plaintext for one place, under a fresh random nonce.
///
/// Fails without a result when there are no random bytes, and on more than [`MAX_PLAINTEXT`] bytes.
pub fn seal(key: &Key, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>> {
    seal_with(&Random::system(), key, context, plaintext)
}

/// As [`seal`], with the nonce from a source of the caller's.
pub fn seal_with(random: &Random, key: &Key, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut buffer = pad(plaintext)?;
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce)?;
    let header = header(key.id);
    key.cipher
        .encrypt_in_place(&Nonce::from(nonce), &associated_data(&header, context), &mut *buffer)
        .map_err(|_| Error::internal("a value could not be sealed"))?;
    Ok([header.as_slice(), nonce.as_slice(), buffer.as_slice()].concat())
}

/// Opens a blob with the key that its header names; `keys` is asked for that id and no other.
///
/// On any error nothing of the plaintext is handed out, and the working buffer is wiped.
pub fn open<K: Borrow<Key>>(
    keys: impl FnOnce(u32) -> Option<K>,
    context: &Context,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let key_id = key_id(blob)?;
    let key = keys(key_id).ok_or(OpenError::UnknownKey { key_id })?;
    let key: &Key = key.borrow();
    if key.id != key_id {
        return Err(OpenError::UnknownKey { key_id });
    }
    let (header, rest) = blob.split_first_chunk::<HEADER>().ok_or(OpenError::BadFormat)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::BadFormat)?;
    if sealed.len() < TAG + BUCKET {
        return Err(OpenError::BadFormat);
    }
    let mut buffer = Zeroizing::new(sealed.to_vec());
    key.cipher
        .decrypt_in_place(&Nonce::from(*nonce), &associated_data(header, context), &mut *buffer)
        .map_err(|_| OpenError::Tampered)?;
    unpad(&buffer)
}

/// The id of the key that a blob needs, from its header; so that the caller can fetch that key first.
pub fn key_id(blob: &[u8]) -> Result<u32, OpenError> {
    match blob {
        [MAGIC, FORMAT, AES_256_GCM_SIV, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        [MAGIC, FORMAT, other, _, _, _, _, ..] => Err(OpenError::UnknownAlgorithm(*other)),
        _ => Err(OpenError::BadFormat),
    }
}

fn header(key_id: u32) -> [u8; HEADER] {
    let [a, b, c, d] = key_id.to_be_bytes();
    [MAGIC, FORMAT, AES_256_GCM_SIV, a, b, c, d]
}

fn associated_data(header: &[u8; HEADER], context: &Context) -> [u8; HEADER + 32] {
    let mut data = [0; HEADER + 32];
    data[..HEADER].copy_from_slice(header);
    data[HEADER..].copy_from_slice(&context.digest());
    data
}

fn pad(plaintext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::TooLarge);
    }
    let length = u32::try_from(plaintext.len()).map_err(|_| Error::TooLarge)?;
    let padded = (LENGTH + plaintext.len()).next_multiple_of(BUCKET);
    // Room for the tag from the start: a vector that grows would leave a copy of the plaintext behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(padded + TAG));
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(plaintext);
    buffer.resize(padded, 0);
    Ok(buffer)
}

fn unpad(padded: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (length, rest) = padded.split_first_chunk::<LENGTH>().ok_or(OpenError::BadFormat)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError::BadFormat)?;
    let (plaintext, zeros) = rest.split_at_checked(length).ok_or(OpenError::BadFormat)?;
    if zeros.len() >= BUCKET || zeros.iter().any(|byte| *byte != 0) {
        return Err(OpenError::BadFormat);
    }
    Ok(Zeroizing::new(plaintext.to_vec()))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
