//! Tokens: which are let in, and what a wrong one leaves behind.

use super::{Scene, TOKEN};
use crate::support::app::{ACME, TestApp};
use crate::support::http_server::Answer;
use crate::support::person::{Person, sent};
use chrono::TimeDelta;
use credenza::crypto::bot_token::{mint, read};
use credenza::db::schema::bot_tokens;
use credenza::model::audit::Outcome;
use credenza::model::bot_token::{self, Scope};
use credenza::model::permission::Allowed;
use diesel::prelude::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn t025_only_a_whole_known_open_token_is_let_in() {
    let scene = Scene::start().await;
    let app = &scene.app;
    let text = &scene.token.text;
    let bare = Person::bare(&app.base);
    let asked = |value: &str| sent(bare.request("GET", &scene.at("secret")).header("Authorization", value));
    let other = if &text[30..31] == "x" { 'y' } else { 'x' };
    let unknown = mint(app.means.keyring.random()).expect("a token").text;
    for (value, kind) in [
        (format!("Bearer {}", &text[..text.len() - 1]), "token-malformed"),
        (format!("Bearer {}{other}{}", &text[..30], &text[31..]), "token-malformed"),
        ("Bearer ".to_owned(), "token-malformed"),
        ("Bearer crdz_".to_owned(), "token-malformed"),
        (format!("Basic {text}"), "token-missing"),
        (format!("Bearer {}", unknown.expose()), "token-unknown"),
    ] {
        let reply = asked(&value).await;
        assert_eq!(reply.problem(401), kind, "{value}");
        assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
        assert!(!reply.body.contains(TOKEN));
    }
    assert_eq!(sent(bare.request("GET", &scene.at("secret"))).await.problem(401), "token-missing");
    let twice = bare.request("GET", &scene.at("secret")).bearer_auth(text).bearer_auth(text);
    assert_eq!(sent(twice).await.problem(401), "token-malformed");
    let signed_in = sent(scene.admin.request("GET", &scene.at("secret"))).await;
    assert_eq!(signed_in.problem(401), "token-missing", "a session is nothing here");

    let elsewhere = app.token_in(ACME, Some(&scene.bot), &[Scope::Fetch], None, "203.0.113.0/24").await;
    assert_eq!(app.machine(&elsewhere.text).get(&scene.at("secret")).await.problem(401), "token-network");
    let here = app.token_in(ACME, Some(&scene.bot), &[Scope::Fetch], None, "203.0.113.0/24 127.0.0.0/8").await;
    app.machine(&here.text).get(&scene.at("secret")).await.expect(200);

    let revoked = app.token(&scene.bot, &[Scope::Fetch], None).await;
    let (means, workspace) = (app.means.clone(), app.workspace(ACME).await);
    app.write(move |tx| bot_token::revoke(tx, &means, &Allowed::operator(workspace.clone()), &revoked.id)).await;
    assert_eq!(app.machine(&revoked.text).get(&scene.at("secret")).await.problem(401), "token-revoked");

    app.means.clock.advance(TimeDelta::days(91));
    assert_eq!(scene.machine().get(&scene.at("secret")).await.problem(401), "token-expired");
    let events = app.events(ACME).await;
    let refused: Vec<_> = events.iter().filter(|event| event.outcome == Outcome::Deny).collect();
    let codes: Vec<&str> = refused.iter().map(|event| event.code.as_str()).collect();
    assert_eq!(codes, ["token-network", "token-revoked", "token-expired"]);
    assert!(refused.iter().all(|event| event.actor_kind == "bot" && event.detail("token").is_some()));
    app.prove_audit().await;
}

#[tokio::test]
async fn t025_a_token_in_an_address_is_refused_and_marked() {
    let scene = Scene::start().await;
    let path = format!("{}?token={}", scene.at("secret"), scene.token.text);
    for reply in [scene.machine().get(&path).await, sent(Person::bare(&scene.app.base).request("GET", &path)).await] {
        assert_eq!(reply.problem(400), "token-in-address");
    }
    let marked: i64 = scene
        .app
        .read(|conn| Ok(bot_tokens::table.filter(bot_tokens::leaked_at.is_not_null()).count().get_result(conn)?))
        .await;
    assert_eq!(marked, 1);
    let events = scene.app.events(ACME).await;
    assert_eq!(events.iter().filter(|event| event.action == "token.leaked").count(), 1);
    scene.machine().get(&scene.at("secret")).await.expect(200);
}

