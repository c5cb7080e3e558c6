//! Hides copies of a credential's secrets in what a service answers: some echo what they were sent.

use crate::secret::Secret;
use aho_corasick::{AhoCorasick, MatchKind};
use bytes::Bytes;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Shorter texts are no secrets, and would tear every answer apart.
const SHORTEST: usize = 8;
/// What stands in the place of each byte, so that lengths stay as they were said.
const COVER: u8 = b'*';

/// The texts to be hidden, and what of an answer cannot be judged yet.
pub struct Mask {
    texts: Vec<Zeroizing<Vec<u8>>>,
    finder: Option<AhoCorasick>,
    longest: usize,
    /// The end of what has come that may be the beginning of a copy, and which of its bytes are hidden already.
    held: Zeroizing<Vec<u8>>,
    hidden: Vec<bool>,
}

impl Mask {
    /// Hides exact copies of these texts of at least eight bytes, as they are and as JSON and addresses write them.
    pub fn of<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut all = BTreeSet::new();
        for secret in secrets.filter(|secret| secret.len() >= SHORTEST) {
            let json = Zeroizing::new(serde_json::Value::String(secret.to_owned()).to_string());
            let inside = json.get(1..json.len() - 1).unwrap_or_default();
            let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
            let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            all.extend([secret.as_bytes(), inside.as_bytes(), percent.as_bytes(), form.as_bytes()].map(<[u8]>::to_vec));
            // A key of many lines comes back with other line ends, too.
            all.extend(secret.contains('\n').then(|| secret.trim_end().as_bytes().to_vec()));
        }
        let texts: Vec<_> = all.into_iter().map(Zeroizing::new).collect();
        let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(texts.iter().map(|t| t.as_slice()));
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        Self {
            finder: finder.ok().filter(|_| !texts.is_empty()),
            texts,
            longest,
            held: Zeroizing::default(),
            hidden: Vec::new(),
        }
    }

    /// Takes the next piece and gives back what can be passed on.
    pub fn pass(&mut self, piece: Bytes) -> Bytes {
        let Some(finder) = &self.finder else { return piece };
        if self.held.is_empty() && !finder.is_match(&piece) && self.beginning(&piece) == piece.len() {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        self.hidden.resize(self.held.len(), false);
        for found in finder.find_overlapping_iter(self.held.as_slice()) {
            self.hidden.get_mut(found.range()).into_iter().flatten().for_each(|hidden| *hidden = true);
        }
        let certain = self.beginning(&self.held);
        self.give(certain)
    }

    /// What was held back, when nothing more comes.
    pub fn finish(&mut self) -> Bytes {
        self.give(self.held.len())
    }

    /// A text that is there as a whole.
    pub fn whole(texts: &Self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        if let Some(finder) = &texts.finder {
            let ranges: Vec<_> = finder.find_overlapping_iter(&text).map(|found| found.range()).collect();
            for range in ranges {
                text.get_mut(range).into_iter().flatten().for_each(|byte| *byte = COVER);
            }
        }
        text
    }

    /// Where a text begins at the end of `bytes` that is not complete; their length when none does.
    fn beginning(&self, bytes: &[u8]) -> usize {
        let from = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        (from..bytes.len())
            .find(|at| {
                let tail = bytes.get(*at..).unwrap_or_default();
                self.texts.iter().any(|text| text.len() > tail.len() && text.starts_with(tail))
            })
            .unwrap_or(bytes.len())
    }

    fn give(&mut self, count: usize) -> Bytes {
        let given = self.held.drain(..count).zip(self.hidden.drain(..count));
        given.map(|(byte, hidden)| if hidden { COVER } else { byte }).collect()
    }
}

/// What a header that carries a credential holds behind its scheme, as `Basic` and `Bearer` do.
pub fn behind_scheme(value: &str) -> Secret {
    Secret::new(value.rsplit(' ').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Mask;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn masked(secrets: &[&str], pieces: &[&[u8]]) -> Vec<u8> {
        let mut mask = Mask::of(secrets.iter().copied());
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&mask.finish());
        out
    }

    #[test]
    fn copies_are_hidden_whole_and_split_and_lengths_stay() {
        let secret = "sk_live_0123456789";
        let text = format!("a {secret} b {secret}{secret} c sk_live_012345678");
        let wanted = format!("a {0} b {0}{0} c sk_live_012345678", "*".repeat(secret.len()));
        for size in 1..text.len() {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            assert_eq!(String::from_utf8(masked(&[secret], &pieces)).unwrap(), wanted, "pieces of {size}");
        }
    }

    #[test]
    fn texts_that_overlap_are_all_hidden() {
        let out = masked(&["abcdabcd", "abcdxyzw"], &[b"abcdab", b"cdxyzw!"]);
        assert_eq!(out, b"************!");
    }

    #[test]
    fn short_texts_and_other_bytes_are_left_alone() {
        assert_eq!(masked(&["short"], &[b"short \xff\x00 bytes"]), b"short \xff\x00 bytes");
        assert_eq!(masked(&[], &[b"anything"]), b"anything");
    }

    #[test]
    fn other_spellings_are_hidden_too() {
        let secret = "pass\"word/1+2 é\nx";
        let json = serde_json::Value::String(secret.to_owned()).to_string();
        let query = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        for text in [json.as_bytes(), query.as_bytes(), secret.as_bytes()] {
            let out = String::from_utf8(masked(&[secret], &[text])).unwrap();
            assert!(!out.contains("word"), "{out}");
        }
    }

    #[test]
    fn what_cannot_be_a_copy_is_not_held_back() {
        let mut mask = Mask::of(["event-secret"].into_iter());
        assert_eq!(mask.pass(Bytes::from_static(b"data: hello\n\n")), "data: hello\n\n");
        assert_eq!(mask.pass(Bytes::from_static(b"data: eve")), "data: ");
        assert_eq!(mask.pass(Bytes::from_static(b"ning\n\n")), "evening\n\n");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[ab]{0,60}", secret in "[ab]{8,12}", size in 1usize..9) {
            let once = masked(&[&secret], &[text.as_bytes()]);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(masked(&[&secret], &pieces), once.clone());
            prop_assert!(!once.windows(secret.len()).any(|part| part == secret.as_bytes()));
            prop_assert_eq!(once.len(), text.len());
        }
    }
}
