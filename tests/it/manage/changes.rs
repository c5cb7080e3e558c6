//! Created, changed, renamed, verified and rotated by a token: verified before it is saved, as on pages.

use super::{BASE, SECRET, Scene};
use crate::support::app::ACME;
use crate::support::http_server::Answer;
use crate::support::person::sent;
use serde_json::{Value, json};
use std::time::Duration;

fn bearer(name: &str, token: &str) -> Value {
    let values = json!({ "base_url": BASE, "check_path": "/me", "token": token });
    json!({ "integration": "http", "method": "bearer", "name": name, "values": values })
}

fn ok() -> Answer {
    Answer::json(200, &json!({}))
}

#[tokio::test]
async fn a_credential_is_made_after_it_was_verified_and_a_bot_reads_it() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    scene.app.service.prepare(ok());
    let mut body = bearer("Warehouse", "tok-of-the-warehouse");
    body["tags"] = json!(["stock", "eu"]);
    body["environment"] = json!("production");
    let made = machine.send("POST", "/api/v1/credentials", &body).await.expect(201);
    let told = made.json();
    assert_eq!(made.location(), format!("/api/v1/credentials/{}", told["id"].as_str().expect("an id")));
    assert_eq!((&told["handle"], &told["status"]), (&json!("warehouse"), &json!("working")));
    assert_eq!((&told["tags"], &told["environment"]), (&json!(["stock", "eu"]), &json!("production")));
    assert_eq!(told["created_by"], "the token “Worker”");
    assert!(!made.body.contains("tok-of-the-warehouse"));
    assert_eq!(
        scene.app.service.requests().last().expect("a check").header("authorization"),
        Some("Bearer tok-of-the-warehouse")
    );

    let event =
        scene.app.events(ACME).await.into_iter().find(|e| e.action == "credential.created" && e.actor_kind == "token");
    let event = event.expect("a line of the token");
    assert_eq!((event.actor_id.as_str(), event.session.as_str()), (scene.token.id.as_str(), &scene.token.text[..15]));
    let page =
        scene.admin.get(&format!("/w/acme/credentials/{}", told["id"].as_str().expect("an id"))).await.expect(200);
    assert!(page.body.contains("The token “Worker”"), "the history says who");
    let audit = scene.admin.get("/w/acme/audit").await.expect(200);
    assert!(audit.body.contains("The token “Worker”"));
    let of_token = scene.admin.get(&format!("/w/acme/audit?person={}", scene.token.id)).await.expect(200);
    assert!(of_token.body.contains("Warehouse"));

    let bot = scene.app.bot("Stock keeper").await;
    scene.app.block(&bot, "Ask for stock", "http", told["id"].as_str()).await;
    let reader = scene.app.token(&bot, &[credenza::model::bot_token::Scope::Fetch], None).await;
    let secret = scene.app.machine(&reader.text).get("/api/v1/credentials/warehouse/secret").await.expect(200).json();
    assert_eq!(secret["values"]["token"], "tok-of-the-warehouse");
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn what_does_not_pass_its_check_is_not_saved_and_says_why() {
    let scene = Scene::start().await;
    let machine = scene.known().await;
    let before = scene.app.kept();
    scene.app.service.prepare(Answer::json(401, &json!({ "error": "tok-never-stored" })));
    let reply = machine.send("POST", "/api/v1/credentials", &bearer("Warehouse", "tok-never-stored")).await;
    assert_eq!(reply.problem(422), "not-verified");
    let told = reply.json();
    assert_eq!((&told["check"]["outcome"], &told["may_save_unverified"]), (&json!("invalid"), &json!(false)));
    assert!(told["check"]["steps"].as_array().is_some_and(|steps| steps.len() > 2));
    assert!(!told["check"]["hint"].as_str().expect("a hint").is_empty());
    assert!(!reply.body.contains("tok-never-stored"));
    // Refused for good: asking to skip it changes nothing.
    scene.app.service.prepare(Answer::json(401, &json!({})));
    let mut body = bearer("Warehouse", "tok-never-stored");
    body["save_unverified"] = json!(true);
    assert_eq!(machine.send("POST", "/api/v1/credentials", &body).await.problem(422), "not-verified");
    scene.app.assert_kept(&before);
    let denied = scene.app.events(ACME).await.into_iter().filter(|e| e.action == "credentials.create").count();
    assert_eq!(denied, 2, "each use of a secret has its line");

    scene.app.service.prepare(Answer::json(503, &json!({})));
    let away = machine.send("POST", "/api/v1/credentials", &bearer("Warehouse", "tok-stored")).await;
    assert_eq!((away.problem(422), &away.json()["may_save_unverified"]), ("not-verified".to_owned(), &json!(true)));
    scene.app.service.prepare(Answer::json(503, &json!({})));
    let mut body = bearer("Warehouse", "tok-stored");
    body["save_unverified"] = json!(true);
    let saved = machine.send("POST", "/api/v1/credentials", &body).await.expect(201).json();
    assert_eq!(saved["status"], "unverified");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_field_and_calls_nobody() {
    let scene = Scene::start().await;
    let machine = scene.known().await;
    let (before, calls) = (scene.app.kept(), scene.app.service.requests().len());
    let with = |name: &str, value: Value| {
        let mut body = bearer("Warehouse", "tok-of-the-warehouse");
        body[name] = value;
        body
    };
    let values = |name: &str, value: Value| {
        let mut body = bearer("Warehouse", "tok-of-the-warehouse");
        body["values"][name] = value;
        body
    };
    for (body, status, kind, field) in [
        (json!({}), 422, "invalid", "integration"),
        (with("integration", json!("nothing")), 422, "invalid", "integration"),
        (with("method", json!("nothing")), 422, "invalid", "method"),
        (with("name", json!("")), 422, "invalid", "name"),
        (with("name", json!("order SERVICE")), 422, "invalid", "name"),
        (with("name", json!(7)), 400, "malformed", "name"),
        (with("environment", json!("moon")), 422, "invalid", "environment"),
        (with("tags", json!(["a,b"])), 422, "invalid", "tags"),
        (with("odd", json!(1)), 400, "malformed", "odd"),
        (with("description", json!("a\u{0}b")), 400, "malformed", "description"),
        (values("token", json!("")), 422, "invalid", "values.token"),
        (values("token", json!({ "a": 1 })), 400, "malformed", "values.token"),
        (values("odd", json!("x")), 422, "invalid", "values.odd"),
        (values("base_url", json!("not an address")), 422, "invalid", "values.base_url"),
        (json!({ "integration": "google-sheets", "method": "oauth", "name": "Sheets" }), 422, "consent-needed", ""),
    ] {
        let reply = machine.send("POST", "/api/v1/credentials", &body).await;
        assert_eq!(reply.problem(status), kind, "{body}");
        assert!(!reply.body.contains("tok-of-the-warehouse"), "{}", reply.body);
        if !field.is_empty() {
            assert_eq!(reply.json()["errors"][0]["field"], field, "{body}: {}", reply.body);
        }
    }
    let twice = format!("{} {{}}", bearer("Warehouse", "tok-of-the-warehouse"));
    for (kind, text, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "\u{feff}{}", 400),
        ("application/json", twice.as_str(), 400),
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "name=x", 415),
    ] {
        let request = machine.request("POST", "/api/v1/credentials").header("Content-Type", kind).body(text.to_owned());
        assert_eq!(sent(request).await.status, status, "{kind} {text}");
    }
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20));
    let request = machine.request("POST", "/api/v1/credentials").header("Content-Type", "application/json").body(large);
    assert_eq!(sent(request).await.problem(413), "too-large");
    scene.app.assert_kept(&before);
    assert_eq!(scene.app.service.requests().len(), calls, "nobody was called");
}

