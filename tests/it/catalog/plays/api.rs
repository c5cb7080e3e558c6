//! Any service that speaks HTTP.

use super::{Exchange, Play, get, play};
use serde_json::json;

fn http_play(method: &'static str, typed: &[(&'static str, &str)], call: Exchange) -> Play {
    let mut all = vec![("base_url", "https://api.example.test/v1/"), ("check_path", "/me?full=1")];
    all.extend(typed);
    Play { exchanges: vec![call], ..play("http", method, &all) }
}

/// Every way to sign in.
pub fn all() -> Vec<Play> {
    let call = || {
        let mut call = get("api.example.test", "/v1/me", json!({}));
        call.query.push(("full", "1"));
        call
    };
    let mut query = call();
    query.query.push(("api_key", "p&ss=word?"));
    vec![
        http_play("bearer", &[("token", "token-of-a-test")], call().bearer("token-of-a-test")),
        http_play(
            "header",
            &[("header_name", "X-Auth-Key"), ("value", "Key value-of-a-test")],
            call().header("x-auth-key", "Key value-of-a-test"),
        ),
        http_play("query", &[("parameter", "api_key"), ("value", "p&ss=word?")], query),
        http_play(
            "basic",
            &[("user", "bot"), ("password", "pass:word")],
            // RFC 7617: base64 of `bot:pass:word`.
            call().header("authorization", "Basic Ym90OnBhc3M6d29yZA=="),
        ),
    ]
}
