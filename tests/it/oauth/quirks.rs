//! Providers that do it their own way (and those that should not).

use super::stage::{look, start, told};
use crate::support::app::TestApp;
use crate::support::http_server::Answer;
use crate::support::person::Person;
use crate::support::smtp_server::{Mailbox, Verdict};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use credenza::demo::mail_server::welcome;
use credenza::model::status::Status;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

async fn client(admin: &Person, service: &str, method: &str, id: &str) {
    let form = [("method", method), ("f.client_id", id), ("f.client_secret", "the-client-secret")];
    admin.post(&format!("/w/acme/apps/{service}"), &form).await.expect(303);
}

/// Agrees and gives the address that it leads to.
async fn agree(app: &TestApp, admin: &Person, form: &[(&str, &str)], more: &str, answers: Vec<Answer>) -> String {
    let waiting = start(admin, form).await;
    answers.into_iter().for_each(|answer| app.service.prepare(answer));
    admin.get(&format!("{}{more}", waiting.agreed())).await.expect(303).location().to_owned()
}

#[tokio::test]
async fn salesforce_names_its_instance_and_no_life_and_only_its_own_hosts_count() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "salesforce", "oauth", "3MVG9abc").await;
    let form =
        [("integration", "salesforce"), ("method", "oauth"), ("name", "CRM"), ("f.login_host", "login.salesforce.com")];
    let answer = |instance: &str| {
        Answer::json(
            200,
            &json!({ "access_token": "tok", "refresh_token": "ref", "instance_url": instance, "scope": "api refresh_token" }),
        )
    };
    let evil = agree(&app, &admin, &form, "", vec![answer("https://evil.example")]).await;
    assert_eq!(told(&admin.get(&evil).await), "target_denied");
    assert_eq!(app.service.requests().len(), 1, "the token was not sent there");
    let silent = Answer::json(400, &json!({ "error": "unsupported" }));
    let who = Answer::json(200, &json!({ "preferred_username": "bots@acme.example", "organization_id": "00D" }));
    admin.post(&evil, &[]).await.expect(303);
    for one in [answer("https://acme.my.salesforce.com"), silent, who] {
        app.service.prepare(one);
    }
    let page = admin.get(&look(&admin, &evil).await.agreed()).await.expect(303).location().to_owned();
    let asked = app.service.requests();
    assert!(asked[1].header("authorization").is_some_and(|value| value.starts_with("Basic ")));
    assert_eq!(asked.last().expect("a request").server_name.as_deref(), Some("acme.my.salesforce.com"));
    let id = page.rsplit('/').next().expect("an id");
    let grant = app.grant(id).await.expect("a grant");
    let life = grant.expires_at.expect("a guess").since(app.means.now()).num_seconds();
    assert!((890..=900).contains(&life) && app.row(id).await.status == Status::Working, "{life}");
}

#[tokio::test]
async fn a_life_that_the_token_answer_does_not_name_is_asked_for() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "salesforce", "oauth", "3MVG9abc").await;
    let form =
        [("integration", "salesforce"), ("method", "oauth"), ("name", "CRM"), ("f.login_host", "login.salesforce.com")];
    let tokens = json!({
        "access_token": "tok", "refresh_token": "ref", "instance_url": "https://acme.my.salesforce.com", "scope": "api refresh_token",
    });
    let end = app.means.now().micros() / 1_000_000 + 7200;
    let answers = [
        tokens,
        json!({ "active": true, "exp": end, "token_type": "access_token" }),
        json!({ "preferred_username": "bots@acme.example", "organization_id": "00D" }),
    ];
    let answers = answers.iter().map(|body| Answer::json(200, body)).collect();
    let page = agree(&app, &admin, &form, "", answers).await;
    let asked = &app.service.requests()[1];
    assert_eq!(asked.path(), "/services/oauth2/introspect");
    assert_eq!(asked.server_name.as_deref(), Some("login.salesforce.com"));
    let sent: std::collections::BTreeMap<_, _> = asked.form().into_iter().collect();
    assert_eq!(sent["token"], "tok");
    let basic = asked.header("authorization").and_then(|value| value.strip_prefix("Basic ")).expect("a sign-in");
    assert_eq!(STANDARD.decode(basic).expect("base64"), b"3MVG9abc:the-client-secret");
    let grant = app.grant(page.rsplit('/').next().expect("an id")).await.expect("a grant");
    let life = grant.expires_at.expect("an end").since(app.means.now()).num_seconds();
    assert!((7100..=7200).contains(&life), "{life}");
}

