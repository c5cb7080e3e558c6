//! Compares what a server recorded with what a method may send, and nothing else.

use super::plays::{Body, Exchange, KEY, Play};
use crate::support::http_server::Recorded;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

/// Headers that every request may have.
const USUAL: [&str; 5] = ["host", "user-agent", "accept", "content-type", "content-length"];

/// Fails unless the request is the wanted one: every part equal, no header too many, no secret beside its place.
pub fn same(place: &str, seen: &Recorded, wanted: &Exchange) {
    assert_eq!(seen.method, wanted.method, "{place}");
    assert_eq!(seen.server_name.as_deref(), Some(wanted.host), "{place}: name in the handshake");
    let host = seen.header("host").unwrap_or_default();
    assert_eq!(host.split(':').next(), Some(wanted.host), "{place}: Host");
    assert_eq!(seen.path(), wanted.path, "{place}: path");
    let mut query: Vec<_> = url::form_urlencoded::parse(seen.query().as_bytes()).into_owned().collect();
    query.sort();
    assert_eq!(query, sorted(&wanted.query), "{place}: query");
    headers(place, seen, wanted);
    body(place, seen, &wanted.body);
}

fn sorted(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut out: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    out.sort();
    out
}

fn headers(place: &str, seen: &Recorded, wanted: &Exchange) {
    for (name, value) in &wanted.headers {
        assert_eq!(seen.header(name), Some(value.as_str()), "{place}: header {name}");
    }
    let agent = seen.header("user-agent").unwrap_or_default();
    assert!(agent.starts_with("Credenza/"), "{place}: {agent}");
    let known = |name: &str| USUAL.contains(&name) || wanted.headers.iter().any(|(wanted, _)| *wanted == name);
    for (name, value) in &seen.headers {
        assert!(known(name), "{place}: {name}: {value} is one header too many");
    }
}

fn body(place: &str, seen: &Recorded, wanted: &Body) {
    match wanted {
        Body::Nothing => assert!(seen.body.is_empty(), "{place}: {}", seen.text()),
        Body::Json(value) => assert_eq!(&seen.json(), value, "{place}"),
        Body::Form(pairs) => {
            let mut form = seen.form();
            form.sort();
            assert_eq!(form, sorted(pairs), "{place}: form");
        }
        Body::Assertion(claims, ttl) => assertion(place, &seen.form(), claims, *ttl),
    }
}

fn assertion(place: &str, form: &[(String, String)], wanted: &Value, ttl: u64) {
    let entry = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    assert_eq!(form.len(), 2, "{place}: {form:?}");
    assert_eq!(entry("grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer", "{place}");
    let parts: Vec<&str> = entry("assertion").split('.').collect();
    let [head, claims, signature] = parts[..] else { panic!("{place}: not three parts") };
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
    let head: Value = serde_json::from_slice(&read(head)).expect("a head");
    assert_eq!(head["alg"], "RS256", "{place}");
    let public = ring::signature::KeyPair::public_key(&key_pair()).as_ref().to_vec();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    key.verify(signed.as_bytes(), &read(signature)).expect("a good signature");
    let mut claims: Value = serde_json::from_slice(&read(claims)).expect("claims");
    let claims = claims.as_object_mut().expect("an object");
    let (from, to) = (claims.remove("iat"), claims.remove("exp"));
    let number = |value: Option<Value>| value.and_then(|v| v.as_u64()).expect("a time");
    assert_eq!(number(to) - number(from), ttl, "{place}: life of the assertion");
    assert_eq!(&Value::Object(claims.clone()), wanted, "{place}: claims");
}

fn key_pair() -> RsaKeyPair {
    let lines: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(lines).expect("base64")).expect("a key")
}

/// The secrets that were typed, each in the spellings in which it could show up.
pub fn secrets(play: &Play, names: &[String]) -> Vec<String> {
    let typed = play.typed.iter().filter(|(name, _)| names.iter().any(|secret| secret == name));
    typed.flat_map(|(_, value)| [value.clone(), STANDARD.encode(value)]).collect()
}
