//! Secrets that are unlike anything else, and every form in which one of them could come out.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::{BTreeMap, BTreeSet};

/// Secrets that were handed out, by the forms they may take.
#[derive(Default)]
pub struct Canaries {
    forms: BTreeMap<Vec<u8>, String>,
}

/// What was found where it must not be.
pub type Hits = BTreeSet<String>;

impl Canaries {
    /// A new secret of letters and digits that is looked for from now on; `what` names it in a finding.
    pub fn plant(&mut self, what: &str) -> String {
        let core = fresh();
        self.watch(what, &core);
        core
    }

    /// Looks for a text that somebody else made.
    pub fn watch(&mut self, what: &str, text: &str) {
        for (form, bytes) in forms(text) {
            self.forms.insert(bytes, format!("{what} ({form})"));
        }
    }

    /// A search for all of them at once.
    pub fn search(&self) -> Search<'_> {
        let mut longest: Vec<&Vec<u8>> = self.forms.keys().collect();
        longest.sort_by_key(|bytes| std::cmp::Reverse(bytes.len()));
        let any: Vec<String> = longest.into_iter().map(|bytes| literal(bytes)).collect();
        let pattern = RegexBuilder::new(&any.join("|")).unicode(false).size_limit(1 << 28).build().expect("a pattern");
        Search { pattern, forms: &self.forms }
    }
}

/// A prepared search.
pub struct Search<'a> {
    pattern: Regex,
    forms: &'a BTreeMap<Vec<u8>, String>,
}

impl Search<'_> {
    /// Everything that is found in `bytes`, with a little of what stands around it.
    pub fn hits(&self, place: &str, bytes: &[u8]) -> Hits {
        let told = |found: regex::bytes::Match<'_>| {
            let around = &bytes[found.start().saturating_sub(60)..bytes.len().min(found.end() + 20)];
            let what = self.forms.get(found.as_bytes()).map_or("?", String::as_str);
            format!("{place}: {what} in …{}…", String::from_utf8_lossy(around))
        };
        self.pattern.find_iter(bytes).take(5).map(told).collect()
    }
}

/// A text of letters and digits that nothing else contains.
fn fresh() -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("random bytes");
    let random = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    "CANARY".chars().chain(random).collect()
}

fn literal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Every form of a text, by its name. Letters and digits stay what they are where only special signs are
/// escaped, so that the plain form covers those; the others escape every sign.
fn forms(text: &str) -> Vec<(String, Vec<u8>)> {
    let each = |f: &dyn Fn(u8) -> String| text.bytes().map(f).collect::<String>().into_bytes();
    let mut all = vec![
        ("plain".to_owned(), text.as_bytes().to_vec()),
        ("lower case".to_owned(), text.to_lowercase().into_bytes()),
        ("reversed".to_owned(), text.bytes().rev().collect()),
        ("hex".to_owned(), each(&|b| format!("{b:02x}"))),
        ("HEX".to_owned(), each(&|b| format!("{b:02X}"))),
        ("URL".to_owned(), each(&|b| format!("%{b:02X}"))),
        ("url".to_owned(), each(&|b| format!("%{b:02x}"))),
        ("HTML decimal".to_owned(), each(&|b| format!("&#{b};"))),
        ("HTML hex".to_owned(), each(&|b| format!("&#x{b:x};"))),
        ("HTML HEX".to_owned(), each(&|b| format!("&#x{b:X};"))),
        ("JSON".to_owned(), each(&|b| format!("\\u{b:04x}"))),
        ("bytes as a list".to_owned(), text.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(", ").into_bytes()),
        ("UTF-16LE".to_owned(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE".to_owned(), text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for offset in 0..3 {
        all.push((format!("base64 at {offset}"), based(&STANDARD_NO_PAD, text, offset)));
        all.push((format!("base64url at {offset}"), based(&URL_SAFE_NO_PAD, text, offset)));
    }
    all
}

/// What base64 makes of a text that begins `offset` bytes into a group of three, without the signs that its
/// neighbours have a part in.
fn based(engine: &impl Engine, text: &str, offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend(text.as_bytes());
    let signs = engine.encode(&bytes).into_bytes();
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    signs[first..last].to_vec()
}

#[test]
fn t068_every_form_of_a_secret_is_seen() {
    let mut canaries = Canaries::default();
    let secret = canaries.plant("a secret");
    let other = fresh();
    let search = canaries.search();
    let inside = |text: &str| {
        let framed = format!("user:{text}@host");
        let one_off = format!("x{text}yz");
        vec![
            text.as_bytes().to_vec(),
            format!("?k={text}&amp;").into_bytes(),
            text.to_lowercase().into_bytes(),
            text.chars().rev().collect::<String>().into_bytes(),
            STANDARD_NO_PAD.encode(text).into_bytes(),
            STANDARD_NO_PAD.encode(&framed).into_bytes(),
            URL_SAFE_NO_PAD.encode(&one_off).into_bytes(),
            STANDARD_NO_PAD.encode(format!("xy{text}")).into_bytes(),
            framed.bytes().map(|b| format!("{b:02x}")).collect::<String>().into_bytes(),
            framed.bytes().map(|b| format!("{b:02X}")).collect::<String>().into_bytes(),
            text.bytes().map(|b| format!("%{b:02X}")).collect::<String>().into_bytes(),
            text.bytes().map(|b| format!("&#{b};")).collect::<String>().into_bytes(),
            text.bytes().map(|b| format!("\\u{b:04x}")).collect::<String>().into_bytes(),
            format!("{:?}", text.as_bytes()).into_bytes(),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            serde_json::to_vec(&serde_json::json!({ "a": framed })).expect("JSON"),
        ]
    };
    for bytes in inside(&secret) {
        assert_eq!(search.hits("here", &bytes).len(), 1, "{}", String::from_utf8_lossy(&bytes));
    }
    for bytes in inside(&other) {
        assert_eq!(search.hits("here", &bytes), Hits::new());
    }
}
