//! The signed summary of what was pruned from the beginning of a chain: it stands in for the lines that are gone, so
//! that the rest is proved from where it begins, and no other beginning can be put in its place.
//!
//! ```text
//! credenza-<instance>/<chain>
//! pruned 1 to <number of the last line that is gone>
//! <that line's hash, base64>
//! <when the first and the last of them were written, RFC 3339, with a space between>
//! <when this was signed, RFC 3339>
//! <action> <how many such lines are gone>
//! …
//!
//! — credenza-<instance> <key id and Ed25519 signature, base64>
//! ```

use super::Means;
use super::audit::Event;
use super::audit_verify::{Fault, Place, START};
use crate::crypto::keyring::Keyring;
use crate::crypto::signer::PublicKey;
use crate::db::schema::audit_summaries as summaries;
use crate::db::{Conn, Tx};
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// What a summary says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The chain.
    pub chain: String,
    /// The last line that is gone, and its hash; the first one is always the first of the chain.
    pub last: Place,
    /// When the first of them was written, RFC 3339.
    pub from: String,
    /// When the last of them was written, RFC 3339.
    pub to: String,
    /// When it was signed, RFC 3339.
    pub at: String,
    /// How many lines of each action are gone.
    pub actions: BTreeMap<String, i64>,
}

impl Summary {
    /// Reads the text of a note; the name of the key and what it says, or `None` for a note that says something else.
    fn parse(text: &str) -> Option<(String, Self)> {
        let mut lines = text.lines();
        let (origin, chain) = lines.next()?.split_once('/')?;
        let last: i64 = lines.next()?.strip_prefix("pruned 1 to ")?.parse().ok().filter(|last| *last > 0)?;
        let hash = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let (from, to) = lines.next()?.split_once(' ')?;
        let at = lines.next()?.to_owned();
        let counted = |line: &str| {
            let (action, count) = line.split_once(' ')?;
            Some((action.to_owned(), count.parse::<i64>().ok().filter(|count| *count > 0)?))
        };
        let actions: BTreeMap<String, i64> = lines.map(counted).collect::<Option<_>>()?;
        let is_whole = actions.values().try_fold(0_i64, |sum, count| sum.checked_add(*count)) == Some(last);
        let (from, to) = (from.to_owned(), to.to_owned());
        let summary = Self { chain: chain.to_owned(), last: (last, hash), from, to, at, actions };
        is_whole.then(|| (origin.to_owned(), summary))
    }

    /// What a note says, if one of these keys signed it and it is of this chain.
    pub fn open(keys: &[PublicKey], chain: &str, note: &str) -> Option<Self> {
        keys.iter().find_map(|key| {
            let (origin, summary) = Self::parse(key.open(note)?)?;
            (origin == key.name() && summary.chain == chain).then_some(summary)
        })
    }

    /// The signed note that says this.
    fn note(&self, means: &Means) -> String {
        let signer = means.keyring.signer();
        let Self { chain, last: (last, hash), from, to, at, actions } = self;
        let (origin, hash) = (signer.public().name(), STANDARD.encode(hash));
        let counts: String = actions.iter().map(|(action, count)| format!("{action} {count}\n")).collect();
        signer.note(&format!("{origin}/{chain}\npruned 1 to {last}\n{hash}\n{from} {to}\n{at}\n{counts}"))
    }

    /// The same with these lines behind it, which are the next ones.
    fn and(before: Option<Self>, lines: &[Event], cut: Place, means: &Means) -> Option<Self> {
        let (first, last) = (lines.first()?, lines.last()?);
        let (from, mut actions) = match before {
            Some(before) => (before.from, before.actions),
            None => (first.at.rfc3339(), BTreeMap::new()),
        };
        for line in lines {
            *actions.entry(line.action.clone()).or_insert(0) += 1;
        }
        let (to, at) = (last.at.rfc3339(), means.now().rfc3339());
        Some(Self { chain: first.chain.clone(), last: cut, from, to, at, actions })
    }
}