#[tokio::test]
async fn a_change_keeps_what_is_not_sent_and_is_made_for_a_revision() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let path = format!("/api/v1/credentials/{}", scene.credential);
    let calls = scene.app.service.requests().len();
    let told = machine.send("PATCH", &path, &json!({ "revision": 1, "description": "Orders", "tags": ["shop"] })).await;
    let told = told.expect(200).json();
    assert_eq!((&told["revision"], &told["name"]), (&json!(2), &json!("Order service")));
    assert_eq!((&told["description"], &told["version"]), (&json!("Orders"), &json!(1)));
    assert_eq!(scene.app.service.requests().len(), calls, "no value changed, so nothing was verified");

    scene.app.service.prepare(ok());
    let told = machine.send("PATCH", &path, &json!({ "revision": 2, "values": { "check_path": "/you" } })).await;
    let told = told.expect(200).json();
    assert_eq!((&told["values"]["check_path"], &told["version"]), (&json!("/you"), &json!(2)));
    assert_eq!(told["description"], "Orders");
    let asked = scene.app.service.requests();
    let last = asked.last().expect("a check");
    assert_eq!((last.path(), last.header("authorization")), ("/you", Some(format!("Bearer {SECRET}").as_str())));

    let stale = machine.send("PATCH", &path, &json!({ "revision": 2, "name": "Other" })).await;
    assert_eq!((stale.problem(409), &stale.json()["revision"]), ("stale".to_owned(), &json!(3)));
    assert_eq!(machine.send("PATCH", &path, &json!({ "name": "Other" })).await.problem(422), "invalid");
    // T102: elsewhere the secret does not go along, and nothing is sent.
    let calls = scene.app.service.requests().len();
    let body = json!({ "revision": 3, "values": { "base_url": "https://elsewhere.example" } });
    let reply = machine.send("PATCH", &path, &body).await;
    assert_eq!(reply.problem(422), "invalid");
    assert_eq!(
        (&reply.json()["errors"][0]["field"], &reply.json()["errors"][0]["code"]),
        (&json!("values.token"), &json!("secret_required"))
    );
    assert_eq!(scene.app.service.requests().len(), calls);

    scene.app.service.prepare(Answer::json(401, &json!({})));
    let reply = machine.send("PATCH", &path, &json!({ "revision": 3, "values": { "token": "tok-wrong" } })).await;
    assert_eq!(reply.problem(422), "not-verified");
    assert_eq!(machine.get(&path).await.expect(200).json()["version"], 2, "the old one stays in use");
}