#[tokio::test]
async fn scopes_and_named_credentials_narrow_a_token() {
    let scene = Scene::start().await;
    let app = &scene.app;
    let uses = app.token(&scene.bot, &[Scope::Use], None).await;
    assert_eq!(app.machine(&uses.text).get(&scene.at("secret")).await.problem(403), "scope-missing");
    let fetches = app.token(&scene.bot, &[Scope::Fetch], None).await;
    assert_eq!(app.machine(&fetches.text).get(&scene.at("proxy/me")).await.problem(403), "scope-missing");
    let shop = app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    let named = app.token(&scene.bot, &[Scope::Fetch], Some(&[&shop])).await;
    let machine = app.machine(&named.text);
    machine.get(&format!("/api/v1/credentials/{shop}/secret")).await.expect(200);
    assert_eq!(machine.get(&scene.at("secret")).await.problem(404), "not-found");
    assert_eq!(machine.get(&format!("/api/v1/blocks/{}/secret", scene.key)).await.problem(404), "not-found");
    let manages = app.token_in(ACME, None, &[Scope::Manage], None, "").await;
    assert_eq!(app.machine(&manages.text).get(&scene.at("secret")).await.problem(403), "scope-missing");
    assert_eq!(app.machine(&manages.text).get("/api/v1/blocks").await.problem(403), "scope-missing");
}

#[tokio::test]
async fn who_is_refused_over_and_over_is_told_to_wait_and_grows_no_chain() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let mut waits = 0;
    for _ in 0..80 {
        let reply = machine.get("/api/v1/credentials/nothing/secret").await;
        if reply.status == 429 {
            assert_eq!(reply.problem(429), "limit-reached");
            assert!(reply.header("retry-after").and_then(|text| text.parse::<u64>().ok()).is_some_and(|s| s > 0));
            waits += 1;
        }
    }
    assert_eq!(waits, 20);
    scene.app.means.clock.advance(TimeDelta::seconds(61));
    machine.get(&scene.at("secret")).await.expect(200);
}

#[tokio::test]
async fn t009_an_invented_token_takes_no_place_of_calls_that_flow() {
    let scene = Scene::start().await;
    let door = &scene.app.door;
    let held: Vec<_> = (0..).map_while(|n: u32| door.flow(&format!("held {n}")).ok()).collect();
    let invented = mint(scene.app.means.keyring.random()).expect("a token").text;
    let reply = scene.app.machine(invented.expose()).get(&scene.at("proxy/me")).await;
    assert_eq!(reply.problem(401), "token-unknown", "it is not asked whether there is room");
    let before = scene.app.events(ACME).await.len();
    let reply = scene.machine().get(&scene.at("proxy/me")).await;
    assert_eq!(reply.problem(429), "limit-reached");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(scene.app.events(ACME).await.len(), before, "what has no room is no use");
    drop(held);
    scene.app.service.prepare(Answer::json(200, &json!({})));
    scene.machine().get(&scene.at("proxy/me")).await.expect(200);
}