/// The stored note of a chain, as an export carries it; none where nothing was pruned.
pub fn note(conn: &mut Conn, chain: &str) -> Result<Option<String>> {
    Ok(summaries::table.filter(summaries::chain.eq(chain)).select(summaries::note).first(conn).optional()?)
}

/// The stored summaries of these chains that this instance signed.
pub fn of_chains(conn: &mut Conn, keyring: &Keyring, chains: &[&str]) -> Result<BTreeMap<String, Summary>> {
    let notes: Vec<(String, String)> = summaries::table
        .filter(summaries::chain.eq_any(chains))
        .select((summaries::chain, summaries::note))
        .load(conn)?;
    let keys = keyring.public_keys();
    Ok(notes
        .into_iter()
        .filter_map(|(chain, note)| Some((chain.clone(), Summary::open(&keys, &chain, &note)?)))
        .collect())
}

/// The summary of one chain: none where nothing was pruned, a fault where it is none of ours.
pub fn of_chain(
    conn: &mut Conn,
    keyring: &Keyring,
    chain: &str,
) -> Result<std::result::Result<Option<Summary>, Fault>> {
    let Some(note) = note(conn, chain)? else { return Ok(Ok(None)) };
    Ok(match Summary::open(&keyring.public_keys(), chain, &note) {
        Some(summary) => Ok(Some(summary)),
        None => Err(Fault { seq: 1, what: None, why: "the summary of what was pruned is not one of this instance" }),
    })
}

/// The place behind which a chain begins.
pub fn begin(conn: &mut Conn, keyring: &Keyring, chain: &str) -> Result<std::result::Result<Place, Fault>> {
    Ok(of_chain(conn, keyring, chain)?.map(|summary| summary.map_or(START, |summary| summary.last)))
}

/// Whether a chain begins behind `place` by now: its lines were pruned while they were walked over.
pub fn is_beyond(conn: &mut Conn, keyring: &Keyring, chain: &str, place: Place) -> Result<bool> {
    Ok(begin(conn, keyring, chain)?.is_ok_and(|begin| begin.0 > place.0))
}

/// Signs that these lines are gone too, up to `cut`.
pub(super) fn extend(
    tx: &mut Tx<'_>,
    means: &Means,
    before: Option<Summary>,
    lines: &[Event],
    cut: Place,
) -> Result<()> {
    let is_first = before.is_none();
    let Some(summary) = Summary::and(before, lines, cut, means) else { return Ok(()) };
    let (chain, note) = (summaries::chain.eq(&summary.chain), summaries::note.eq(summary.note(means)));
    if is_first {
        diesel::insert_into(summaries::table).values((chain, note)).execute(tx.conn())?;
    } else {
        diesel::update(summaries::table.filter(chain)).set(note).execute(tx.conn())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Summary;

    const TEXT: &str =
        "credenza-i/w\npruned 1 to 3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\na b\nt\nx.y 2\nz 1\n";

    #[test]
    fn a_summary_counts_every_line_that_is_gone() {
        let (origin, summary) = Summary::parse(TEXT).unwrap();
        assert_eq!((origin.as_str(), summary.last.0, summary.actions["x.y"]), ("credenza-i", 3, 2));
        for (from, to) in
            [("x.y 2", "x.y 1"), ("1 to 3", "1 to 0"), ("1 to 3", "2 to 3"), ("z 1", "z -1"), ("a b", "ab")]
        {
            assert_eq!(Summary::parse(&TEXT.replace(from, to)), None, "{from} for {to}");
        }
    }

    #[test]
    fn a_summary_is_no_checkpoint_and_the_other_way_round() {
        assert_eq!(crate::model::checkpoint::Checkpoint::parse(TEXT), None);
        assert_eq!(Summary::parse("credenza-i/w\n7\nAAAA\n2026-01-01T00:00:00.000000Z\n"), None);
    }
}
