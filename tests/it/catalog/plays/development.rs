//! Code.

use super::{Exchange, Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![github(), github_enterprise()]
}

fn github_call(host: &'static str, path: &'static str, token: &str) -> Exchange {
    get(host, path, json!({ "login": "acme-bots", "id": 1 }))
        .bearer(token)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
}

fn github() -> Play {
    let token = "github_pat_PlayThrough0123456789_PlayThrough0123456789";
    let call = github_call("api.github.com", "/user", token);
    let typed = [("access_token", token)];
    Play { exchanges: vec![call], identity: Some("acme-bots"), ..play("github", "token", &typed) }
}

fn github_enterprise() -> Play {
    let token = "a-token-of-any-shape";
    let typed = [("access_token", token), ("enterprise", "true"), ("base_url", "https://github.example.test/api/v3/")];
    let call = github_call("github.example.test", "/api/v3/user", token);
    Play { exchanges: vec![call], identity: Some("acme-bots"), ..play("github", "token", &typed) }
}
