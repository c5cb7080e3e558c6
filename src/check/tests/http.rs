use super::super::report::{Outcome, StepResult};
use super::super::run::{Options, Trigger};
use super::{STRIPE, STRIPE_KEY, check, check_with, labels, server, stripe, values};
use crate::catalog::load::Catalog;
use crate::egress::lead::{Found, Lead};
use crate::egress::stage::{Authority, caller, json, read_request, serve};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_good_key_is_ok_and_the_request_is_as_the_file_says() {
    let (egress, heard) = server(&["api.stripe.com"], |_| json(200, r#"{"object":"balance"}"#)).await;
    let report = check(&egress, STRIPE, &stripe()).await;
    assert_eq!((report.outcome, report.code.as_str(), report.hint.as_str()), (Outcome::Ok, "ok", ""));
    assert!(report.connected);
    let expected = [
        "Found api.stripe.com",
        "Connected on port 443",
        "Encrypted, certificate valid",
        "Sample call GET /v1/balance answered 200",
    ];
    assert_eq!(labels(&report, StepResult::Ok), expected);
    let request = heard.all()[0].to_lowercase();
    assert!(request.starts_with("get /v1/balance http/1.1\r\n"));
    assert!(request.contains(&format!("authorization: bearer {}\r\n", STRIPE_KEY.to_lowercase())));
    assert!(!request.contains("stripe-context"), "an empty value drops its header");
}

#[tokio::test]
async fn statuses_mean_what_the_file_says_and_else_what_the_defaults_say() {
    let cases = [
        (401, Outcome::Invalid, "status_401"),
        (403, Outcome::Limited, "status_403"),
        (404, Outcome::Misconfigured, "status_404"),
        (429, Outcome::RateLimited, "status_429"),
        (500, Outcome::Unavailable, "status_5xx"),
        (418, Outcome::Unknown, "unknown"),
    ];
    for (status, outcome, code) in cases {
        let (egress, _) = server(&["api.stripe.com"], move |_| json(status, "{}")).await;
        let report = check(&egress, STRIPE, &stripe()).await;
        assert_eq!((report.outcome, report.code.as_str()), (outcome, code));
        assert!(!report.hint.is_empty() && !report.hint.contains('{'), "{}", report.hint);
        let last = report.steps.last().unwrap();
        assert_eq!((last.label.as_str(), last.result), ("Sample call GET /v1/balance", StepResult::Failed));
        assert_eq!(last.note, format!("answered {status}"));
    }
}

#[tokio::test]
async fn t095_a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} x\r\nLocation: https://api.stripe.com/v2\r\nContent-Length: 0\r\n\r\n");
        let (egress, heard) = server(&["api.stripe.com"], move |_| answer.clone().into_bytes()).await;
        let report = check(&egress, STRIPE, &stripe()).await;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "unexpected_redirect"));
        assert_eq!(heard.all().len(), 1);
    }
}

