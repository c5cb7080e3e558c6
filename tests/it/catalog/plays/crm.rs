//! Customer relations.

use super::{Body, Exchange, KEY, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![salesforce_jwt(), salesforce_client_credentials()]
}

const SALESFORCE_USER: Option<&str> = Some("bots@acme.example (00D000000000001)");

fn salesforce_token(body: Body) -> Exchange {
    let answer = json!({ "access_token": "00Dplay!token", "instance_url": "https://acme.my.salesforce.com" });
    let host = if matches!(body, Body::Form(_)) { "acme.my.salesforce.com" } else { "login.salesforce.com" };
    post(host, "/services/oauth2/token", body, answer)
}

fn salesforce_call() -> Exchange {
    let answer = json!({ "preferred_username": "bots@acme.example", "organization_id": "00D000000000001" });
    get("acme.my.salesforce.com", "/services/oauth2/userinfo", answer).bearer("00Dplay!token")
}

fn salesforce_jwt() -> Play {
    let typed = [("client_id", "3MVG9PlayThrough"), ("username", "bots@acme.example"), ("private_key", KEY)];
    let claims =
        json!({ "iss": "3MVG9PlayThrough", "sub": "bots@acme.example", "aud": "https://login.salesforce.com" });
    let exchanges = vec![salesforce_token(Body::Assertion(claims, 180)), salesforce_call()];
    Play { exchanges, identity: SALESFORCE_USER, ..play("salesforce", "jwt", &typed) }
}

fn salesforce_client_credentials() -> Play {
    let typed = [
        ("login_host", "acme.my.salesforce.com"),
        ("client_id", "3MVG9PlayThrough"),
        ("client_secret", "PLAYTHROUGH0123456789"),
    ];
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", "3MVG9PlayThrough"),
        ("client_secret", "PLAYTHROUGH0123456789"),
    ];
    let exchanges = vec![salesforce_token(Body::Form(form)), salesforce_call()];
    Play { exchanges, identity: SALESFORCE_USER, ..play("salesforce", "client_credentials", &typed) }
}
