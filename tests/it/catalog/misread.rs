//! Answers whose status alone says something else than they mean, service by service.

use super::cases::Deed;
use super::plays::{self, Play};
use super::shipped;
use super::stage::Stage;
use credenza::check::report::Outcome;
use serde_json::{Value, json};

/// Integration, method, what the service does, and what it means. In the order of the integrations.
fn known() -> Vec<(&'static str, &'static str, Deed, Outcome)> {
    let http = |status: u16, body: Value| Deed::Http(status, body);
    let mail = |line: &str| Deed::Smtp(line.to_owned());
    let fault = |text: &str| json!({ "faultstring": text, "faultcode": "SOAP-ENV:Client-6" });
    vec![
        ("anthropic", "api_key", http(403, json!({ "error": { "type": "permission_error" } })), Outcome::Limited),
        ("anthropic", "api_key", http(403, json!({ "error": { "type": "forbidden" } })), Outcome::Forbidden),
        ("anthropic", "api_key", http(529, json!({ "error": { "type": "overloaded_error" } })), Outcome::Unavailable),
        ("asaas", "api_key", http(401, json!({ "errors": [{ "code": "invalid_access_token" }] })), Outcome::Invalid),
        ("asaas", "api_key", http(403, json!({})), Outcome::Blocked),
        ("asaas", "api_key", http(403, json!({ "errors": [{ "code": "insufficient_permission" }] })), Outcome::Limited),
        ("brevo", "api_key", http(401, json!({ "message": "an unrecognised IP address 192.0.2.1" })), Outcome::Blocked),
        ("brevo", "api_key", http(401, json!({ "message": "Key not found" })), Outcome::Invalid),
        ("deepseek", "api_key", http(200, json!({ "is_available": false })), Outcome::Limited),
        ("discord", "bot_token", http(200, json!({ "id": "1", "username": "a person" })), Outcome::Misconfigured),
        ("github", "token", http(403, json!({ "message": "API rate limit exceeded" })), Outcome::RateLimited),
        ("google-gemini", "api_key", http(400, google_error("API_KEY_INVALID")), Outcome::Invalid),
        (
            "google-gemini",
            "api_key",
            http(400, json!({ "error": { "status": "INVALID_ARGUMENT" } })),
            Outcome::Misconfigured,
        ),
        ("google-gemini", "api_key", http(403, google_error("SERVICE_DISABLED")), Outcome::Forbidden),
        ("groq", "api_key", http(400, json!({ "error": { "code": "organization_restricted" } })), Outcome::Blocked),
        ("http", "basic", http(403, json!({})), Outcome::Forbidden),
        ("http", "bearer", http(403, json!({})), Outcome::Forbidden),
        ("http", "bearer", http(302, json!({})), Outcome::Misconfigured),
        ("http", "header", http(403, json!({})), Outcome::Forbidden),
        ("http", "query", http(403, json!({})), Outcome::Forbidden),
        ("hubspot", "private_app", http(401, json!({ "category": "EXPIRED_AUTHENTICATION" })), Outcome::Expired),
        ("hubspot", "private_app", http(401, json!({ "category": "INVALID_AUTHENTICATION" })), Outcome::Invalid),
        ("hubspot", "private_app", http(403, json!({ "category": "MISSING_SCOPES" })), Outcome::Limited),
        (
            "mailgun",
            "api_key",
            http(200, json!({ "domain": { "name": "a", "state": "unverified" } })),
            Outcome::Limited,
        ),
        ("mailgun", "api_key", http(200, json!({ "domain": { "name": "a", "state": "new" } })), Outcome::Limited),
        (
            "omie",
            "app_key",
            http(500, fault("ERROR: Consumo redundante detectado. Aguarde 16 segundos")),
            Outcome::RateLimited,
        ),
        ("omie", "app_key", http(500, fault("ERROR: API bloqueada por consumo indevido.")), Outcome::RateLimited),
        ("omie", "app_key", http(403, fault("A chave de acesso está inválida")), Outcome::Invalid),
        ("omie", "app_key", http(200, fault("A chave de acesso está inválida")), Outcome::Invalid),
        ("omie", "app_key", http(500, fault("ERROR: Internal")), Outcome::Unknown),
        ("omie", "app_key", http(500, json!({})), Outcome::Unavailable),
        ("openai", "api_key", http(403, json!({})), Outcome::Limited),
        ("openai", "api_key", http(429, json!({ "error": { "type": "insufficient_quota" } })), Outcome::Limited),
        ("openai", "api_key", http(429, json!({})), Outcome::RateLimited),
        ("pipedrive", "api_token", http(302, json!({})), Outcome::Misconfigured),
        ("sap-business-one", "session", http(401, json!({ "error": { "code": 301 } })), Outcome::Invalid),
        ("sendgrid", "api_key", http(200, json!({ "scopes": ["templates.read"] })), Outcome::Limited),
        ("sendgrid", "api_key", http(403, json!({})), Outcome::Forbidden),
        ("shopify", "admin_token", http(200, json!({ "errors": [{ "message": "no" }] })), Outcome::Misconfigured),
        ("slack", "bot_token", http(200, json!({ "ok": false, "error": "invalid_auth" })), Outcome::Invalid),
        ("slack", "bot_token", http(200, json!({ "ok": false, "error": "account_inactive" })), Outcome::Blocked),
        ("slack", "bot_token", http(200, json!({ "ok": false, "error": "a_new_word" })), Outcome::Misconfigured),
        ("slack", "bot_token", http(200, json!({ "ok": true, "user_id": "U1", "team": "T" })), Outcome::Misconfigured),
        ("smtp", "password", mail("535 5.7.8 no"), Outcome::Invalid),
        ("smtp", "password", mail("535 5.7.139 no"), Outcome::Forbidden),
        ("smtp", "password", mail("454 4.7.0 later"), Outcome::Unavailable),
        ("stripe", "api_key", http(403, json!({})), Outcome::Limited),
        ("telegram", "bot_token", http(404, json!({ "ok": false, "error_code": 404 })), Outcome::Invalid),
        ("twilio", "api_key", http(401, json!({ "code": 20003, "status": 401 })), Outcome::Invalid),
        ("twilio", "api_key", http(401, json!({ "code": 70051, "status": 401 })), Outcome::Forbidden),
        ("twilio", "auth_token", http(200, json!({ "status": "suspended" })), Outcome::Blocked),
        ("twilio", "auth_token", http(403, json!({ "code": 20008, "status": 403 })), Outcome::Limited),
        ("vtex", "app_key", http(403, json!({})), Outcome::Limited),
        ("whatsapp-cloud", "system_user", http(401, json!({ "error": { "code": 190 } })), Outcome::Expired),
        ("whatsapp-cloud", "system_user", http(403, json!({ "error": { "code": 200 } })), Outcome::Forbidden),
        ("whatsapp-cloud", "system_user", http(400, json!({ "error": { "code": 100 } })), Outcome::Misconfigured),
        ("woocommerce", "basic", http(401, json!({ "code": "woocommerce_rest_cannot_view" })), Outcome::Invalid),
        ("woocommerce", "basic", http(403, json!({ "code": "woocommerce_rest_cannot_view" })), Outcome::Limited),
        ("woocommerce", "basic", http(403, json!({})), Outcome::Blocked),
        (
            "zendesk",
            "api_token",
            http(200, json!({ "user": { "id": null, "name": "Anonymous user" } })),
            Outcome::Invalid,
        ),
    ]
}

/// An error of Google's with a reason among its details.
fn google_error(reason: &str) -> Value {
    json!({ "error": { "code": 400, "details": [{ "reason": reason }] } })
}

#[tokio::test]
async fn answers_that_are_often_misread_are_judged_right() {
    let stage = Stage::new();
    for (integration, method, deed, outcome) in known() {
        let same = |play: &Play| (play.integration, play.method) == (integration, method);
        let play = plays::all().into_iter().find(same).expect("a play");
        let before = play.exchanges.len().saturating_sub(1);
        let before = if integration == "sap-business-one" { 0 } else { before };
        let found = shipped().get(integration).expect("an integration");
        let seen = stage.spoiled(found, &play, &deed, before).await;
        assert_eq!(seen.report.outcome, outcome, "{}: {deed:?}: {:?}", play.name(), seen.report);
    }
}
