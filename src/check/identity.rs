//! “Connected as”: the one text of a service that a person sees, made harmless.

use super::held::Held;
use crate::catalog::place::Place;
use crate::catalog::template::Template;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use std::collections::BTreeMap;

/// Characters at most.
const LENGTH: usize = 120;
/// Shorter values are no secrets that could be told from other text.
const SHORTEST: usize = 4;

/// Fills the template from the answer's JSON and the plain values, those of key files too; control and direction characters are
/// stripped, copies of secrets removed. `None` when nothing is left.
pub fn of(template: &Template, json: Option<&str>, held: &Held<'_>) -> Option<String> {
    let files = shown_of_files(&held.values.plain);
    let scope = |name: &str| match name {
        "json" => json,
        _ => held.values.plain.get(name).or_else(|| files.get(name)).map(String::as_str),
    };
    let filled = template.render(&scope, Place::Text).ok()?;
    let mut text: String = filled.expose().chars().filter(|c| !is_invisible(*c)).collect();
    for secret in held.secrets().filter(|secret| secret.len() >= SHORTEST) {
        for copy in copies(secret) {
            text = text.replace(&copy, "");
        }
    }
    let text = text.replace("()", " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().take(LENGTH).collect();
    (!text.is_empty()).then_some(text)
}

/// The values of key files that may be shown (`key.client_email`), as the documents that templates look into.
fn shown_of_files(plain: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let nested = |path: &str, value: &str| {
        path.rsplit('.').fold(Value::from(value), |inner, key| Value::from_iter([(key.to_owned(), inner)]))
    };
    let parts = plain.iter().filter_map(|(name, value)| name.split_once('.').map(|(file, path)| (file, path, value)));
    parts.map(|(file, path, value)| (file.to_owned(), nested(path, value).to_string())).collect()
}

/// Whether a text holds a copy of a secret, in one of the encodings in which it may come back.
pub(super) fn quotes(text: &str, secret: &str) -> bool {
    copies(secret).iter().any(|copy| text.contains(copy.as_str()))
}

/// The encodings in which a secret may come back.
fn copies(secret: &str) -> [String; 5] {
    [
        secret.to_owned(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    ]
}

/// Control characters, and those that turn or hide text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::catalog::form::Values;
    use crate::catalog::template::Template;
    use crate::check::held::{Held, Session};
    use crate::secret::Secret;

    fn identity(template: &str, json: &str) -> Option<String> {
        let mut values = Values::default();
        values.plain.insert("user".into(), "joe".into());
        values.plain.insert("file.of.mail".into(), "bots@example.com".into());
        values.secret.insert("key".into(), Secret::new("hunter2".into()));
        let mut session = Session::default();
        session.values.insert("token".into(), Secret::new("tok-123".into()));
        of(&Template::parse(template).unwrap(), Some(json), &Held { values: &values, session: &session })
    }

    #[test]
    fn names_come_from_the_answer_and_from_plain_values_only() {
        assert_eq!(identity("{json.a} ({json.b.0})", r#"{"a":"Acme","b":[7]}"#).as_deref(), Some("Acme (7)"));
        assert_eq!(identity("{json.a} ({json.b})", r#"{"a":"Acme"}"#).as_deref(), Some("Acme"));
        assert_eq!(identity("{user}{key}", "{}").as_deref(), Some("joe"));
        assert_eq!(identity("{file.of.mail}", "{}").as_deref(), Some("bots@example.com"));
        assert_eq!(identity("{json.a}", "<html>"), None);
    }

    #[test]
    fn t057_t073_what_a_service_says_is_made_harmless() {
        let hostile = r#"{"a":"x\u001b[2J\u202e hunter2 aHVudGVyMg== tok-123 \r\n y"}"#;
        assert_eq!(identity("{json.a}", hostile).as_deref(), Some("x [2J y"));
        assert_eq!(identity("{json.a}", &format!(r#"{{"a":"{}"}}"#, "é".repeat(500))).unwrap().chars().count(), 120);
    }
}
