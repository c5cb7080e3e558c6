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
    vec![
        ("http", "basic", http(403, json!({})), Outcome::Forbidden),
        ("http", "bearer", http(403, json!({})), Outcome::Forbidden),
        ("http", "bearer", http(302, json!({})), Outcome::Misconfigured),
        ("http", "header", http(403, json!({})), Outcome::Forbidden),
        ("http", "query", http(403, json!({})), Outcome::Forbidden),
        ("openai", "api_key", http(403, json!({})), Outcome::Limited),
        ("openai", "api_key", http(429, json!({ "error": { "type": "insufficient_quota" } })), Outcome::Limited),
        ("openai", "api_key", http(429, json!({})), Outcome::RateLimited),
        ("sap-business-one", "session", http(401, json!({ "error": { "code": 301 } })), Outcome::Invalid),
        ("shopify", "admin_token", http(200, json!({ "errors": [{ "message": "no" }] })), Outcome::Misconfigured),
        ("smtp", "password", mail("535 5.7.8 no"), Outcome::Invalid),
        ("smtp", "password", mail("535 5.7.139 no"), Outcome::Forbidden),
        ("smtp", "password", mail("454 4.7.0 later"), Outcome::Unavailable),
        ("stripe", "api_key", http(403, json!({})), Outcome::Limited),
        ("whatsapp-cloud", "system_user", http(401, json!({ "error": { "code": 190 } })), Outcome::Expired),
        ("whatsapp-cloud", "system_user", http(403, json!({ "error": { "code": 200 } })), Outcome::Forbidden),
        ("whatsapp-cloud", "system_user", http(400, json!({ "error": { "code": 100 } })), Outcome::Misconfigured),
    ]
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