#[tokio::test]
async fn shopify_signs_its_redirect_and_rotates() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "shopify", "oauth", "0123456789abcdef0123456789abcdef").await;
    let form = [("integration", "shopify"), ("method", "oauth"), ("name", "Shop"), ("f.shop", "acme")];
    let waiting = start(&admin, &form).await;
    assert_eq!((waiting.host.as_str(), waiting.link.contains_key("code_challenge")), ("acme.myshopify.com", false));
    let forged = format!("{}&hmac=00&shop=acme.myshopify.com", waiting.agreed());
    assert_eq!(told(&admin.get(&forged).await.expect(400)), "wrong_issuer");
    admin.post(&waiting.page, &[]).await.expect(303);
    let waiting = look(&admin, &waiting.page).await;
    let text = format!("code=canary-code&shop=acme.myshopify.com&state={}", waiting.state());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the-client-secret");
    let tag: String = ring::hmac::sign(&key, text.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    app.service.prepare(Answer::json(200, &json!({ "access_token": "tok-1", "refresh_token": "ref-1", "expires_in": 3600, "scope": "read_products,read_orders" })));
    app.service.prepare(Answer::json(200, &json!({ "data": { "shop": { "name": "Acme" } } })));
    let page = admin.get(&format!("{}&shop=acme.myshopify.com&hmac={tag}", waiting.agreed())).await.expect(303);
    let asked = app.service.requests();
    let sent: std::collections::BTreeMap<_, _> = asked[0].form().into_iter().collect();
    assert_eq!((sent["expiring"].as_str(), sent.contains_key("code_verifier")), ("1", false));
    assert_eq!(asked[1].header("x-shopify-access-token"), Some("tok-1"));
    let row = app.row(page.location().rsplit('/').next().expect("an id")).await;
    assert_eq!((row.status, row.outcome.as_str(), row.identity.as_str()), (Status::Working, "ok", "Acme"));
}

#[tokio::test]
async fn quickbooks_names_the_company_in_the_redirect() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "quickbooks", "oauth", "ABq9").await;
    let form = [("integration", "quickbooks"), ("method", "oauth"), ("name", "Books")];
    let tokens = Answer::json(
        200,
        &json!({ "access_token": "tok", "refresh_token": "ref", "expires_in": 3600, "x_refresh_token_expires_in": 8726400 }),
    );
    let company = Answer::json(200, &json!({ "CompanyInfo": { "CompanyName": "Acme Ltd" } }));
    let page = agree(&app, &admin, &form, "&realmId=91305", vec![tokens, company]).await;
    assert_eq!(app.service.requests()[1].path(), "/v3/company/91305/companyinfo/91305");
    let row = app.row(page.rsplit('/').next().expect("an id")).await;
    assert_eq!((row.identity.as_str(), row.status), ("Acme Ltd", Status::Working));
}

#[tokio::test]
async fn xero_names_the_organisation_in_the_test_and_every_call_names_it_from_then_on() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "xero", "oauth", "xero-client").await;
    let form = [("integration", "xero"), ("method", "oauth"), ("name", "Ledger")];
    let tokens = |n: u8| {
        let body =
            json!({ "access_token": format!("tok-{n}"), "refresh_token": format!("ref-{n}"), "expires_in": 1800 });
        Answer::json(200, &body)
    };
    let organisations = || Answer::json(200, &json!([{ "tenantId": "t-91305", "tenantName": "Acme Ltd" }]));
    let page = agree(&app, &admin, &form, "", vec![tokens(1), organisations()]).await;
    let row = app.row(page.rsplit('/').next().expect("an id")).await;
    assert_eq!((row.identity.as_str(), row.status), ("Acme Ltd", Status::Working));
    assert_eq!(app.service.requests()[1].header("xero-tenant-id"), None, "nobody knows it yet");
    app.means.clock.advance(chrono::TimeDelta::minutes(29));
    app.service.prepare(tokens(2));
    app.service.prepare(organisations());
    admin.post(&format!("{page}/checks"), &[]).await.expect(303);
    let asked = app.service.requests();
    let last = asked.last().expect("a call");
    assert_eq!((last.header("authorization"), last.header("xero-tenant-id")), (Some("Bearer tok-2"), Some("t-91305")));
}

