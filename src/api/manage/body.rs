//! The body of a request in JSON, read strictly and only after its sender was allowed to send it.

use crate::api::problem::{self, FieldError, Problem};
use crate::error::Error;
use crate::secret::Secret;
use crate::web::body::{self, LIMIT};
use crate::web::incoming::Incoming;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

/// So much of a name is told back.
pub(super) const LONGEST_NAME: usize = 60;

/// A body that has not been read yet.
pub struct Body {
    incoming: Incoming,
    kind: Result<(), Problem>,
}

impl FromRequest for Body {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { incoming: Incoming::of(req, payload), kind: json_type(req.headers()) }))
    }
}

/// Whether the body is said to be JSON.
fn json_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut all = headers.get_all(CONTENT_TYPE);
    let text = all.next().and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if all.next().is_some() {
        return Err(Problem::new(&problem::MALFORMED, "This request has two content types."));
    }
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts.next() == Some("application/json");
    let is_utf8 = parts.all(|part| match part.split_once('=') {
        Some(("charset", charset)) => charset.trim_matches('"') == "utf-8",
        _ => true,
    });
    if is_json && is_utf8 { Ok(()) } else { Err(Error::UnsupportedType.into()) }
}

impl Body {
    /// Reads it. Without a body every field is absent, and no type is needed.
    ///
    /// # Errors
    /// 400 for what is no JSON, for a field that is unknown, comes twice or is of another type; 422 for one that is
    /// missing; and as [`body::read`].
    pub async fn read<T: DeserializeOwned>(mut self) -> Result<T, Problem> {
        let whole = body::read(&mut self.incoming, LIMIT).await?;
        let bytes: &[u8] = match whole.bytes.as_slice() {
            [] => b"{}",
            bytes => {
                self.kind?;
                bytes
            }
        };
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::new(&problem::MALFORMED, "The body is not a JSON object."));
        }
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| unread(&error))?;
        reader.end().map_err(|_| Problem::new(&problem::MALFORMED, "Behind the body's JSON stands something else."))?;
        Ok(read)
    }
}

/// What is wrong with a body, without what was found in it: that may be a secret.
fn unread(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    if !inner.is_data() {
        let (line, column) = (inner.line(), inner.column());
        return Problem::new(&problem::MALFORMED, format!("The body is not JSON (line {line}, column {column})."));
    }
    let told = inner.to_string();
    let named = |start: &str| told.strip_prefix(start).and_then(|rest| rest.split('`').next()).map(str::to_owned);
    if let Some(field) = named("missing field `") {
        let text = format!("The field {field} is missing.");
        let errors = vec![FieldError { field, code: "required".to_owned(), text: text.clone() }];
        return Problem { errors, ..Problem::new(&problem::INVALID, text) };
    }
    let path = named("duplicate field `").unwrap_or_else(|| error.path().to_string());
    let path: String = path.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    // What comes behind the last “expected” is our own.
    let expected = told.rsplit(", expected ").next().unwrap_or_default();
    let expected = expected.split(" at line ").next().unwrap_or_default();
    let (code, text) = match () {
        () if told.starts_with("unknown field") => {
            ("unknown_field", format!("A field is not known here; expected {expected}."))
        }
        () if told.starts_with("duplicate field") => ("twice", "A field comes twice.".to_owned()),
        () => ("wrong_type", format!("The field {path} is of another type: expected {expected}.")),
    };
    let errors = vec![FieldError { field: path, code: code.to_owned(), text: text.clone() }];
    Problem { errors, ..Problem::new(&problem::MALFORMED, text) }
}

/// A text without NUL, which no database keeps and no service takes.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(String);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') { Err(D::Error::custom("a NUL, expected a text without NUL")) } else { Ok(Self(text)) }
    }
}

/// The value of a field of a credential: a text, a number or a switch. It may be a secret, so it is held as one.
struct Entry(Secret);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar).map(Self)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        if text.contains('\0') {
            Err(E::custom("a NUL, expected a text without NUL"))
        } else {
            Ok(Secret::new(text.to_owned()))
        }
    }

    fn visit_bool<E>(self, value: bool) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Secret, E> {
        Ok(Secret::new(value.to_string()))
    }
}

/// Values by the names of their fields, each once.
#[derive(Debug, Default)]
pub struct Values(pub BTreeMap<String, Secret>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName).map(Self)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = BTreeMap<String, Secret>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values by the names of their fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = BTreeMap::new();
        while let Some((name, Entry(value))) = map.next_entry::<String, Entry>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("duplicate field"));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, Values, json_type, unread};
    use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sent {
        name: Text,
        #[serde(default)]
        revision: i64,
        #[serde(default)]
        values: Values,
    }

    fn read(text: &str) -> Result<Sent, super::Problem> {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|error| unread(&error))
    }

    #[test]
    fn texts_numbers_and_switches_are_values() {
        let sent = read(r#"{"name":"é","values":{"host":"h","port":465,"tls":true}}"#).unwrap();
        let values: Vec<&str> = sent.values.0.values().map(|value| value.expose()).collect();
        assert_eq!((&*sent.name, sent.revision, values), ("é", 0, vec!["h", "465", "true"]));
    }

    #[test]
    fn what_is_wrong_is_named_and_what_was_found_is_not() {
        const SECRET: &str = "sk-canary, expected nothing";
        for (text, field, code) in [
            (format!(r#"{{"name":"a","revision":"{SECRET}"}}"#), "revision", "wrong_type"),
            (format!(r#"{{"name":"a","values":{{"token":["{SECRET}"]}}}}"#), "values.token", "wrong_type"),
            (format!(r#"{{"name":"a","values":"{SECRET}"}}"#), "values", "wrong_type"),
            (format!(r#"{{"name":"a","values":{{"a":"{SECRET}","a":"b"}}}}"#), "values", "twice"),
            (r#"{"name":"a","values":{"a":"\u0000"}}"#.to_owned(), "values.a", "wrong_type"),
            (r#"{"name":"a","name":"b"}"#.to_owned(), "name", "twice"),
            (r#"{"revision":1}"#.to_owned(), "name", "required"),
        ] {
            let problem = read(&text).unwrap_err();
            assert!(!problem.detail.contains("canary"), "{}", problem.detail);
            assert_eq!((problem.errors[0].field.as_str(), problem.errors[0].code.as_str()), (field, code), "{text}");
        }
        for text in [format!(r#"{{"name":"{SECRET}"#), SECRET.to_owned(), "1".to_owned()] {
            let problem = read(&text).unwrap_err();
            assert!(!problem.detail.contains("canary") && problem.kind.status == 400, "{}", problem.detail);
        }
        let unknown = read(&format!(r#"{{"name":"a","{SECRET}":1}}"#)).unwrap_err();
        assert_eq!((unknown.errors[0].code.as_str(), unknown.kind.status), ("unknown_field", 400));
    }

    #[test]
    fn t124_content_types() {
        let judge = |types: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(text));
            }
            json_type(&headers).map_err(|problem| problem.kind.status)
        };
        assert_eq!(judge(&["application/json"]), Ok(()));
        assert_eq!(judge(&["application/json; charset=UTF-8"]), Ok(()));
        assert_eq!(judge(&["application/json; charset=utf-7"]), Err(415));
        assert_eq!(judge(&["application/x-www-form-urlencoded"]), Err(415));
        assert_eq!(judge(&[]), Err(415));
        assert_eq!(judge(&["application/json", "text/plain"]), Err(400));
    }
}