#[tokio::test]
async fn a_name_is_free_and_never_verified() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let calls = scene.app.service.requests().len();
    let path = "/api/v1/credentials/order-service/name";
    let told = machine.send("PUT", path, &json!({ "name": "Orders of the shop" })).await.expect(200).json();
    assert_eq!((&told["name"], &told["handle"]), (&json!("Orders of the shop"), &json!("order-service")));
    scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    let taken = machine.send("PUT", path, &json!({ "name": "SHOP events" })).await;
    assert_eq!((taken.problem(422), &taken.json()["errors"][0]["code"]), ("invalid".to_owned(), &json!("taken")));
    assert_eq!(machine.send("PUT", path, &json!({ "name": "Other", "revision": 1 })).await.problem(409), "stale");
    assert_eq!(machine.send("PUT", path, &json!({ "name": "\u{1}" })).await.problem(422), "invalid");
    assert_eq!(scene.app.service.requests().len(), calls);
}

#[tokio::test]
async fn what_is_stored_is_verified_when_asked() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let path = "/api/v1/credentials/order-service/checks";
    scene.app.service.prepare(Answer::json(401, &json!({})));
    let told = sent(machine.request("POST", path)).await.expect(200).json();
    assert_eq!((&told["status"], &told["last_check"]["outcome"]), (&json!("broken"), &json!("invalid")));
    scene.app.means.clock.advance(chrono::TimeDelta::minutes(2));
    scene.app.service.prepare(ok());
    let told = sent(machine.request("POST", path)).await.expect(200).json();
    assert_eq!(told["status"], "working");
    let mut limited = false;
    for _ in 0..12 {
        scene.app.service.prepare(ok());
        let reply = sent(machine.request("POST", path)).await;
        limited |= reply.status == 429 && reply.header("retry-after").is_some();
    }
    assert!(limited, "as often as on pages, and no more");
}

#[tokio::test]
async fn a_new_secret_serves_at_once_or_is_staged_promoted_and_taken_back() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let path = "/api/v1/credentials/order-service/rotation";
    assert_eq!(machine.send("POST", path, &json!({})).await.json()["errors"][0]["code"], "required");
    scene.app.service.prepare(ok());
    let body = json!({ "values": { "token": "tok-second" }, "keep_hours": 24, "revision": 1 });
    let told = machine.send("POST", path, &body).await.expect(200).json();
    assert_eq!((&told["version"], &told["versions"][1]["kept"]), (&json!(2), &json!(true)));
    assert!(told["versions"][1]["kept_until"].is_string());
    assert_eq!(told["versions"][0]["created_by"], "the token “Worker”");
    let back = sent(machine.request("POST", &format!("{path}/rollback"))).await.expect(200).json();
    assert_eq!(back["version"], 1);

    scene.app.means.clock.advance(chrono::TimeDelta::minutes(2));
    scene.app.service.prepare(ok());
    let body = json!({ "values": { "token": "tok-third" }, "serve": "hand" });
    let told = machine.send("POST", path, &body).await.expect(200).json();
    assert_eq!((&told["version"], &told["versions"][0]["state"]), (&json!(1), &json!("staged")));
    let stale = machine.send("POST", &format!("{path}/promote"), &json!({ "revision": 1 })).await;
    assert_eq!(stale.problem(409), "stale");
    let told = sent(machine.request("POST", &format!("{path}/promote"))).await.expect(200).json();
    assert_eq!(told["version"], 3);
    assert_eq!(sent(machine.request("POST", &format!("{path}/promote"))).await.problem(409), "conflict");

    for (body, status) in [
        (json!({ "values": { "token": "x" }, "serve": "at", "serve_at": "2001-01-01T00:00" }), 422),
        (json!({ "values": { "token": "x" }, "serve": "odd" }), 400),
        (json!({ "values": { "token": "x" }, "keep_hours": 9999 }), 400),
        (json!({ "values": { "base_url": "https://elsewhere.example" } }), 422),
    ] {
        assert_eq!(machine.send("POST", path, &body).await.status, status, "{body}");
    }
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn t142_a_token_that_is_revoked_while_its_call_is_under_way_changes_nothing() {
    let scene = Scene::start().await;
    let machine = scene.known().await;
    scene.app.service.prepare(Answer::Late(Duration::from_secs(3), Box::new(ok())));
    let body = bearer("Warehouse", "tok-of-the-warehouse");
    let call = machine.send("POST", "/api/v1/credentials", &body);
    let revoke = async {
        while scene.app.service.requests().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let path = format!("/w/acme/tokens/{}/revocation", scene.token.id);
        scene.admin.post(&path, &[]).await.expect(303);
    };
    let (reply, ()) = tokio::join!(call, revoke);
    assert_eq!(reply.problem(401), "token-revoked");
    assert!(!scene.admin.get("/w/acme/credentials").await.expect(200).body.contains("Warehouse"));
    scene.app.prove_audit().await;
}
