//! Providers of language models.

use super::{Play, get, play};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![openai(), openai_compatible(), anthropic(), gemini(), mistral(), groq(), deepseek()]
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

fn anthropic() -> Play {
    let typed = [("api_key", "sk-ant-api03-PlayThrough-0123456789")];
    let mut call = get("api.anthropic.com", "/v1/models", json!({ "data": [{ "id": "a-model" }], "has_more": true }))
        .header("x-api-key", "sk-ant-api03-PlayThrough-0123456789")
        .header("anthropic-version", "2023-06-01");
    call.query.push(("limit", "1"));
    Play { exchanges: vec![call], ..play("anthropic", "api_key", &typed) }
}

fn gemini() -> Play {
    let typed = [("api_key", " AQ.PlayThrough-0123456789_abcdef\n")];
    let answer = json!({ "models": [{ "name": "models/a-model" }], "nextPageToken": "more" });
    let mut call = get("generativelanguage.googleapis.com", "/v1beta/models", answer)
        .header("x-goog-api-key", "AQ.PlayThrough-0123456789_abcdef");
    call.query.push(("pageSize", "1"));
    Play { exchanges: vec![call], ..play("google-gemini", "api_key", &typed) }
}

fn mistral() -> Play {
    let typed = [("api_key", "PlayThrough0123456789abcdefghijk")];
    let call = get("api.mistral.ai", "/v1/models", json!({ "object": "list", "data": [] }))
        .bearer("PlayThrough0123456789abcdefghijk");
    Play { exchanges: vec![call], ..play("mistral", "api_key", &typed) }
}

fn groq() -> Play {
    let typed = [("api_key", "gsk_PlayThrough0123456789")];
    let call = get("api.groq.com", "/openai/v1/models", json!({ "object": "list", "data": [] }))
        .bearer("gsk_PlayThrough0123456789");
    Play { exchanges: vec![call], ..play("groq", "api_key", &typed) }
}

fn deepseek() -> Play {
    let typed = [("api_key", "sk-0123456789abcdef0123456789abcdef")];
    let answer = json!({ "is_available": true, "balance_infos": [{ "currency": "USD", "total_balance": "7.00" }] });
    let call = get("api.deepseek.com", "/user/balance", answer).bearer("sk-0123456789abcdef0123456789abcdef");
    Play { exchanges: vec![call], ..play("deepseek", "api_key", &typed) }
}
