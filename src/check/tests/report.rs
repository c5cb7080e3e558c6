use super::super::report::{Outcome, StepResult};
use super::{STRIPE, STRIPE_KEY, check, labels, server, stripe, values};
use crate::egress::lead::Lead;
use crate::egress::stage::{Authority, caller};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[tokio::test]
async fn t073_what_a_service_echoes_is_nowhere_in_the_report() {
    for status in [200, 401, 403, 418, 500, 302] {
        let (egress, heard) = server(&["api.stripe.com"], move |request| {
            let text = request.replace("\r\n", " ").replace('"', "");
            let body = format!(r#"{{"error":"{text}","message":"{text}"}}"#);
            format!("HTTP/1.1 {status} {text}\r\nX-Echo: {text}\r\nLocation: https://api.stripe.com/?{STRIPE_KEY}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        })
        .await;
        let report = check(&egress, STRIPE, &stripe()).await;
        assert!(heard.all()[0].contains(STRIPE_KEY), "the secret was sent, so that it could be echoed");
        let text = format!("{report:?}{}", serde_json::to_string(&report.steps).unwrap());
        assert!(!text.contains(STRIPE_KEY) && !text.contains(&STANDARD.encode(STRIPE_KEY)), "{text}");
    }
}

#[tokio::test]
async fn t073_an_identity_that_echoes_the_secret_loses_it() {
    let echo =
        format!(r#"{{"data":{{"shop":{{"name":"Acme shpat_canary {} end"}}}}}}"#, STANDARD.encode("shpat_canary"));
    let (egress, _) = server(&["acme.myshopify.com"], move |_| crate::egress::stage::json(200, &echo)).await;
    let given = values(&[("shop", "acme"), ("api_version", "2026-04")], &[("access_token", "shpat_canary")]);
    let report = check(&egress, ("shopify", "admin_token"), &given).await;
    assert_eq!((report.outcome, report.identity.as_deref()), (Outcome::Ok, Some("Acme end")));
}

#[tokio::test]
async fn a_service_without_a_harmless_call_is_untested_and_says_why() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "");
    let report = check(&egress, ("rd-station", "marketing_api_key"), &values(&[], &[("api_key", "canary")])).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Untested, "no_live_test"));
    assert!(!report.hint.is_empty() && report.steps.is_empty() && !report.connected);
    assert_eq!(egress.dialer().lookups(), 0);
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "");
    let report = check(&egress, STRIPE, &stripe()).await;
    assert_eq!((report.outcome, report.connected), (Outcome::Unavailable, true));
    assert_eq!(labels(&report, StepResult::Ok), ["Found api.stripe.com"]);
    assert_eq!(labels(&report, StepResult::Failed), ["Connect on port 443"]);
}
