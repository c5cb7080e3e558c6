//! The anchor: a small file beside the data with the head of each audit chain, so that a database that was
//! put back to an older state, or cut at its end, is noticed.
//!
//! ```text
//! credenza-anchor 1 <instance id>
//! <chain> <number of its last line> <hash of that line, hexadecimal>
//! ```
//! One line a chain. It is written whole to a temporary name, flushed, and renamed: there is no half of it.

use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const NAME: &str = "anchor";
const PART: &str = ".anchor.part";
const TITLE: &str = "credenza-anchor 1 ";

/// The end of a chain: the number of its last line and that line's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number, from 1; 0 for a chain without a line.
    pub seq: i64,
    /// The hash.
    pub hash: [u8; 32],
}

/// Heads by the name of their chain.
pub type Heads = BTreeMap<String, Head>;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The instance whose chains they are.
    pub instance: String,
    /// The heads.
    pub heads: Heads,
}

/// Why the anchor is of no use.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It cannot be read or written.
    #[error("The anchor {} cannot be used: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// It was written for another installation.
    #[error("The anchor {} is that of another installation", .0.display())]
    Foreign(PathBuf),
    /// It is not what this program writes.
    #[error("The anchor {} was changed: line {} cannot be read", .0.display(), .1)]
    Malformed(PathBuf, usize),
}

/// The anchor of one data directory.
#[derive(Debug, Clone)]
pub struct Anchor {
    dir: PathBuf,
}

impl Anchor {
    /// The one in this data directory, whether it is there yet or not.
    pub fn within(data_dir: &Path) -> Self {
        Self { dir: data_dir.to_owned() }
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// What it says; `None` if it is not there.
    pub fn load(&self) -> Result<Option<Known>, AnchorError> {
        let path = self.path();
        match fs::read_to_string(&path) {
            Ok(text) => read(&text).map(Some).map_err(|line| AnchorError::Malformed(path, line)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AnchorError::Io(path, error)),
        }
    }

    /// Moves heads on; one that is behind what the file says already stays where it is, since several
    /// processes may share a data directory. The anchor of another installation is left as it is.
    pub fn advance(&self, instance: &str, heads: &Heads) -> Result<(), AnchorError> {
        self.locked(|| {
            let mut all = match self.load()? {
                Some(known) if known.instance == instance => known.heads,
                Some(_) => return Err(AnchorError::Foreign(self.path())),
                None => Heads::new(),
            };
            advance(&mut all, heads);
            self.store(&Known { instance: instance.to_owned(), heads: all })
        })
    }

    /// Forgets what the file said and writes these.
    pub fn replace(&self, known: &Known) -> Result<(), AnchorError> {
        self.locked(|| self.store(known))
    }

    fn locked(&self, act: impl FnOnce() -> Result<(), AnchorError>) -> Result<(), AnchorError> {
        let failed = |error| AnchorError::Io(self.path(), error);
        let dir = File::open(&self.dir).map_err(failed)?;
        flock(&dir, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
        act()
    }

    fn store(&self, known: &Known) -> Result<(), AnchorError> {
        let part = self.dir.join(PART);
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            file.write_all(written(known).as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, self.path())?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(|error| AnchorError::Io(self.path(), error))
    }
}

/// Takes over each head that is further than the one there is.
pub fn advance(all: &mut Heads, heads: &Heads) {
    for (chain, head) in heads {
        match all.get_mut(chain) {
            Some(known) if known.seq >= head.seq => {}
            Some(known) => *known = *head,
            None => {
                all.insert(chain.clone(), *head);
            }
        }
    }
}

fn written(known: &Known) -> String {
    let mut text = format!("{TITLE}{}\n", known.instance);
    for (chain, head) in &known.heads {
        // Writing to a string cannot fail.
        let _ = write!(text, "{chain} {} ", head.seq);
        for byte in head.hash {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

/// The number of the first line that cannot be read, or what was read.
fn read(text: &str) -> Result<Known, usize> {
    let mut lines = text.lines();
    let instance = lines.next().and_then(|line| line.strip_prefix(TITLE)).filter(|id| !id.is_empty()).ok_or(1_usize)?;
    let mut heads = Heads::new();
    for (index, line) in lines.enumerate() {
        let (chain, head) = read_head(line).ok_or(index + 2)?;
        heads.insert(chain.to_owned(), head);
    }
    Ok(Known { instance: instance.to_owned(), heads })
}

fn read_head(line: &str) -> Option<(&str, Head)> {
    let mut words = line.split(' ');
    let (chain, seq, hex) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    if words.next().is_some() || chain.is_empty() || hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (index, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some((chain, Head { seq, hash }))
}

#[cfg(test)]
mod tests {
    use super::{Anchor, AnchorError, Head, Heads, Known};
    use std::os::unix::fs::PermissionsExt;

    fn heads(pairs: &[(&str, i64)]) -> Heads {
        pairs.iter().map(|(chain, seq)| ((*chain).to_owned(), Head { seq: *seq, hash: [*seq as u8; 32] })).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = Anchor::within(dir.path());
        assert_eq!(anchor.load().unwrap(), None);
        anchor.advance("i", &heads(&[("instance", 3), ("w", 200)])).unwrap();
        assert_eq!(anchor.load().unwrap().unwrap().heads, heads(&[("instance", 3), ("w", 200)]));
        assert_eq!(std::fs::metadata(anchor.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn heads_move_on_only() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = Anchor::within(dir.path());
        anchor.advance("i", &heads(&[("a", 5), ("b", 5)])).unwrap();
        anchor.advance("i", &heads(&[("a", 4), ("b", 6), ("c", 1)])).unwrap();
        assert_eq!(anchor.load().unwrap().unwrap().heads, heads(&[("a", 5), ("b", 6), ("c", 1)]));
        anchor.replace(&Known { instance: "i".into(), heads: heads(&[("a", 2)]) }).unwrap();
        assert_eq!(anchor.load().unwrap().unwrap().heads, heads(&[("a", 2)]));
        assert!(matches!(anchor.advance("another", &heads(&[("x", 1)])), Err(AnchorError::Foreign(_))));
        assert_eq!(anchor.load().unwrap().unwrap().instance, "i");
    }

    #[test]
    fn a_changed_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let anchor = Anchor::within(dir.path());
        let hash = "ab".repeat(32);
        for (text, line) in [
            (String::new(), 1),
            ("something else\n".to_owned(), 1),
            (format!("credenza-anchor 1 i\nw 1 {hash}\nw 2\n"), 3),
            (format!("credenza-anchor 1 i\nw x {hash}\n"), 2),
            ("credenza-anchor 1 i\nw 1 abcd\n".to_owned(), 2),
            (format!("credenza-anchor 1 i\nw 1 {}\n", hash.replace('a', "é")), 2),
        ] {
            std::fs::write(anchor.path(), text).unwrap();
            assert!(matches!(anchor.load(), Err(AnchorError::Malformed(_, found)) if found == line));
        }
    }

    #[test]
    fn many_writers_leave_the_furthest_heads() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4_i64 {
                let anchor = Anchor::within(dir.path());
                scope.spawn(move || {
                    for seq in 1..20 {
                        anchor.advance("i", &heads(&[("shared", seq), (&format!("own{writer}"), seq)])).unwrap();
                    }
                });
            }
        });
        let known = Anchor::within(dir.path()).load().unwrap().unwrap().heads;
        assert_eq!(known.len(), 5);
        assert!(known.values().all(|head| head.seq == 19), "{known:?}");
    }
}
