//! Tables and pages.

use super::{Body, KEY, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![airtable(), google_sheets(), notion()]
}

fn airtable() -> Play {
    let token = "patPlayThrough0123.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let typed = [("access_token", token), ("base_id", "https://airtable.com/appPlayThrough012/tblPlayThrough012")];
    let answer = json!({ "id": "usrPlayThrough012", "scopes": ["data.records:read"] });
    let call = get("api.airtable.com", "/v0/meta/whoami", answer).bearer(token);
    Play { exchanges: vec![call], identity: Some("usrPlayThrough012"), ..play("airtable", "token", &typed) }
}

fn notion() -> Play {
    let token = "ntn_PlayThrough0123456789PlayThrough0123456789";
    let answer = json!({ "object": "user", "name": "Bots", "type": "bot", "bot": { "workspace_name": "Acme" } });
    let call = get("api.notion.com", "/v1/users/me", answer).bearer(token).header("notion-version", "2026-03-11");
    let identity = Some("Acme (Bots)");
    Play { exchanges: vec![call], identity, ..play("notion", "token", &[("access_token", token)]) }
}

fn google_sheets() -> Play {
    let key = json!({
        "type": "service_account",
        "client_email": "bots@play.iam.gserviceaccount.com",
        "private_key": KEY,
        // The file's own address must not be used: whoever forges a file would receive the assertion.
        "token_uri": "https://evil.example.test/token",
    });
    let claims = json!({
        "iss": "bots@play.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/spreadsheets",
        "aud": "https://oauth2.googleapis.com/token",
    });
    let answer = json!({ "access_token": "ya29.play", "expires_in": 3599, "token_type": "Bearer" });
    let call = post("oauth2.googleapis.com", "/token", Body::Assertion(claims, 3600), answer);
    let identity = Some("bots@play.iam.gserviceaccount.com");
    Play { exchanges: vec![call], identity, ..play("google-sheets", "service_account", &[("key", &key.to_string())]) }
}