#[tokio::test]
async fn rd_station_takes_json_without_the_grant_in_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "rd-station", "marketing_oauth", "rd-client").await;
    let form = [("integration", "rd-station"), ("method", "marketing_oauth"), ("name", "RD")];
    let tokens = Answer::json(200, &json!({ "access_token": "tok", "refresh_token": "ref", "expires_in": 86400 }));
    let account = Answer::json(200, &json!({ "name": "Acme Marketing" }));
    agree(&app, &admin, &form, "", vec![tokens, account]).await;
    let asked = &app.service.requests()[0];
    assert_eq!(asked.target, "/auth/token?token_by=code");
    let body = asked.json();
    assert_eq!(body, json!({ "code": "canary-code", "client_id": "rd-client", "client_secret": "the-client-secret" }));
}

#[tokio::test]
async fn facebook_has_no_refresh_token_and_exchanges_the_token_itself() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    client(&admin, "whatsapp-cloud", "oauth", "1234567890").await;
    let form = [
        ("integration", "whatsapp-cloud"),
        ("method", "oauth"),
        ("name", "WhatsApp"),
        ("f.phone_number_id", "106540352242922"),
    ];
    let short = Answer::json(200, &json!({ "access_token": "short-lived", "expires_in": 5000 }));
    let long = Answer::json(200, &json!({ "access_token": "long-lived" }));
    let number = Answer::json(200, &json!({ "id": "1", "verified_name": "Acme", "display_phone_number": "+55 11" }));
    let page = agree(&app, &admin, &form, "", vec![short, long, number]).await;
    let asked = app.service.requests();
    assert_eq!((asked[0].method.as_str(), asked[1].method.as_str()), ("GET", "GET"));
    assert!(
        asked[1].query().contains("grant_type=fb_exchange_token")
            && asked[1].query().contains("fb_exchange_token=short-lived")
    );
    assert_eq!(asked[2].header("authorization"), Some("Bearer long-lived"));
    let grant = app.grant(page.rsplit('/').next().expect("an id")).await.expect("a grant");
    let days = |at: Option<credenza::clock::At>| at.expect("a time").since(app.means.now()).num_days();
    assert!((58..=60).contains(&days(grant.expires_at)) && (25..=30).contains(&days(grant.refresh_at)), "{grant:?}");
}

#[tokio::test]
async fn an_api_of_ones_own_is_asked_at_the_addresses_that_were_typed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = [
        ("integration", "oauth2"),
        ("method", "code"),
        ("name", "Own API"),
        ("f.authorize_url", "https://login.service.example/authorize"),
        ("f.token_url", "https://login.service.example/token"),
        ("f.base_url", "https://api.service.example/v1"),
        ("f.check_path", "/me"),
        ("f.scope", "read offline_access"),
        ("f.client_id", "console"),
        ("f.client_secret", "own-client-secret"),
    ];
    let tokens = |n: u8| {
        Answer::json(
            200,
            &json!({ "access_token": format!("own-{n}"), "refresh_token": "ref", "expires_in": 3600, "scope": "read" }),
        )
    };
    let me = || Answer::json(200, &json!({ "sub": "7", "email": "bots@service.example" }));
    let page = agree(&app, &admin, &form, "&iss=https%3A%2F%2Flogin.service.example", vec![tokens(1), me()]).await;
    let row = app.row(page.rsplit('/').next().expect("an id")).await;
    assert_eq!((row.status, row.identity.as_str()), (Status::Working, "bots@service.example"));
    // A new client secret comes with another consent, and nothing else can be changed.
    let moved = [("name", "Own API"), ("revision", "1"), ("f.token_url", "https://evil.example/token")];
    admin.post(&page, &moved).await.expect(422);
    let rotation = admin.get(&format!("{page}/rotation")).await.expect(200);
    assert!(rotation.attributes("#credential", "action").pop().is_some_and(|action| action.ends_with("/connect")));
    let flow = admin.post(&format!("{page}/connect"), &[("f.client_secret", "newer-secret")]).await.expect(303);
    app.service.prepare(tokens(2));
    app.service.prepare(me());
    admin.get(&look(&admin, flow.location()).await.agreed()).await.expect(303);
    let asked = app.service.requests();
    let basic = asked[2].header("authorization").expect("a sign-in").strip_prefix("Basic ").expect("Basic").to_owned();
    assert_eq!(STANDARD.decode(basic).expect("base64"), b"console:newer-secret");
    assert_eq!(app.row(row.id.as_str()).await.live_version, 2);
    // Typed addresses are held to the same rules as all others.
    for (field, address) in [
        ("f.token_url", "https://169.254.169.254/token"),
        ("f.token_url", "https://127.0.0.1/token"),
        ("f.token_url", "http://login.service.example/token"),
    ] {
        let mut form = form.to_vec();
        form.retain(|(name, _)| *name != field && *name != "name");
        form.extend([(field, address), ("name", address)]);
        let before = app.service.requests().len();
        let led = agree(&app, &admin, &form, "", Vec::new()).await;
        assert_eq!(told(&admin.get(&led).await), "target_denied", "{address}");
        assert_eq!(app.service.requests().len(), before);
    }
}

