//! A bot's call with a credential in it: only below the service's base address, only with what the caller may say.

use super::mask::{Mask, behind_scheme};
use crate::catalog::schema::{Inject, Method};
use crate::check::held::Held;
use crate::check::inject::{Unfit, credential_headers, merge};
use crate::egress::flow::{Outgoing, Upload};
use crate::egress::http::{BadHeader, Headers};
use crate::egress::target::Target;
use crate::secret::Secret;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use zeroize::Zeroizing;

/// What a caller asks to be passed on, beside the body.
pub struct Passed {
    /// The method.
    pub method: hyper::Method,
    /// The path behind `/proxy/`, as it was sent.
    pub path: String,
    /// The query, as it was sent.
    pub query: String,
    /// The headers, as they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Why a call is not passed on. Nothing was sent.
#[derive(Debug)]
pub enum Unsent {
    /// The method speaks no HTTP.
    NotHttp,
    /// The path; the text says what is wrong with it.
    Path(&'static str),
    /// A header, by its name.
    Header(String),
    /// A query parameter, by its name.
    Query(String),
    /// The body; the text says what is wrong with it.
    Body(&'static str),
    /// A value of the credential does not fit its place.
    Unfit(Unfit),
}

impl<E: Into<Unfit>> From<E> for Unsent {
    fn from(error: E) -> Self {
        Self::Unfit(error.into())
    }
}

/// A call that can be sent, and what hides its secrets in the answer.
pub struct Ready {
    /// The call.
    pub outgoing: Outgoing,
    /// The mask.
    pub mask: Mask,
}

/// Headers that are of the way between the caller and us, or that only the credential sets.
const NOT_PASSED: [&str; 19] = [
    "authorization",
    "cookie",
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "accept-encoding",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
    "x-vault-token",
    "x-workspace",
    "priority",
];

/// Whether a call's JSON body must be there as a whole, since the credential is put into it.
pub fn needs_whole_body(inject: &Inject, method: &hyper::Method) -> bool {
    inject.body.is_some() && takes_body(method)
}

fn takes_body(method: &hyper::Method) -> bool {
    !matches!(*method, hyper::Method::GET | hyper::Method::HEAD | hyper::Method::OPTIONS)
}

/// Judges what can be judged of a call before its credential has signed in anywhere; the caller's headers that are
/// passed on.
///
/// # Errors
/// [`Unsent`].
pub fn fits(method: &Method, held: &Held<'_>, passed: &Passed) -> Result<Headers, Unsent> {
    let inject = &method.inject;
    if inject.base_url.is_none() || inject.sign.is_some() {
        return Err(Unsent::NotHttp);
    }
    judge_path(&passed.path).map_err(Unsent::Path)?;
    let scope = |name: &str| held.get(name);
    let own: Vec<(String, Secret)> = inject.query.pairs(&scope).unwrap_or_default();
    let named = |name: &str| own.iter().any(|(own, _)| own == name);
    if let Some((name, _)) = url::form_urlencoded::parse(passed.query.as_bytes()).find(|(name, _)| named(name)) {
        return Err(Unsent::Query(name.into_owned()));
    }
    callers(&passed.headers)
}

/// Makes the call.
///
/// # Errors
/// [`Unsent`].
pub fn ready(method: &Method, held: &Held<'_>, passed: &Passed, body: Upload) -> Result<Ready, Unsent> {
    let inject = &method.inject;
    let mut headers = fits(method, held, passed)?;
    let Some(base) = &inject.base_url else { return Err(Unsent::NotHttp) };
    let scope = |name: &str| held.get(name);
    let mut address = base.render(None, &scope)?.below(&passed.path, &passed.query)?;
    for (name, value) in &inject.query.pairs(&scope)? {
        address.push_query(name, value);
    }
    let mut own_headers = Headers::default();
    credential_headers(inject, held, &mut own_headers)?;
    credential_headers(inject, held, &mut headers)?;
    let sent: Vec<Secret> = own_headers.texts().map(behind_scheme).collect();
    let mask = Mask::of(held.secrets().chain(sent.iter().map(Secret::expose)));
    let target = Target::http(address.expose().expose())?;
    Ok(Ready { outgoing: Outgoing { method: passed.method.clone(), target, headers, body }, mask })
}

/// Puts the credential into a JSON body.
///
/// # Errors
/// [`Unsent::Body`] for anything but an object.
pub fn with_credential(inject: &Inject, held: &Held<'_>, body: &[u8]) -> Result<Upload, Unsent> {
    let own = inject.body.as_ref().map(|json| json.render(&|name| held.get(name))).transpose()?.flatten();
    let mut json = match body {
        [] => Value::Object(serde_json::Map::new()),
        body => serde_json::from_slice(body).unwrap_or_default(),
    };
    if !json.is_object() {
        return Err(Unsent::Body(
            "This credential is put into the body, which must be a JSON object of at most 1 MiB.",
        ));
    }
    // What the credential says counts, whatever the caller wrote in its place.
    if let (Value::Object(into), Some(Value::Object(own))) = (&mut json, &own) {
        own.keys()
            .filter(|name| !own.get(*name).is_some_and(Value::is_object))
            .for_each(|name| drop(into.remove(name)));
    }
    merge(&mut json, own.unwrap_or_default());
    let text = Zeroizing::new(json.to_string().into_bytes());
    Ok(Upload::whole(Bytes::from_owner(text)))
}

/// The caller's headers that are passed on.
fn callers(all: &[(String, Vec<u8>)]) -> Result<Headers, Unsent> {
    let mut headers = Headers::default();
    for (name, value) in all {
        let lower = name.to_ascii_lowercase();
        if lower == "connection" && !is_plain_connection(value) {
            return Err(Unsent::Header(lower));
        }
        if NOT_PASSED.contains(&lower.as_str()) {
            continue;
        }
        headers.add(&lower, value).map_err(|error| match error {
            BadHeader::Name | BadHeader::Value => Unsent::Header(lower),
        })?;
    }
    Ok(headers)
}

/// A connection header may take other headers out of a request; only the usual words are let through.
fn is_plain_connection(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| {
        text.split(',')
            .all(|word| ["keep-alive", "close", "te", ""].contains(&word.trim().to_ascii_lowercase().as_str()))
    })
}

/// Judges a path behind `/proxy/`, as it was sent: it must stay below the base address for every reader of it.
fn judge_path(path: &str) -> Result<(), &'static str> {
    let mut text = path.to_owned();
    // A service may decode once more than we do.
    for _ in 0..4 {
        if text.chars().any(|c| c.is_control() || c == '\\') {
            return Err("The path holds a backslash, a line end or another control character.");
        }
        if text.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
            return Err("The path holds a segment of dots.");
        }
        if text.starts_with('/') {
            return Err("The path begins with a second slash.");
        }
        let first = text.split('/').next().unwrap_or_default();
        if first.starts_with('@') {
            return Err("The path begins like a host.");
        }
        if text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme)) {
            return Err("The path is a whole address.");
        }
        let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| "The path is not written in UTF-8.")?;
        if decoded == text {
            return Ok(());
        }
        text = decoded.into_owned();
    }
    Err("The path is encoded many times over.")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use super::{Passed, Ready, Unsent, judge_path, ready, with_credential};
    use crate::catalog::form::Values;
    use crate::catalog::load::Catalog;
    use crate::check::held::{Held, Session};
    use crate::egress::flow::Upload;
    use crate::secret::Secret;
    use std::collections::BTreeMap;

    fn made(
        method: &str,
        own: &[(&str, &str)],
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Ready, Unsent> {
        let catalog = Catalog::load(None).unwrap();
        let (_, method) = catalog.method("http", method).unwrap();
        let plain = BTreeMap::from([("base_url".to_owned(), "https://api.example.com/v1".to_owned())]);
        let mut values = Values { plain, secret: BTreeMap::new() };
        for (name, value) in own {
            match method.field(name).unwrap().kind.is_secret() {
                true => drop(values.secret.insert((*name).to_owned(), Secret::new((*value).to_owned()))),
                false => drop(values.plain.insert((*name).to_owned(), (*value).to_owned())),
            }
        }
        let session = Session::default();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let (path, query) = (path.to_owned(), query.to_owned());
        let passed = Passed { method: hyper::Method::POST, path, query, headers };
        ready(method, &Held { values: &values, session: &session }, &passed, Upload::default())
    }

    #[test]
    fn a_call_goes_below_the_base_address_with_the_credential_in_it() {
        let headers =
            [("X-Mine", "1"), ("Authorization", "Bearer crdz"), ("Cookie", "sid=x"), ("Connection", "keep-alive")];
        let call =
            made("bearer", &[("token", "tok-0123456789")], "orders/7%2F8", "a=1&b=%20", &headers).unwrap().outgoing;
        assert_eq!(call.target.place(), "api.example.com:443");
        assert_eq!(call.target.resource().expose(), "/v1/orders/7%2F8?a=1&b=%20");
        let texts: Vec<&str> = call.headers.texts().collect();
        assert!(texts.contains(&"Bearer tok-0123456789") && texts.contains(&"1") && texts.len() == 2, "{texts:?}");
        assert_eq!(made("bearer", &[("token", "x")], "", "", &[]).unwrap().outgoing.target.resource().expose(), "/v1");
    }

    #[test]
    fn t101_paths_that_would_lead_elsewhere_are_refused() {
        for bad in [
            "..",
            "../admin",
            "a/../b",
            "a/%2e%2e/b",
            "a/%2E./b",
            "a/%252e%252e/b",
            "/host/x",
            "%2Fhost",
            "//host",
            "@host/x",
            "%40host",
            "https://evil.example/x",
            "HTTPS:%2F%2Fevil.example",
            "a\\b",
            "a%5cb",
            "a%0d%0aX:y",
            "a%00",
            "./a",
            "a/..;/b",
        ] {
            assert!(judge_path(bad).is_err(), "{bad}");
            assert!(matches!(made("bearer", &[("token", "x")], bad, "", &[]), Err(Unsent::Path(_))), "{bad}");
        }
        for good in [
            "",
            "a",
            "a/b.c/..d/e..",
            "users/me@example.com/messages",
            "a//b",
            "a:b",
            "group%2Fproject",
            "x?y".split('?').next().unwrap(),
        ] {
            assert_eq!(judge_path(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn headers_and_parameters_of_the_credential_and_of_the_connection_are_not_the_callers() {
        for (name, value) in [
            ("Connection", "close, X-Api-Key"),
            ("Upgrade", "websocket"),
            ("Trailer", "x"),
            ("Proxy-Authorization", "x"),
            ("X-aws-ec2-metadata-token", "x"),
            ("Metadata-Flavor", "Google"),
            ("X-Mine", "a\r\nb"),
            ("Content-Encoding", "gzip"),
        ] {
            let sent = made("bearer", &[("token", "x")], "a", "", &[(name, value)]);
            assert!(matches!(sent, Err(Unsent::Header(_))), "{name}");
        }
        let own = [("parameter", "key"), ("value", "0123456789")];
        let catalog = Catalog::load(None).unwrap();
        if let Some(method) = catalog.method("http", "query").map(|(_, method)| method) {
            let names: Vec<&str> = method.fields.iter().map(|field| field.name.as_str()).collect();
            assert!(own.iter().all(|(name, _)| names.contains(name)) || !names.is_empty());
        }
    }

    #[test]
    fn the_credential_is_put_into_the_body_of_a_service_that_wants_it_there() {
        let catalog = Catalog::load(None).unwrap();
        let (_, method) = catalog.method("omie", "app_key").unwrap();
        let secret = |name: &str| (name.to_owned(), Secret::new(format!("{name}-0123456789")));
        let values = Values { plain: BTreeMap::new(), secret: ["app_key", "app_secret"].map(secret).into() };
        let held = Held { values: &values, session: &Session::default() };
        let body = with_credential(&method.inject, &held, br#"{"call":"List","app_secret":"mine"}"#).unwrap();
        assert!(body.length.is_some_and(|length| length > 60));
        assert!(with_credential(&method.inject, &held, b"[1]").is_err());
        assert!(with_credential(&method.inject, &held, b"no json").is_err());
    }
}