#[tokio::test]
async fn a_200_that_lies_is_not_ok() {
    let openai = values(
        &[("custom", "false"), ("base_url", "https://api.openai.com/v1")],
        &[("api_key", "sk-proj-0123456789abcdef0123")],
    );
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>".to_vec();
    let large = json(200, &format!(r#"{{"data":[],"x":"{}"}}"#, "y".repeat(80_000)));
    let gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00".to_vec();
    for answer in [page, large, gzip, json(200, r#"{"error":"no"}"#), json(200, r#"{"data":null}"#)] {
        let (egress, _) = server(&["api.openai.com"], move |_| answer.clone()).await;
        let report = check(&egress, ("openai", "api_key"), &openai).await;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "unexpected_answer"));
        assert_eq!(report.hint, "api.openai.com answered, but not as OpenAI does. Check the address.");
    }
}

#[tokio::test]
async fn a_body_decides_where_the_file_says_so() {
    let number = |code: i64, status: u16| async move {
        let answer = json(status, &format!(r#"{{"error":{{"code":{code}}}}}"#));
        let (egress, _) = server(&["graph.facebook.com"], move |_| answer.clone()).await;
        let plain = [("phone_number_id", "12345"), ("waba_id", "12345"), ("api_version", "v25.0")];
        check(&egress, ("whatsapp-cloud", "system_user"), &values(&plain, &[("access_token", "EAAcanary")]))
            .await
            .outcome
    };
    assert_eq!(number(190, 401).await, Outcome::Expired);
    assert_eq!(number(230, 400).await, Outcome::Forbidden);
    assert_eq!(number(100, 400).await, Outcome::Misconfigured);
    assert_eq!(number(130_429, 400).await, Outcome::RateLimited);
    assert_eq!(number(368, 403).await, Outcome::Blocked);
}

const SLOW: &str = r##"
schema = 1
id = "slow"
name = "Slow"
category = "generic"
tile = { text = "S", color = "#336699" }
checked_on = 2026-11-21
[egress]
hosts = ["slow.example.com"]
[[method]]
id = "key"
label = "Key"
kind = "api_key"
  [[method.field]]
  name = "key"
  label = "Key"
  kind = "secret"
  [method.inject]
  base_url = "https://slow.example.com"
  query = { key = "{key}" }
  [method.check]
  kind = "http"
  request = { method = "GET", url = "/me" }
  cost = "free"
  effect = "none"
  timeout_ms = 600
"##;

#[tokio::test]
async fn t098_a_server_that_drips_ends_in_a_timeout() {
    let catalog = Catalog::of_files([("slow.toml", SLOW)]).unwrap();
    let authority = Authority::new();
    let listener = serve(Some(authority.acceptor(&["slow.example.com"])), |mut stream| async move {
        let _ = read_request(&mut stream).await;
        while stream.write_all(b"H").await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    let egress = caller(Lead::to(listener), &authority, "");
    let values = values(&[], &[("key", "canary-in-the-query")]);
    let report = check_with(&egress, &catalog, ("slow", "key"), &values, Options::new(Trigger::Save)).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Unavailable, "timeout"));
    assert!((500..3000).contains(&report.ms));
    assert!(!format!("{report:?}").contains("canary"));
    assert_eq!(report.steps.last().unwrap().note, "no answer in time");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_mistake_of_whoever_just_typed_it_and_an_outage_otherwise() {
    let catalog = Catalog::load(None).unwrap();
    let plain = [("base_url", "https://erp.example.com"), ("check_path", "/me")];
    let typed = || values(&plain, &[("token", "canary")]);
    for (kind, values, host, trigger, expected) in [
        (("http", "bearer"), typed(), "erp.example.com", Trigger::Save, Outcome::Misconfigured),
        (("http", "bearer"), typed(), "erp.example.com", Trigger::Later, Outcome::Unavailable),
        (STRIPE, stripe(), "api.stripe.com", Trigger::Save, Outcome::Unavailable),
    ] {
        let egress = caller(Lead::nowhere().name(host, [Found::Nothing]), &Authority::new(), "");
        let report = check_with(&egress, &catalog, kind, &values, Options::new(trigger)).await;
        assert_eq!((report.outcome, report.code.as_str(), report.connected), (expected, "host_not_found", false));
        assert_eq!(labels(&report, StepResult::Failed), [format!("Look up {host}")]);
        assert_eq!(labels(&report, StepResult::Skipped)[..2], ["Connect on port 443", "Encrypt the connection"]);
    }
}

#[tokio::test]
async fn a_private_address_is_denied_with_the_entry_to_ask_for() {
    let inside = Found::Addresses(vec!["10.0.0.5".parse().unwrap()]);
    let egress = caller(Lead::nowhere().name("erp.example.com", [inside]), &Authority::new(), "");
    let plain = [("base_url", "https://erp.example.com/api"), ("check_path", "/me")];
    let report = check(&egress, ("http", "bearer"), &values(&plain, &[("token", "canary")])).await;
    assert_eq!((report.outcome, report.code.as_str(), report.connected), (Outcome::Blocked, "target_denied", false));
    assert!(report.hint.contains("erp.example.com:443"), "{}", report.hint);
    assert_eq!(egress.dialer().connections(), 0);
    assert_eq!(labels(&report, StepResult::Skipped).last(), Some(&"Sample call GET /me"));
}

#[tokio::test]
async fn a_service_that_is_never_private_does_not_send_people_to_the_operator() {
    let inside = Found::Addresses(vec!["10.0.0.5".parse().unwrap()]);
    let egress = caller(Lead::nowhere().name("api.stripe.com", [inside]), &Authority::new(), "api.stripe.com:443");
    let report = check(&egress, STRIPE, &stripe()).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Blocked, "target_denied"));
    assert!(!report.hint.contains("operator"), "{}", report.hint);
}

#[tokio::test]
async fn t086_t097_t100_a_denied_target_costs_no_lookup() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "");
    for (address, words) in [
        ("https://169.254.169.254/", "metadata"),
        ("https://127.0.0.1/", "127.0.0.1:443"),
        ("https://a.example:22/", "port"),
        ("http://a.example/", "http://a.example:80"),
    ] {
        let report = check(
            &egress,
            ("http", "bearer"),
            &values(&[("base_url", address), ("check_path", "/")], &[("token", "canary")]),
        )
        .await;
        assert_eq!((report.code.as_str(), report.connected), ("target_denied", false), "{address}");
        assert!(report.hint.contains(words), "{}", report.hint);
        assert!(matches!(report.outcome, Outcome::Blocked | Outcome::Misconfigured));
    }
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (0, 0));
}

#[tokio::test]
async fn t051_a_header_that_belongs_to_the_connection_is_not_sent() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "");
    for (name, value) in [("Host", "x"), ("Content-Length", "1"), ("X-Key", "a\r\nX-Other: b")] {
        let plain = [("base_url", "https://api.example.com"), ("check_path", "/"), ("header_name", name)];
        let report = check(&egress, ("http", "header"), &values(&plain, &[("value", value)])).await;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "unfit_value"));
    }
    assert_eq!(egress.dialer().lookups(), 0);
}

#[tokio::test]
async fn basic_and_query_are_put_where_they_belong() {
    let (egress, heard) = server(&["api.example.com"], |_| json(200, "{}")).await;
    let base = [
        ("base_url", "https://api.example.com/v1"),
        ("check_path", "/me?full=1"),
        ("user", "joe"),
        ("parameter", "api key"),
    ];
    assert_eq!(
        check(&egress, ("http", "basic"), &values(&base, &[("password", "hunter2")])).await.outcome,
        Outcome::Ok
    );
    assert_eq!(check(&egress, ("http", "query"), &values(&base, &[("value", "a&b=c")])).await.outcome, Outcome::Ok);
    let heard = heard.all();
    assert!(
        heard[0].starts_with("GET /v1/me?full=1 HTTP/1.1")
            && heard[0].contains("authorization: Basic am9lOmh1bnRlcjI=")
    );
    assert!(heard[1].starts_with("GET /v1/me?full=1&api%20key=a%26b%3Dc HTTP/1.1"), "{}", heard[1]);
}

#[tokio::test]
async fn checks_can_run_on_any_thread() {
    let (egress, _) = server(&["api.stripe.com"], |_| json(200, r#"{"object":"balance"}"#)).await;
    let report = tokio::spawn(async move { check(&egress, STRIPE, &stripe()).await }).await.unwrap();
    assert_eq!(report.outcome, Outcome::Ok);
}
