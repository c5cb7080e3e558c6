use super::super::report::{Outcome, StepResult};
use super::super::run::{Context, Options, Trigger};
use super::super::session;
use super::{check, check_with, labels, server, values};
use crate::catalog::load::Catalog;
use crate::check::policy::parse_fingerprint;
use crate::clock::Clock;
use crate::egress::lead::Lead;
use crate::egress::stage::{Authority, Heard, acceptor, caller, json, serve_http};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

const KEY: &str = include_str!("../../demo/sample-key.pem");

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").unwrap().1
}

const SHOPIFY: (&str, &str) = ("shopify", "client_credentials");

fn shopify() -> crate::catalog::form::Values {
    values(&[("shop", "acme"), ("api_version", "2026-04"), ("client_id", "abc")], &[("client_secret", "shpss_canary")])
}

#[tokio::test]
async fn client_credentials_bring_a_token_and_the_call_proves_it() {
    let (egress, heard) = server(&["acme.myshopify.com"], |request| match request.contains("/oauth/") {
        true => json(200, r#"{"access_token":"tok-1","expires_in":86399}"#),
        false => json(200, r#"{"data":{"shop":{"name":"Acme"}}}"#),
    })
    .await;
    let report = check(&egress, SHOPIFY, &shopify()).await;
    assert_eq!((report.outcome, report.identity.as_deref()), (Outcome::Ok, Some("Acme")), "{report:?}");
    let expected = [
        "Found acme.myshopify.com",
        "Connected on port 443",
        "Encrypted, certificate valid",
        "Signed in",
        "Sample call POST /admin/api/2026-04/graphql.json answered 200",
    ];
    assert_eq!(labels(&report, StepResult::Ok), expected);
    let heard = heard.all();
    assert!(heard[0].starts_with("POST /admin/oauth/access_token HTTP/1.1"));
    assert_eq!(body(&heard[0]), "grant_type=client_credentials&client_id=abc&client_secret=shpss_canary");
    assert!(heard[1].contains("x-shopify-access-token: tok-1\r\n"));
    assert_eq!(body(&heard[1]), r#"{"query":"{ shop { name } }"}"#);
}

#[tokio::test]
async fn a_refused_sign_in_leaves_the_call_out() {
    let (egress, heard) =
        server(&["acme.myshopify.com"], |_| json(400, r#"{"error":"invalid_client","error_description":"<b>no</b>"}"#))
            .await;
    let report = check(&egress, SHOPIFY, &shopify()).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Invalid, "oauth_invalid_client"));
    assert_eq!(labels(&report, StepResult::Failed), ["Sign in"]);
    assert_eq!(labels(&report, StepResult::Skipped), ["Sample call POST /admin/api/2026-04/graphql.json"]);
    assert!(!format!("{report:?}").contains("<b>"));
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn a_status_at_the_token_address_is_not_judged_as_one_of_the_api() {
    let acme = [("login_host", "acme.my.salesforce.com"), ("client_id", "3MVG9")];
    let salesforce = values(&acme, &[("client_secret", "canary")]);
    for (host, which, given) in [
        ("acme.myshopify.com", SHOPIFY, shopify()),
        ("acme.my.salesforce.com", ("salesforce", "client_credentials"), salesforce),
    ] {
        let (egress, heard) = server(&[host], |_| json(403, r#"{"message":"request blocked"}"#)).await;
        let report = check(&egress, which, &given).await;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Forbidden, "status_403"), "{report:?}");
        assert_eq!(labels(&report, StepResult::Failed), ["Sign in"]);
        assert_eq!(heard.all().len(), 1);
        let (catalog, clock) = (Catalog::load(None).unwrap(), Clock::system());
        let context = Context { egress: &egress, defaults: catalog.defaults(), clock: &clock };
        let (integration, method) = catalog.method(which.0, which.1).unwrap();
        let refused = session::sign_in(&context, integration, method, &given).await.unwrap_err();
        assert_eq!((refused.outcome, refused.code.as_str()), (Outcome::Forbidden, "status_403"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_sign_in_that_is_the_check_is_judged_by_all_rules_of_the_file() {
    let (egress, _) = server(&["hana.example.com"], |_| json(401, r#"{"error":{"code":100000027}}"#)).await;
    let report = check(&egress, SAP, &sap()).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Invalid, "status_401"));
    assert!(report.hint.contains("SAP refused the sign-in"), "{}", report.hint);
}

#[tokio::test]
async fn a_token_answer_without_a_token_is_not_a_sign_in() {
    let (egress, heard) = server(&["acme.myshopify.com"], |_| json(200, r#"{"ok":true}"#)).await;
    let report = check(&egress, SHOPIFY, &shopify()).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "unexpected_answer"));
    assert_eq!(labels(&report, StepResult::Failed), ["Sign in"]);
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn an_address_that_a_service_returns_is_judged() {
    let given =
        values(&[("login_host", "acme.my.salesforce.com"), ("client_id", "3MVG9")], &[("client_secret", "canary")]);
    for (instance, outcome, calls) in [
        ("https://acme.my.salesforce.com", Outcome::Ok, 2),
        ("https://salesforce.com.evil.example", Outcome::Blocked, 1),
        ("https://169.254.169.254", Outcome::Blocked, 1),
    ] {
        let hosts = ["acme.my.salesforce.com", "salesforce.com.evil.example"];
        let (egress, heard) = server(&hosts, move |request| match request.contains("/token") {
            true => json(200, &format!(r#"{{"access_token":"t-1234","instance_url":"{instance}"}}"#)),
            false => json(200, r#"{"preferred_username":"bots@acme.example","organization_id":"00D1"}"#),
        })
        .await;
        let report = check(&egress, ("salesforce", "client_credentials"), &given).await;
        assert_eq!((report.outcome, heard.all().len()), (outcome, calls), "{report:?}");
        match outcome {
            Outcome::Ok => assert_eq!(report.identity.as_deref(), Some("bots@acme.example (00D1)")),
            _ => assert_eq!((report.code.as_str(), egress.dialer().connections()), ("target_denied", 1)),
        }
    }
}

#[tokio::test]
async fn an_assertion_is_signed_with_the_key_and_goes_to_the_fixed_address() {
    let (egress, heard) =
        server(&["oauth2.googleapis.com"], |_| json(200, r#"{"access_token":"ya29.x","expires_in":3599}"#)).await;
    let file = serde_json::json!({"client_email": "bots@acme.example", "private_key": KEY, "token_uri": "https://evil.example/token"});
    let given = values(&[("delegate", ""), ("key.client_email", "bots@acme.example")], &[("key", &file.to_string())]);
    let report = check(&egress, ("google-sheets", "service_account"), &given).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    let heard = heard.all();
    let assertion = body(&heard[0]).split_once("assertion=").unwrap().1.split('&').next().unwrap();
    let parts: Vec<&str> = assertion.split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("bots@acme.example"), None));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
}

/// A service whose clients sign in with a key (RFC 7523 §2.2).
const SIGNED: &str = r#"
schema = 1
id = "acme"
name = "Acme"
category = "crm"
checked_on = 2026-01-02

[egress]
hosts = ["api.acme.example", "login.acme.example"]

[[method]]
id = "signed"
label = "Signed client"
kind = "oauth2"

  [[method.field]]
  name = "client_id"
  label = "Client"
  kind = "text"

  [[method.field]]
  name = "key"
  label = "Key"
  kind = "secret"

  [method.jwt]
  alg = "RS256"
  key = "{key}"
  ttl_s = 120
  claims = { iss = "{client_id}", sub = "{client_id}", aud = "https://login.acme.example/token" }

  [method.oauth]
  grant = "client_credentials"
  token_url = "https://login.acme.example/token"
  client_auth = "private_key_jwt"
  refresh = "none"

  [method.inject]
  base_url = "https://api.acme.example"
  headers = { Authorization = "Bearer {token}" }

  [method.check]
  kind = "http"
  request = { url = "/me" }
  cost = "free"
  effect = "none"
"#;

#[tokio::test]
async fn a_client_that_signs_in_with_a_key_sends_an_assertion_and_no_secret() {
    let (egress, heard) =
        server(&["login.acme.example", "api.acme.example"], |request| match request.starts_with("POST /token") {
            true => json(200, r#"{"access_token":"tok-1","expires_in":600}"#),
            false => json(200, "{}"),
        })
        .await;
    let catalog = Catalog::of_files([("acme.toml", SIGNED)]).unwrap();
    let given = values(&[("client_id", "bots")], &[("key", KEY)]);
    let report = check_with(&egress, &catalog, ("acme", "signed"), &given, Options::new(Trigger::Save)).await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    let heard = heard.all();
    let sent: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(body(&heard[0]).as_bytes()).into_owned().collect();
    assert_eq!((sent["grant_type"].as_str(), sent["client_id"].as_str()), ("client_credentials", "bots"));
    assert_eq!(sent["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert!(!sent.contains_key("client_secret") && !heard[0].to_ascii_lowercase().contains("\r\nauthorization:"));
    let parts: Vec<&str> = sent["client_assertion"].split('.').collect();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("bots"), Some("bots")));
    assert_eq!(claims["aud"], "https://login.acme.example/token");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
    assert!(heard[1].contains("authorization: Bearer tok-1\r\n"));
}

#[tokio::test]
async fn a_key_that_cannot_be_read_sends_nothing() {
    let (egress, heard) = server(&["login.salesforce.com"], |_| json(200, "{}")).await;
    let plain = [("login_host", "login.salesforce.com"), ("client_id", "3MVG9"), ("username", "a@b.example")];
    for key in ["", "canary", "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----"] {
        let report = check(&egress, ("salesforce", "jwt"), &values(&plain, &[("private_key", key)])).await;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "unfit_value"));
        assert!(report.hint.contains("private key") && !report.hint.contains("canary"), "{}", report.hint);
    }
    assert!(heard.all().is_empty());
}

const SAP: (&str, &str) = ("sap-business-one", "session");

fn sap() -> crate::catalog::form::Values {
    let plain = [("base_url", "https://hana.example.com:50000"), ("company_db", "SBO"), ("username", "bots")];
    values(&plain, &[("password", "canary-password")])
}

fn sap_answer(request: &str) -> Vec<u8> {
    match request.contains("/Login") {
        true => b"HTTP/1.1 200 OK\r\nSet-Cookie: B1SESSION=s-1234; HttpOnly\r\nSet-Cookie: ROUTEID=.node1; path=/\r\nContent-Length: 41\r\n\r\n{\"SessionId\":\"s-1234\",\"SessionTimeout\":3}".to_vec(),
        false => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
    }
}

#[tokio::test]
async fn a_session_is_opened_and_closed_with_its_cookies() {
    let (egress, heard) = server(&["hana.example.com"], sap_answer).await;
    let report = check(&egress, SAP, &sap()).await;
    assert_eq!((report.outcome, report.identity.as_deref()), (Outcome::Ok, Some("bots @ SBO")), "{report:?}");
    assert_eq!(labels(&report, StepResult::Ok)[3..], ["Signed in", "Signed out"]);
    let heard = heard.all();
    assert_eq!(body(&heard[0]), r#"{"CompanyDB":"SBO","Password":"canary-password","UserName":"bots"}"#);
    assert!(!heard[0].to_lowercase().contains("cookie"));
    assert!(
        heard[1].starts_with("POST /b1s/v1/Logout")
            && heard[1].contains("cookie: B1SESSION=s-1234; ROUTEID=.node1\r\n")
    );
}

#[tokio::test]
async fn t099_a_self_signed_certificate_is_offered_for_confirmation_and_then_counts() {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["hana.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let heard = Heard::default();
    let listener = serve_http(Some(acceptor(leaf.der().clone(), &key)), heard.clone(), sap_answer).await;
    let egress = caller(Lead::to(listener), &Authority::new(), "");
    let first = check(&egress, SAP, &sap()).await;
    assert_eq!((first.outcome, first.code.as_str()), (Outcome::Misconfigured, "tls_error"));
    assert!(heard.all().is_empty(), "something was sent");
    let fingerprint = first.fingerprint.unwrap();
    let catalog = Catalog::load(None).unwrap();
    let pinned = Options { pin: parse_fingerprint(&fingerprint), ..Options::new(Trigger::Save) };
    let second = check_with(&egress, &catalog, SAP, &sap(), pinned).await;
    assert_eq!(second.outcome, Outcome::Ok, "{second:?}");
    assert_eq!(labels(&second, StepResult::Ok)[2], "Encrypted, certificate as confirmed");
    let mut typed = sap();
    typed.plain.insert("cert_sha256".into(), fingerprint);
    assert_eq!(check(&egress, SAP, &typed).await.outcome, Outcome::Ok);
    typed.plain.insert("cert_sha256".into(), "00".repeat(32));
    assert_eq!(check(&egress, SAP, &typed).await.code, "tls_error");
}
