//! Backups: a copy of a SQLite database with a mark at its end, by which a changed byte is noticed anywhere in it.
//!
//! The mark is one line behind the last page, where SQLite does not look: the SHA-256 of all that is before it,
//! sealed under a key that only the instance has. It is gone as soon as the copy is used as a database.

use super::permission::Actor;
use super::{Means, audit};
use crate::crypto::context::Context;
use crate::crypto::envelope;
use crate::crypto::keyring::Keyring;
use crate::crypto::token;
use crate::db::Tx;
use crate::error::Result;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const TITLE: &str = "credenza-backup 1 ";
/// Hexadecimal digits of a sealed digest: header, nonce, one block of 64 bytes, tag.
const DIGITS: usize = 2 * (7 + 12 + 64 + 16);
const LENGTH: u64 = (TITLE.len() + DIGITS + 1) as u64;

/// What the mark of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// There is none: this file was not made by `credenza backup`, or was used since.
    None,
    /// The file is as it was written.
    Sound,
    /// The file or its mark was changed, or the mark is of another instance.
    Broken,
}

/// Puts the mark at the end of a finished copy; returns the SHA-256 of the whole file, mark included.
pub fn put_mark(keyring: &Keyring, file: &mut File) -> Result<[u8; 32], MarkError> {
    let length = file.metadata()?.len();
    let digest = digest(file, length)?;
    let blob = keyring.seal(keyring.backup(), &context(keyring), &digest.finalize())?;
    let line = format!("{TITLE}{}\n", crate::crypto::hex(&blob));
    file.seek(SeekFrom::Start(length))?;
    file.write_all(line.as_bytes())?;
    Ok(self::digest(file, length + line.len() as u64)?.finalize().into())
}

/// Judges the mark of a file.
pub fn judge_mark(keyring: &Keyring, path: &Path) -> io::Result<Mark> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let beyond = length % page_size(&mut file)?;
    if beyond == 0 {
        return Ok(Mark::None);
    }
    let Some(content) = length.checked_sub(LENGTH).filter(|_| beyond == LENGTH) else { return Ok(Mark::Broken) };
    let mut line = String::new();
    file.seek(SeekFrom::Start(content))?;
    let read = (&file).take(LENGTH).read_to_string(&mut line);
    let blob: Option<Vec<u8>> = line.strip_prefix(TITLE).and_then(|rest| from_hex(rest.strip_suffix('\n')?));
    let (Ok(_), Some(blob)) = (read, blob) else { return Ok(Mark::Broken) };
    let digest: [u8; 32] = self::digest(&mut file, content)?.finalize().into();
    let opened = envelope::open(|id| keyring.backup_key(id), &context(keyring), &blob);
    Ok(if opened.is_ok_and(|sealed| token::same(&sealed, &digest)) { Mark::Sound } else { Mark::Broken })
}

/// Why a mark was not put.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nothing could be sealed.
    #[error("{0}")]
    Seal(#[from] crate::error::Error),
}

fn context(keyring: &Keyring) -> Context {
    Context::new("cc/backup/v1").text(keyring.instance())
}

fn digest(file: &mut File, length: u64) -> io::Result<Sha256> {
    let (mut digest, mut left) = (Sha256::new(), length);
    let mut buffer = vec![0; 1 << 16];
    file.seek(SeekFrom::Start(0))?;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
        let read = file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        digest.update(&buffer[..read]);
        left -= read as u64;
    }
    Ok(digest)
}

/// The size of a page, from the file's header: two bytes, where 1 stands for 65,536.
fn page_size(file: &mut File) -> io::Result<u64> {
    let mut header = [0; 18];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)?;
    Ok(match u64::from(u16::from_be_bytes([header[16], header[17]])) {
        0 | 1 => 65_536,
        size => size,
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != DIGITS || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// Writes down that a backup was made.
pub fn record(tx: &mut Tx<'_>, means: &Means, name: &str, bytes: u64, digest: &[u8; 32]) -> Result<()> {
    let entry = audit::Entry::allow("instance.backed_up", audit::Target::instance())
        .detail("file", name)
        .detail("bytes", bytes)
        .detail("sha256", crate::crypto::hex(digest));
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry).map(|_| ())
}
