//! One typed secret: pasted noise taken off, judged, restored where a clipboard broke it.

use crate::catalog::form::Remark;
use crate::catalog::schema::{Field, FieldKind, Format};
use crate::catalog::template::find;
use crate::catalog::value::{LARGEST_VALUE, format, normalised, rejected, remark, shaped, too_long};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

/// A secret as it is sealed, what to look at, and what of it may be shown.
#[derive(Debug)]
pub struct Sealable {
    /// The text; empty when nothing was typed.
    pub text: Secret,
    /// A warning.
    pub warning: Option<Remark>,
    /// Name and value of the part that may be shown (`key.client_email`).
    pub shown: Option<(String, String)>,
}

/// Makes a typed secret fit to be sealed, or says what is wrong with it; remarks never quote it.
///
/// `password` spares quotes and words: in a password they may be meant. `skip` leaves out patterns.
pub fn secret(field: &Field, typed: &Secret, password: bool, skip: bool) -> Result<Sealable, Remark> {
    let typed = typed.expose();
    if typed.len() > LARGEST_VALUE {
        return Err(too_long());
    }
    match field.kind {
        FieldKind::PemSecret => pem(typed).map(|text| sealable(text, None)),
        FieldKind::JsonSecret => json(field, typed),
        _ => one_line(field, typed, password, skip),
    }
}

fn sealable(text: Zeroizing<String>, warning: Option<Remark>) -> Sealable {
    Sealable { text: Secret::new(text.as_str().to_owned()), warning, shown: None }
}

fn one_line(field: &Field, typed: &str, password: bool, skip: bool) -> Result<Sealable, Remark> {
    // A whole header value may start with its scheme.
    let meant = password || field.format == Some(Format::HeaderValue);
    let bare = if meant { typed.trim_matches(is_blank) } else { without_noise(typed) };
    let tidy = (!field.normalise.is_empty()).then(|| normalised(field, bare));
    let bare = tidy.as_ref().map_or(bare, |text| text.as_str());
    if bare.chars().any(char::is_control) {
        return Err(remark(
            "control_character",
            "Paste one line: there is a line end or another control character in it.",
        ));
    }
    if bare.is_empty() {
        return Ok(sealable(Zeroizing::default(), None));
    }
    format(field, bare)?;
    let shape = if skip { None } else { rejected(field, bare).and_then(|()| shaped(field, bare))? };
    let cleaned = (bare.len() != typed.len()).then(|| {
        remark("cleaned", "Spaces, quotes or words around the value were taken off. Only the value itself was kept.")
    });
    Ok(sealable(Zeroizing::new(bare.to_owned()), shape.or(cleaned)))
}

/// White space, and the marks without width that clipboards add.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{feff}')
}

/// Takes off blanks, quotes and `Bearer ` around a key, as often as they are nested.
fn without_noise(typed: &str) -> &str {
    const QUOTES: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('«', '»')];
    let mut text = typed.trim_matches(is_blank);
    loop {
        let before = text.len();
        for (open, close) in QUOTES {
            if let Some(inner) = text.strip_prefix(open).and_then(|t| t.strip_suffix(close)) {
                text = inner.trim_matches(is_blank);
            }
        }
        let word = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
        if word {
            text = text.get(7..).unwrap_or_default().trim_matches(is_blank);
        }
        if text.eq_ignore_ascii_case("bearer") {
            return "";
        }
        if text.len() == before {
            return text;
        }
    }
}

/// A private key (RFC 7468): written-out `\n`, lost line ends and quotes are repaired.
fn pem(typed: &str) -> Result<Zeroizing<String>, Remark> {
    let bad = |text: &str| Err(remark("bad_pem", text));
    let restored = Zeroizing::new(typed.replace("\\r", "").replace("\\n", "\n").replace('\r', ""));
    let text = restored.trim_matches(|c: char| is_blank(c) || matches!(c, '"' | '\'' | ','));
    if text.is_empty() {
        return Ok(Zeroizing::default());
    }
    let whole = text.strip_prefix("-----BEGIN ").and_then(|rest| rest.split_once("-----"));
    let Some((label, rest)) = whole else {
        return bad("Paste the whole key, from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----.");
    };
    if label.contains("CERTIFICATE") || label.contains("PUBLIC") {
        return bad("This is a certificate or a public key. Paste the private key that belongs to it.");
    }
    if label == "ENCRYPTED PRIVATE KEY" || rest.contains("ENCRYPTED") {
        return bad("This key has a passphrase. Save it without one first, and paste that.");
    }
    if !matches!(label, "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY") {
        return bad("This is not a private key in PEM. It starts with -----BEGIN PRIVATE KEY-----.");
    }
    let Some((body, after)) = rest.split_once("-----END ") else {
        return bad("The end of the key is missing. Copy it down to -----END PRIVATE KEY-----.");
    };
    if after.trim_end() != format!("{label}-----") {
        return bad("Paste one key only, and nothing behind it.");
    }
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_whitespace()).collect());
    let Ok(der) = STANDARD.decode(body.as_bytes()).map(Zeroizing::new) else {
        return bad("A part of the key is missing or was changed. Copy it once more, all of it.");
    };
    if der.first() != Some(&0x30) {
        return bad("What stands between BEGIN and END is not a key.");
    }
    let mut out = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for (at, c) in body.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out.push_str(&format!("\n-----END {label}-----\n"));
    Ok(out)
}

/// A JSON document with the paths and values that its field wants.
fn json(field: &Field, typed: &str) -> Result<Sealable, Remark> {
    let bad = |text: String| Err(remark("bad_json", text));
    let text = typed.trim_matches(is_blank);
    if text.is_empty() {
        return Ok(sealable(Zeroizing::default(), None));
    }
    let Ok(document @ Value::Object(_)) = serde_json::from_str::<Value>(text) else {
        return bad("This is not a JSON file. Paste all of it, from the first { to the last }.".to_owned());
    };
    let at = |path: &str| match find(&document, path.split('.')) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    };
    for (path, wanted) in &field.check_paths {
        if at(path) != wanted.as_str() {
            let wanted = wanted.as_str();
            return bad(format!("This is another kind of file: its “{path}” is not “{wanted}”."));
        }
    }
    if let Some(path) = field.require_paths.iter().find(|path| at(path).is_empty()) {
        return bad(format!("There is no “{path}” in this file. Download it once more and paste it unchanged."));
    }
    let shown = field.identity_path.as_ref().zip(field.identity_name()).map(|(path, name)| {
        let value: String = at(path).chars().filter(|c| !c.is_control()).take(120).collect();
        (name, value)
    });
    Ok(Sealable { text: Secret::new(text.to_owned()), warning: None, shown })
}
