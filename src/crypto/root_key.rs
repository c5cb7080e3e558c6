//! The root key: the one secret that the operator keeps, from a file or from the environment.

use super::acl;
use super::envelope::Key;
use super::hex;
use super::random::Random;
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::Sha256;
use std::collections::HashSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key file holds 44 characters; more than this is not one.
const MAX_FILE: u64 = 4096;
/// Words of placeholders, long enough that random base64 does not hold one by chance.
const PLACEHOLDERS: [&str; 5] = ["changeme", "change-me", "replaceme", "placeholder", "insecure"];
/// Of 32 random bytes about 30 differ; fewer than this many is no accident.
const LEAST_DISTINCT: usize = 16;

/// Thirty-two random bytes that wrap everything else. Shows its label and nothing else.
///
/// The bytes themselves are not kept, only what is made of them.
pub struct RootKey {
    label: String,
    wrapping: Key,
}

/// Why a root key is not accepted, in words that end with what to do. No text holds a byte of a key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The text is not base64.
    #[error("the root key is not base64; make one with: openssl rand -base64 32")]
    NotBase64,
    /// The text decodes to another number of bytes than 32.
    #[error("the root key has {0} bytes instead of 32; make one with: openssl rand -base64 32")]
    Length(usize),
    /// The bytes were not drawn at random, for the reason given.
    #[error("the root key is too weak: {0}; make one with: openssl rand -base64 32")]
    Weak(&'static str),
    /// There is no file there.
    #[error("there is no root key file at {}; restore it, or point CREDENZA_ROOT_KEY_FILE to it", .0.display())]
    Missing(PathBuf),
    /// The file is there but cannot be read or written.
    #[error("the root key file {} cannot be used: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// A directory, a device or a pipe.
    #[error("{} is not a regular file; the root key must be in one", .0.display())]
    NotRegular(PathBuf),
    /// Others than the owner may read or change the file.
    #[error("the root key file {} has mode {:o}; run: chmod 600 {}", .0.display(), .1, .0.display())]
    Permissions(PathBuf, u32),
    /// The file belongs to someone else than this process or root.
    #[error("the root key file {} belongs to user {}; it must belong to the user that runs Credenza", .0.display(), .1)]
    Owner(PathBuf, u32),
    /// A key file is never overwritten.
    #[error("{} exists already; a root key is never overwritten", .0.display())]
    Exists(PathBuf),
    /// There were no random bytes to make a key of, or none could be derived from it.
    #[error("a root key could not be made: {0}")]
    NotMade(String),
}

impl RootKey {
    /// Reads base64 (either alphabet, padded or not) of exactly 32 bytes that look random.
    pub fn from_base64(text: &str) -> Result<Self, RootKeyError> {
        let text = text.trim();
        let folded = text.to_ascii_lowercase();
        if PLACEHOLDERS.iter().any(|word| folded.contains(word)) {
            return Err(RootKeyError::Weak("it is a placeholder"));
        }
        let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
        let decoded = engines.iter().find_map(|engine| engine.decode(text).ok());
        let decoded = Zeroizing::new(decoded.ok_or(RootKeyError::NotBase64)?);
        let bytes = <[u8; 32]>::try_from(decoded.as_slice()).map_err(|_| RootKeyError::Length(decoded.len()))?;
        let bytes = Zeroizing::new(bytes);
        match weakness(&bytes) {
            Some(reason) => Err(RootKeyError::Weak(reason)),
            None => Self::from_bytes(&bytes),
        }
    }

    /// Reads a key file once: a regular file of this user or root, closed to group and others (a credential
    /// that systemd hands over is open to this user by a list of its own).
    pub fn from_file(path: &Path) -> Result<Self, RootKeyError> {
        let failed = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => RootKeyError::Missing(path.to_owned()),
            _ => RootKeyError::Io(path.to_owned(), e),
        };
        // Without O_NONBLOCK the opening of a pipe would wait for a writer. The bits are the system's own.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(RootKeyError::NotRegular(path.to_owned()));
        }
        if about.mode() & 0o077 != 0 && !(about.mode() & 0o077 == 0o040 && acl::is_for_us_alone(&file)) {
            return Err(RootKeyError::Permissions(path.to_owned(), about.mode() & 0o7777));
        }
        if about.uid() != 0 && about.uid() != rustix::process::geteuid().as_raw() {
            return Err(RootKeyError::Owner(path.to_owned(), about.uid()));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE as usize));
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        Self::from_base64(std::str::from_utf8(&bytes).map_err(|_| RootKeyError::NotBase64)?)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<Self, RootKeyError> {
        let (mut label, mut wrapping) = ([0; 8], Zeroizing::new([0; 32]));
        let derive = Hkdf::<Sha256>::new(None, bytes);
        let failed = |e: hkdf::InvalidLength| RootKeyError::NotMade(e.to_string());
        derive.expand(b"label", &mut label).map_err(failed)?;
        derive.expand(b"cc/v1/root-wrap", wrapping.as_mut_slice()).map_err(failed)?;
        let [a, b, c, d, ..] = label;
        Ok(Self { label: hex(&label), wrapping: Key::new(u32::from_be_bytes([a, b, c, d]), &wrapping) })
    }

    /// A name for this key that tells nothing of it: 8 bytes of HKDF-SHA-256 (RFC 5869), in hexadecimal.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The key that wraps instance roots; its blobs carry the first four bytes of the label.
    pub(super) fn wrapping_key(&self) -> &Key {
        &self.wrapping
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.label())
    }
}

/// Makes a new root key and its file (mode 0600, on disk before this returns); refuses to overwrite.
pub fn create_key_file(random: &Random, path: &Path) -> Result<RootKey, RootKeyError> {
    let bytes = random.key_bytes().map_err(|e| match e {
        Error::Unavailable(cause) => RootKeyError::NotMade(cause.as_str().to_owned()),
        other => RootKeyError::NotMade(other.to_string()),
    })?;
    let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()) + "\n");
    let key = RootKey::from_base64(&text)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| {
        if e.kind() == io::ErrorKind::AlreadyExists {
            RootKeyError::Exists(path.to_owned())
        } else {
            RootKeyError::Io(path.to_owned(), e)
        }
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| sync_parent(path));
    if let Err(e) = written {
        // Half a key must not stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        return Err(RootKeyError::Io(path.to_owned(), e));
    }
    Ok(key)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn weakness(bytes: &[u8; 32]) -> Option<&'static str> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Some("all its bytes are zero");
    }
    if (1..=16).any(|period| bytes[period..] == bytes[..32 - period]) {
        return Some("it repeats itself");
    }
    let step = bytes[1].wrapping_sub(bytes[0]);
    if bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        return Some("it is a sequence");
    }
    if bytes.iter().collect::<HashSet<_>>().len() < LEAST_DISTINCT {
        return Some("too few of its bytes differ");
    }
    // A random key is all printable once in 10^13; a phrase or hexadecimal digits always are.
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some("it is text, not random bytes")
}

#[cfg(test)]
#[path = "root_key_tests.rs"]
mod tests;
