//! Providers of language models.

use super::{Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![openai(), openai_compatible()]
}

fn openai() -> Play {
    let typed = [("api_key", "sk-proj-PlayThrough-0123456789"), ("organization", "org-play")];
    let call = get("api.openai.com", "/v1/models", json!({ "object": "list", "data": [] }))
        .bearer("sk-proj-PlayThrough-0123456789")
        .header("openai-organization", "org-play");
    Play { exchanges: vec![call], ..play("openai", "api_key", &typed) }
}

fn openai_compatible() -> Play {
    let typed =
        [("api_key", "a-local-key-of-any-shape"), ("custom", "true"), ("base_url", "https://llm.example.test/api/v1/")];
    let call = get("llm.example.test", "/api/v1/models", json!({ "data": [{ "id": "tiny" }] }))
        .bearer("a-local-key-of-any-shape");
    Play { exchanges: vec![call], ..play("openai", "api_key", &typed) }
}
