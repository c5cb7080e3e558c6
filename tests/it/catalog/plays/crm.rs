//! Customer relations.

use super::{Body, Exchange, KEY, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![salesforce_jwt(), salesforce_client_credentials(), hubspot(), pipedrive()]
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

fn hubspot() -> Play {
    let typed = [
        ("access_token", "pat-eu1-01234567-89ab-cdef-0123-456789abcdef"),
        ("client_secret", "fedcba98-7654-3210-fedc-ba9876543210"),
    ];
    let answer = json!({ "portalId": 1234567, "accountType": "STANDARD", "uiDomain": "app-eu1.hubspot.com" });
    let call = get("api.hubapi.com", "/account-info/2026-03/details", answer)
        .bearer("pat-eu1-01234567-89ab-cdef-0123-456789abcdef");
    let identity = Some("app-eu1.hubspot.com · 1234567 · STANDARD");
    Play { exchanges: vec![call], identity, ..play("hubspot", "private_app", &typed) }
}

fn pipedrive() -> Play {
    let typed = [
        ("company", "https://Acme.pipedrive.com/settings/api"),
        ("api_token", "0123456789abcdef0123456789abcdef01234567"),
    ];
    let answer = json!({ "success": true, "data": { "id": 7, "name": "Bots", "company_name": "Acme Store" } });
    let call = get("acme.pipedrive.com", "/api/v1/users/me", answer)
        .header("x-api-token", "0123456789abcdef0123456789abcdef01234567");
    let identity = Some("Bots @ Acme Store");
    Play { exchanges: vec![call], identity, ..play("pipedrive", "api_token", &typed) }
}
