//! Permissions of the data directory, the database and the root key, and where the key lies.

use super::Findings;
use crate::config::{Config, Database, RootKeySource};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const OTHERS_WRITE: u32 = 0o022;
const OTHERS: u32 = 0o077;

/// The data directory, and the files of an SQLite database wherever they lie.
pub(super) fn data(config: &Config, found: &mut Findings) {
    let dir = &config.data_dir;
    match dir.metadata() {
        Ok(about) if !about.is_dir() => found.fail("data directory", format!("{} is not a directory", dir.display())),
        Ok(about) => owned("data directory", dir, &about, "it is closed to others at the next start", found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            found.warn("data directory", format!("{} is not there yet; the first start makes it", dir.display()));
        }
        Err(error) => found.fail("data directory", format!("{} cannot be read: {error}", dir.display())),
    }
    let Database::Sqlite(file) = &config.database else { return };
    for (about, path) in database_files(file) {
        match path.metadata() {
            Ok(metadata) => {
                let closing = format!("run: chmod 600 {}", path.display());
                owned(about, &path, &metadata, &closing, found);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => found.fail(about, format!("{} cannot be read: {error}", path.display())),
        }
    }
}

/// The file itself and those that SQLite and the migrations put beside it.
fn database_files(file: &Path) -> [(&'static str, PathBuf); 4] {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [
        ("database file", file.to_owned()),
        ("write-ahead log", beside("-wal")),
        ("shared memory", beside("-shm")),
        ("lock file", file.with_extension("lock")),
    ]
}

/// Whether a file or directory is ours, writable, and closed to others; `closing` says how it becomes that.
fn owned(about: &'static str, path: &Path, metadata: &Metadata, closing: &str, found: &mut Findings) {
    let (shown, mode) = (path.display(), metadata.mode() & 0o7777);
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me && me != 0 {
        let owner = metadata.uid();
        found.fail(about, format!("{shown} belongs to user {owner}, and this is user {me}; run Credenza as its owner"));
    } else if rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() {
        found.fail(about, format!("{shown} cannot be written (mode {mode:o}, or the disk is read-only)"));
    } else if mode & OTHERS_WRITE != 0 {
        found.fail(about, format!("{shown} can be changed by other users (mode {mode:o}); {closing}"));
    } else if mode & OTHERS != 0 {
        found.warn(about, format!("{shown} is open to other users (mode {mode:o}); {closing}"));
    } else {
        found.ok(about, format!("{shown}, mode {mode:o}"));
    }
}

/// Whether the root key can be read and is kept well. Whether it fits is asked of the database.
pub(super) fn key(config: &Config, found: &mut Findings) {
    match super::open::given_key(config) {
        Ok(Some(key)) => found.ok("root key", format!("can be read; its label is {}", key.label())),
        Ok(None) => found.warn("root key", "is not there yet; the first start makes one together with the database"),
        Err(failure) => found.fail("root key", failure.text),
    }
    let advice = "whoever takes the data takes the key: keep it elsewhere and name it in CREDENZA_ROOT_KEY_FILE";
    if config.key_lies_with_data() {
        found.warn("key place", format!("in the data directory; {advice}"));
    } else if matches!(config.root_key, RootKeySource::Value(_)) {
        found.warn("key place", "in the environment, which other processes of this user can read; prefer a file");
    } else {
        found.ok("key place", "outside of the data directory");
    }
}
