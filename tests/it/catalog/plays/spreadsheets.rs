//! Tables.

use super::{Body, KEY, Play, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![google_sheets()]
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
