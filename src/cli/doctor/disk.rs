//! The disk under the data: how much is free, and whether it is one that keeps what it acknowledged.

use super::Findings;
use crate::config::{Config, Database};
use rustix::fs::{FlockOperation, flock, statfs, statvfs};
use std::fs::File;
use std::path::{Path, PathBuf};

const MIB: u64 = 1024 * 1024;
/// Below this a start may not even write its files.
const LEAST_FREE: u64 = 64 * MIB;
/// Below this it is time to look.
const LITTLE_FREE: u64 = 1024 * MIB;

/// What a sort of file system means for the data.
#[derive(Debug, PartialEq, Eq)]
enum Sort {
    Local,
    /// Locks and fsync of SQLite cannot be relied on.
    Network(&'static str),
    /// Gone with the container or the machine's next start.
    Fleeting(&'static str),
}

/// Judges `f_type` of statfs(2); the numbers are those of `linux/magic.h` and of the file systems' own sources.
fn sort(magic: u64) -> Sort {
    match magic {
        0x6969 => Sort::Network("NFS"),
        0x517b => Sort::Network("SMB"),
        0xff53_4d42 | 0xfe53_4d42 => Sort::Network("CIFS"),
        0x0102_1997 => Sort::Network("9p"),
        0x00c3_6400 => Sort::Network("Ceph"),
        0x6573_5546 => Sort::Network("FUSE"),
        0x5346_414f | 0x6b41_4653 => Sort::Network("AFS"),
        0x794c_7630 => Sort::Fleeting("an overlay"),
        0x0102_1994 | 0x8584_58f6 => Sort::Fleeting("memory (tmpfs)"),
        _ => Sort::Local,
    }
}

/// The disk of the data directory, and that of an SQLite file which lies elsewhere.
pub(super) fn look(config: &Config, found: &mut Findings) {
    directory(&config.data_dir, found);
    if let Database::Sqlite(file) = &config.database
        && let Some(parent) = file.parent()
        && nearest(parent) != nearest(&config.data_dir)
    {
        directory(parent, found);
    }
}

/// The disk of a directory, or of the nearest one above it that exists.
fn directory(dir: &Path, found: &mut Findings) {
    let Some(there) = nearest(dir) else {
        return found.fail("disk", format!("{} lies nowhere", dir.display()));
    };
    match statvfs(&there) {
        Ok(about) => space(about.f_bavail.saturating_mul(about.f_frsize), &there, found),
        Err(error) => found.fail("disk space", format!("{} cannot be looked at: {error}", there.display())),
    }
    match statfs(&there) {
        Ok(about) => kind(sort(magic(about.f_type)), found),
        Err(error) => found.fail("disk type", format!("{} cannot be looked at: {error}", there.display())),
    }
    locks(&there, found);
}

/// `f_type` is of another width on other machines; the numbers have 32 bits.
fn magic(f_type: impl TryInto<i128>) -> u64 {
    let wide = f_type.try_into().unwrap_or_default();
    u64::try_from(wide & 0xffff_ffff).unwrap_or_default()
}

fn nearest(dir: &Path) -> Option<PathBuf> {
    let dir = std::path::absolute(dir).ok()?;
    dir.ancestors().find(|path| path.is_dir()).map(Path::to_owned)
}

fn space(free: u64, there: &Path, found: &mut Findings) {
    let text = format!("{} MiB free at {}", free / MIB, there.display());
    match free {
        ..LEAST_FREE => found.fail("disk space", format!("{text}; make room, or writes will be refused")),
        LEAST_FREE..LITTLE_FREE => found.warn("disk space", format!("{text}; make room soon")),
        LITTLE_FREE.. => found.ok("disk space", text),
    }
}

fn kind(sort: Sort, found: &mut Findings) {
    match sort {
        Sort::Local => found.ok("disk type", "a local disk"),
        Sort::Network(name) => found.warn(
            "disk type",
            format!("{name}: SQLite's locks and commits cannot be relied on there; use a local disk or PostgreSQL"),
        ),
        Sort::Fleeting(name) => found.warn(
            "disk type",
            format!("{name}: the data is gone with the container or the next start; mount a volume or a disk"),
        ),
    }
}

/// Whether files can be locked at all, tried on the directory itself without waiting.
fn locks(dir: &Path, found: &mut Findings) {
    let tried = File::open(dir).and_then(|dir| Ok(flock(&dir, FlockOperation::NonBlockingLockShared)?));
    match tried {
        Ok(()) => found.ok("file locks", "work here"),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => found.ok("file locks", "work here"),
        Err(error) => found.fail("file locks", format!("do not work in {}: {error}", dir.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, LEAST_FREE, LITTLE_FREE, Sort, directory, kind, magic, space};
    use crate::cli::doctor::Level;
    use std::path::Path;

    fn one(f: impl FnOnce(&mut Findings)) -> (Level, String) {
        let mut found = Findings::default();
        f(&mut found);
        let finding = found.0.remove(0);
        (finding.level, finding.text)
    }

    #[test]
    fn t164_disks_that_do_not_keep_their_word_are_named() {
        for (number, name) in
            [(0x6969, "NFS"), (0xff53_4d42_u32, "CIFS"), (0x794c_7630, "overlay"), (0x0102_1994, "tmpfs")]
        {
            let (level, text) = one(|found| kind(super::sort(magic(number)), found));
            assert!(level == Level::Warn && text.contains(name), "{text}");
            // As a machine with a narrow or a signed `f_type` says it.
            assert_eq!(super::sort(magic(number.cast_signed())), super::sort(u64::from(number)));
        }
        assert_eq!(super::sort(magic(0xef53_i64)), Sort::Local);
    }

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        let here = Path::new("/");
        assert_eq!(one(|found| space(LEAST_FREE - 1, here, found)).0, Level::Fail);
        assert_eq!(one(|found| space(LITTLE_FREE - 1, here, found)).0, Level::Warn);
        assert_eq!(one(|found| space(LITTLE_FREE, here, found)).0, Level::Ok);
    }

    #[test]
    fn a_directory_that_is_to_come_is_judged_by_the_one_above() {
        let dir = tempfile::tempdir().unwrap();
        let mut found = Findings::default();
        directory(&dir.path().join("a/b"), &mut found);
        assert_eq!(found.0.len(), 3);
        assert!(found.0[0].text.contains(dir.path().to_str().unwrap()));
        assert_eq!(found.0[2].level, Level::Ok, "{}", found.0[2].text);
    }
}
