//! Clear words by which a person chooses what an imitated service does.

use super::web_server::Recorded;
use crate::catalog::schema::Outcome;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;

/// What an imitated service does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mood {
    /// Takes it.
    Fine,
    /// Does not know the secret.
    Wrong,
    /// Says that its time is over, where it tells that from a wrong one.
    Expired,
    /// Knows it, but a permission is lacking.
    Limited,
    /// Limits calls.
    Busy,
    /// Has a fault of its own.
    Down,
    /// Does not answer in time.
    Slow,
}

/// The words, with what each does, for a person. `dead` is for keys of hexadecimal digits.
pub const WORDS: [(&str, Mood, &str); 7] = [
    ("wrong", Mood::Wrong, "the service does not know it"),
    ("dead", Mood::Wrong, "the same, for keys of hexadecimal digits"),
    ("expired", Mood::Expired, "its time is over"),
    ("limited", Mood::Limited, "it lacks a permission"),
    ("busy", Mood::Busy, "the service limits calls"),
    ("down", Mood::Down, "the service has a fault of its own"),
    ("slow", Mood::Slow, "the service does not answer in time"),
];

/// Headers that hold nothing of a credential.
pub(super) const USUAL: [&str; 5] = ["host", "user-agent", "accept", "content-type", "content-length"];
/// Shorter texts are not looked at as base64.
const SHORTEST: usize = 8;

impl Mood {
    /// The mood of the first word that stands in a text on its own, between anything but letters.
    pub fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let spoken = WORDS.iter().find(|(word, ..)| stands_in(&text, word));
        spoken.map_or(Self::Fine, |(_, mood, _)| *mood)
    }

    /// The mood that a request asks for by what it carries, encoded or not.
    pub fn asked_by(request: &Recorded) -> Self {
        let mut texts = vec![percent_decode_str(&request.target).decode_utf8_lossy().into_owned()];
        texts.extend(request.headers.iter().filter(|(n, _)| !USUAL.contains(&n.as_str())).map(|(_, v)| v.clone()));
        texts.push(percent_decode_str(&request.text()).decode_utf8_lossy().into_owned());
        let encoded: Vec<String> = texts.iter().flat_map(|text| decoded(text)).collect();
        Self::of(&[texts, encoded].concat().join("\n"))
    }

    /// The outcomes that come nearest, nearest first; none for [`Mood::Fine`] and [`Mood::Slow`].
    pub fn outcomes(self) -> &'static [Outcome] {
        use Outcome::{Expired, Forbidden, Invalid, Limited, RateLimited, Reauthorize, Unavailable};
        match self {
            Self::Fine | Self::Slow => &[],
            Self::Wrong => &[Invalid, Expired, Reauthorize, Forbidden],
            Self::Expired => &[Expired, Reauthorize, Invalid],
            Self::Limited => &[Limited, Forbidden],
            Self::Busy => &[RateLimited],
            Self::Down => &[Unavailable],
        }
    }
}

fn stands_in(text: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase());
    text.match_indices(word)
        .any(|(at, _)| !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + word.len()..].chars().next()))
}

/// What stands encoded in a text: Basic, the parts of a JWT.
fn decoded(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let parts = text.split(|c| !is_part(c)).filter(|part| part.len() >= SHORTEST);
    let bytes = parts.filter_map(|part| URL_SAFE_NO_PAD.decode(part).or_else(|_| STANDARD.decode(part)).ok());
    bytes.filter_map(|bytes| String::from_utf8(bytes).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Mood, Recorded};

    #[test]
    fn a_word_counts_where_it_stands_alone() {
        for (text, mood) in [
            ("rk_test_wrong00000", Mood::Wrong),
            ("shpat_0000dead0000", Mood::Wrong),
            ("Expired", Mood::Expired),
            ("my-busy-token", Mood::Busy),
            ("downloads", Mood::Fine),
            ("slowly", Mood::Fine),
            ("", Mood::Fine),
        ] {
            assert_eq!(Mood::of(text), mood, "{text}");
        }
    }

    #[test]
    fn a_word_is_found_wherever_a_credential_travels() {
        let header = |value: &str| Recorded {
            headers: vec![("authorization".into(), value.into()), ("host".into(), "down.example.com".into())],
            ..Recorded::default()
        };
        // RFC 7617: base64 of `bot:wrong`; then a JWT whose payload is {"iss":"wrong"}.
        assert_eq!(Mood::asked_by(&header("Basic Ym90Ondyb25n")), Mood::Wrong);
        assert_eq!(Mood::asked_by(&header("Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ3cm9uZyJ9.AA")), Mood::Wrong);
        assert_eq!(Mood::asked_by(&header("Bearer right")), Mood::Fine, "a host is no secret");
        let body = |text: &str| Recorded { body: text.as_bytes().to_vec(), ..Recorded::default() };
        assert_eq!(Mood::asked_by(&body("client_secret=it%20is%20wrong")), Mood::Wrong);
        let target = Recorded { target: "/me?token=busy".into(), ..Recorded::default() };
        assert_eq!(Mood::asked_by(&target), Mood::Busy);
    }
}
