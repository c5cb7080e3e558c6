//! Customer service.

use super::{Body, Exchange, Play, get, play, post};
use serde_json::json;

/// Every way to sign in, some with other values again.
pub fn all() -> Vec<Play> {
    vec![zendesk_api_token(), zendesk_oauth_client()]
}

const ZENDESK_USER: Option<&str> = Some("Bots (bots@example.test)");

fn zendesk_call() -> Exchange {
    let user = json!({ "id": 35436, "name": "Bots", "email": "bots@example.test", "role": "agent" });
    get("acme.zendesk.com", "/api/v2/users/me.json", json!({ "user": user }))
}

fn zendesk_api_token() -> Play {
    let typed = [
        ("subdomain", "https://Acme.zendesk.com/agent/"),
        ("email", "bots@example.test/token"),
        ("api_token", "PlayThrough0123456789PlayThrough01234567"),
    ];
    // RFC 7617: base64 of the e-mail, `/token:` and the token.
    let basic = "Basic Ym90c0BleGFtcGxlLnRlc3QvdG9rZW46UGxheVRocm91Z2gwMTIzNDU2Nzg5UGxheVRocm91Z2gwMTIzNDU2Nw==";
    let call = zendesk_call().header("authorization", basic);
    Play { exchanges: vec![call], identity: ZENDESK_USER, ..play("zendesk", "api_token", &typed) }
}

fn zendesk_oauth_client() -> Play {
    let typed = [
        ("subdomain", "acme"),
        ("client_id", "acme_bots"),
        ("client_secret", "a-client-secret-of-a-test"),
        ("scope", "tickets:read users:read"),
    ];
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": "acme_bots",
        "client_secret": "a-client-secret-of-a-test",
        "scope": "tickets:read users:read",
    });
    let answer = json!({ "access_token": "zendesk-play", "token_type": "bearer", "scope": "tickets:read users:read" });
    let token = post("acme.zendesk.com", "/oauth/tokens", Body::Json(body), answer);
    let exchanges = vec![token, zendesk_call().bearer("zendesk-play")];
    Play { exchanges, identity: ZENDESK_USER, ..play("zendesk", "oauth_client", &typed) }
}