#[tokio::test]
async fn t010_invented_tokens_from_one_64_share_what_one_network_may_try() {
    let app = TestApp::builder().var("CREDENZA_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let invented = mint(app.means.keyring.random()).expect("a token").text;
    let machine = app.machine(invented.expose());
    let from = async |address: String| {
        let request = machine.request("GET", "/api/v1/credentials").header("X-Forwarded-For", address);
        sent(request).await.status
    };
    for n in 0..60 {
        assert_eq!(from(format!("2001:db8:1:2:{n:x}::9")).await, 401);
    }
    assert_eq!(from("2001:db8:1:2:ffff::9".to_owned()).await, 429);
    assert_eq!(from("2001:db8:1:3::9".to_owned()).await, 401, "its neighbour is another network");
}

#[tokio::test]
async fn who_asks_for_what_is_empty_over_and_over_gets_everything_else() {
    let scene = Scene::start().await;
    let empty = scene.app.block(&scene.bot, "Nothing chosen", "http", None).await;
    let machine = scene.machine();
    for _ in 0..70 {
        assert_eq!(machine.get(&format!("/api/v1/blocks/{empty}/secret")).await.problem(409), "block-empty");
    }
    machine.get(&scene.at("secret")).await.expect(200);
}

#[tokio::test]
async fn t137_fetches_above_the_capacity_are_refused_and_every_other_has_its_line() {
    let scene = Scene::start().await;
    let (door, path) = (&scene.app.door, scene.at("secret"));
    let digest = read(&scene.token.text).expect("a token").digest;
    let mut held: Vec<_> = (0..).map_while(|_: u32| door.judge(&digest).ok()).collect();
    let full = scene.machine().get(&path).await;
    assert_eq!((full.problem(429), full.header("retry-after")), ("limit-reached".to_owned(), Some("1")));
    held.pop();
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (machine, path) = (scene.machine(), path.clone());
        tasks.push(tokio::spawn(async move { machine.get(&path).await.status }));
    }
    let mut got = 0;
    for task in tasks {
        match task.await.expect("a reader") {
            200 => got += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert!(got > 0, "one place was free");
    let events = scene.app.events(ACME).await;
    let lines: Vec<_> = events.iter().filter(|event| event.action == "credential.fetched").collect();
    assert!(lines.iter().all(|line| line.outcome == Outcome::Allow));
    assert_eq!(lines.len(), got, "a line for each that left, and none for what had no place");
}

#[tokio::test]
async fn t142_after_a_token_was_revoked_nothing_that_begins_later_succeeds() {
    let scene = Scene::start().await;
    let (over, mut tasks) = (Arc::new(AtomicBool::new(false)), Vec::new());
    for _ in 0..6 {
        let (machine, path, over) = (scene.machine(), scene.at("secret"), over.clone());
        tasks.push(tokio::spawn(async move {
            let mut got = 0;
            loop {
                let began_after = over.load(Ordering::SeqCst);
                let reply = machine.get(&path).await;
                match reply.status {
                    200 => {
                        assert!(!began_after, "a token that was revoked fetched");
                        got += 1;
                    }
                    401 | 429 if began_after => return got,
                    401 => {}
                    status => panic!("{status}: {}", reply.body),
                }
            }
        }));
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (means, workspace) = (scene.app.means.clone(), scene.app.workspace(ACME).await);
    let id = scene.token.id.clone();
    scene.app.write(move |tx| bot_token::revoke(tx, &means, &Allowed::operator(workspace.clone()), &id)).await;
    over.store(true, Ordering::SeqCst);
    let mut got = 0;
    for task in tasks {
        got += task.await.expect("a reader");
    }
    let fetched = scene
        .app
        .events(ACME)
        .await
        .iter()
        .filter(|event| event.action == "credential.fetched" && event.outcome == Outcome::Allow)
        .count();
    assert_eq!(fetched, got, "a line for each that left");
    assert!(got > 0);
}

#[tokio::test]
async fn t038_other_spellings_and_methods_of_the_addresses_open_nothing() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    for path in [
        format!("{}/", scene.at("secret")),
        scene.at("Secret"),
        scene.at("secret.json"),
        scene.at("secret/x"),
        "/api/v1//credentials/order-service/secret".to_owned(),
        "/api/v2/credentials".to_owned(),
        "/API/v1/credentials".to_owned(),
        "/api/v1".to_owned(),
    ] {
        let reply = machine.get(&path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(!reply.body.contains(TOKEN));
    }
    for path in ["/api/v1/credentials/order-service", "/api/v1/credentials/order%2Dservice%2Fsecret"] {
        assert_eq!(machine.get(path).await.problem(403), "scope-missing", "{path}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let reply = sent(machine.request(method, &scene.at("secret"))).await;
        assert_eq!(reply.problem(405), "method-refused", "{method}");
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    }
    let head = sent(machine.request("HEAD", &scene.at("secret"))).await.expect(200);
    assert!(head.body.is_empty() && head.header("etag").is_some());
}