#[tokio::test]
async fn a_mail_server_takes_the_token_by_xoauth2() {
    let app = TestApp::builder().mail(|tls| Mailbox::implicit(tls).taking_mail()).start().await;
    let admin = app.admin().await;
    client(&admin, "gmail", "smtp", "1-a.apps.googleusercontent.com").await;
    let form = [("integration", "gmail"), ("method", "smtp"), ("name", "Newsletter"), ("f.user", "news@example.com")];
    let tokens = Answer::json(
        200,
        &json!({ "access_token": "mail-token", "refresh_token": "ref", "expires_in": 3600, "scope": "https://mail.google.com/" }),
    );
    let page = agree(&app, &admin, &form, "", vec![tokens]).await;
    let row = app.row(page.rsplit('/').next().expect("an id")).await;
    assert_eq!((row.status, row.identity.as_str()), (Status::Working, "news@example.com"), "{}", row.hint);
    let lines = app.mail.as_ref().expect("a mail server").lines();
    let auth = lines
        .iter()
        .map(|line| line.text.as_str())
        .find_map(|line| line.strip_prefix("AUTH XOAUTH2 "))
        .expect("a sign-in");
    let said = STANDARD.decode(auth).expect("base64");
    assert_eq!(said, b"user=news@example.com\x01auth=Bearer mail-token\x01\x01");
    assert!(lines.iter().all(|line| line.encrypted));
    let heard = |beginning: &str| {
        let lines = app.mail.as_ref().expect("a mail server").lines();
        lines.iter().filter(|line| line.text.starts_with(beginning)).count()
    };
    assert_eq!(heard("MAIL"), 0, "the check sends nothing");
    let test = format!("/w/acme/credentials/{}/test-mail", row.id);
    admin.post(&test, &[]).await.expect(303);
    assert_eq!((heard("MAIL FROM:<news@example.com>"), heard("RCPT TO:<admin@acme.example>")), (1, 1));
    assert_eq!(app.service.requests().len(), 1, "with the token that is there");
}

#[tokio::test]
async fn a_test_mail_renews_a_token_that_the_mail_server_refuses_once() {
    let refused = Arc::new(AtomicBool::new(false));
    let (old_is_over, judged) = (refused.clone(), Arc::new(AtomicUsize::new(0)));
    let count = judged.clone();
    let judge = move |said: &str| {
        count.fetch_add(1, Ordering::SeqCst);
        match said.contains("mail-token-1") && old_is_over.load(Ordering::SeqCst) {
            true => Verdict::Say("535 5.7.8 Username and Password not accepted".to_owned()),
            false => welcome(),
        }
    };
    let mailbox = move |tls| Mailbox { judge: Arc::new(judge), ..Mailbox::implicit(tls).taking_mail() };
    let app = TestApp::builder().mail(mailbox).start().await;
    let admin = app.admin().await;
    client(&admin, "gmail", "smtp", "1-a.apps.googleusercontent.com").await;
    let form = [("integration", "gmail"), ("method", "smtp"), ("name", "Newsletter"), ("f.user", "news@example.com")];
    let tokens = |access: &str| {
        let scope = "https://mail.google.com/";
        Answer::json(
            200,
            &json!({ "access_token": access, "refresh_token": "ref", "expires_in": 3600, "scope": scope }),
        )
    };
    let page = agree(&app, &admin, &form, "", vec![tokens("mail-token-1")]).await;
    refused.store(true, Ordering::SeqCst);
    app.service.prepare(tokens("mail-token-2"));
    let before = judged.load(Ordering::SeqCst);
    admin.post(&format!("{page}/test-mail"), &[]).await.expect(303);
    assert_eq!(judged.load(Ordering::SeqCst) - before, 2);
    let lines = app.mail.as_ref().expect("a mail server").lines();
    assert_eq!(lines.iter().filter(|line| line.text.starts_with("RCPT TO:<admin@acme.example>")).count(), 1);
    app.prove_audit().await;
}
