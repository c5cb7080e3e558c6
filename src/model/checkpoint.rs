//! Signed checkpoints: where a chain ended at some time, under the instance's signature. One that lies outside of the
//! database shows later that nothing before it was changed, and that the end was not cut off.
//!
//! ```text
//! credenza-<instance>/<chain>
//! <number of the last line>
//! <its hash, base64>
//! <when, RFC 3339>
//!
//! — credenza-<instance> <key id and Ed25519 signature, base64>
//! ```

use super::Means;
use super::rollback::{self, Gap};
use crate::anchor::{Head, Heads, Known};
use crate::crypto::keyring::Keyring;
use crate::crypto::signer::PublicKey;
use crate::db::Conn;
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the key, and so of the instance.
    pub origin: String,
    /// The chain.
    pub chain: String,
    /// Its end.
    pub head: Head,
    /// When it was signed.
    pub at: String,
}

impl Checkpoint {
    /// Reads the text of a note; `None` for one that says something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, chain) = lines.next()?.split_once('/')?;
        let seq = lines.next()?.parse().ok().filter(|seq| *seq >= 0)?;
        let hash = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let at = lines.next()?.to_owned();
        let (origin, chain) = (origin.to_owned(), chain.to_owned());
        lines.next().is_none().then_some(Self { origin, chain, head: Head { seq, hash }, at })
    }

    /// The first of these keys that signed a note, and what the note says.
    pub fn open(keys: &[PublicKey], note: &str) -> Option<Self> {
        keys.iter().find_map(|key| {
            let checkpoint = Self::parse(key.open(note)?)?;
            (checkpoint.origin == key.name()).then_some(checkpoint)
        })
    }
}

/// The signed note of a chain's end.
pub fn note(means: &Means, chain: &str, head: &Head) -> String {
    let signer = means.keyring.signer();
    let (origin, hash) = (signer.public().name(), STANDARD.encode(head.hash));
    signer.note(&format!("{origin}/{chain}\n{}\n{hash}\n{}\n", head.seq, means.now().rfc3339()))
}

/// The notes in a file of checkpoints, in their order.
pub fn notes(text: &str) -> impl Iterator<Item = String> {
    let blocks: Vec<&str> = text.split("\n\n").collect();
    let pairs: Vec<String> = blocks
        .chunks(2)
        .filter(|pair| pair.iter().any(|block| !block.trim().is_empty()))
        .map(|pair| pair.join("\n\n") + "\n")
        .collect();
    pairs.into_iter()
}

/// What was read from files of checkpoints.
#[derive(Debug, Default)]
pub struct Read {
    /// Every checkpoint that one of our keys signed.
    pub good: Vec<Checkpoint>,
    /// How many notes no key of ours signed.
    pub bad: usize,
}

/// Reads the notes of a file with the keys of this instance.
pub fn read(keyring: &Keyring, text: &str) -> Read {
    let keys = keyring.public_keys();
    let mut read = Read::default();
    for note in notes(text) {
        match Checkpoint::open(&keys, &note) {
            Some(checkpoint) => read.good.push(checkpoint),
            None => read.bad += 1,
        }
    }
    read
}

/// The furthest checkpoint of each chain.
pub fn furthest(checkpoints: &[Checkpoint]) -> Heads {
    let mut heads = Heads::new();
    for one in checkpoints {
        crate::anchor::advance(&mut heads, &Heads::from([(one.chain.clone(), one.head)]));
    }
    heads
}

/// Every checkpoint that a chain of the database contradicts, each with what is there instead.
pub fn contradicted(conn: &mut Conn, keyring: &Keyring, checkpoints: &[Checkpoint]) -> Result<Vec<Gap>> {
    let mut gaps = Vec::new();
    let mut rest: Vec<&Checkpoint> = checkpoints.iter().collect();
    // One of each chain at a time: heads are kept by the name of their chain.
    while !rest.is_empty() {
        let (mut heads, mut later) = (Heads::new(), Vec::new());
        for one in rest {
            match heads.contains_key(&one.chain) {
                true => later.push(one),
                false => drop(heads.insert(one.chain.clone(), one.head)),
            }
        }
        gaps.extend(rollback::gaps(conn, keyring, &Known { instance: keyring.instance().to_owned(), heads })?);
        rest = later;
    }
    gaps.sort_by(|a, b| (&a.chain, a.anchored).cmp(&(&b.chain, b.anchored)));
    gaps.dedup_by(|later, first| later.chain == first.chain);
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::{Checkpoint, notes};

    #[test]
    fn notes_of_a_file_are_taken_apart() {
        let one = "a/b\n1\nAAAA\nt\n\n— a x\n";
        let file = format!("{one}\n{one}");
        let found: Vec<String> = notes(&file).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].trim_end(), one.trim_end());
        assert_eq!(notes("").count(), 0);
    }

    #[test]
    fn only_what_a_checkpoint_says_is_one() {
        let hash = "A".repeat(43) + "=";
        let text = format!("credenza-i/w\n7\n{hash}\n2026-01-01T00:00:00.000000Z\n");
        assert_eq!(Checkpoint::parse(&text).unwrap().head.seq, 7);
        for bad in
            ["", "x", "a/b\n-1\n\n\n", &text.replace('7', "x"), &format!("{text}more\n"), &text.replace(&hash, "AA==")]
        {
            assert_eq!(Checkpoint::parse(bad), None, "{bad}");
        }
    }
}
