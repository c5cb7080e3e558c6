//! Bots and blocks, set up by a token.

use super::Scene;
use crate::support::app::{ACME, UMBRELLA};
use crate::support::person::sent;
use credenza::model::bot_token::Scope;
use serde_json::{Value, json};

#[tokio::test]
async fn a_bot_is_registered_given_blocks_published_and_deleted() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let made = machine.send("POST", "/api/v1/bots", &json!({ "name": "Order confirmations" })).await.expect(201);
    let path = made.location().to_owned();
    assert_eq!((&made.json()["published"], &made.json()["blocks"]), (&json!(false), &json!([])));
    assert_eq!(made.json()["created_by"], "the token “Worker”");
    let page = scene.admin.get(&path.replace("/api/v1", "/w/acme")).await.expect(200);
    assert!(page.body.contains("the token “Worker”"));

    let body = json!({ "integration": "http", "label": "Ask for the order", "credential": "order-service" });
    let block = machine.send("POST", &format!("{path}/blocks"), &body).await.expect(201).json();
    assert_eq!((&block["credential"], &block["status"]), (&json!("order-service"), &json!("working")));
    let at = format!("{path}/blocks/{}", block["key"].as_str().expect("a key"));
    let empty = machine.send("PATCH", &at, &json!({ "credential": "" })).await.expect(200).json();
    assert_eq!((&empty["credential"], &empty["label"]), (&Value::Null, &json!("Ask for the order")));
    let publication = format!("{path}/publication");
    let refused = machine.send("PUT", &publication, &json!({ "published": true })).await;
    assert_eq!(
        (refused.problem(422), &refused.json()["errors"][0]["code"]),
        ("invalid".to_owned(), &json!("incomplete"))
    );
    let by_id = format!("{path}/blocks/{}", block["id"].as_str().expect("an id"));
    machine.send("PATCH", &by_id, &json!({ "credential": scene.credential, "label": "Orders" })).await.expect(200);

    scene.app.service.prepare(crate::support::http_server::Answer::json(401, &json!({})));
    sent(machine.request("POST", "/api/v1/credentials/order-service/checks")).await.expect(200);
    let failing = machine.send("PUT", &publication, &json!({ "published": true })).await;
    assert_eq!(
        (failing.problem(409), &failing.json()["errors"][0]["code"]),
        ("conflict".to_owned(), &json!("failing"))
    );
    let told =
        machine.send("PUT", &publication, &json!({ "published": true, "anyway": true })).await.expect(200).json();
    assert_eq!((&told["published"], &told["blocks"][0]["status"]), (&json!(true), &json!("broken")));

    let renamed =
        machine.send("PATCH", &path, &json!({ "name": "Orders", "revision": told["revision"] })).await.expect(200);
    assert_eq!(renamed.json()["name"], "Orders");
    let stale = machine.send("PATCH", &path, &json!({ "name": "Other", "revision": told["revision"] })).await;
    assert_eq!((stale.problem(409), &stale.json()["revision"]), ("stale".to_owned(), &renamed.json()["revision"]));
    let refused = sent(machine.request("DELETE", &path)).await;
    assert_eq!((refused.problem(409), &refused.json()["bots"]), ("in-use".to_owned(), &json!(["Orders"])));
    machine.send("PUT", &publication, &json!({ "published": false })).await.expect(200);
    sent(machine.request("DELETE", &at)).await.expect(204);
    sent(machine.request("DELETE", &path)).await.expect(204);
    assert_eq!(machine.get(&path).await.problem(404), "not-found");
    assert_eq!(sent(machine.request("DELETE", &path)).await.problem(404), "not-found");
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn bots_are_listed_page_by_page_and_what_is_wrong_is_named() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    for n in 1..=3 {
        scene.app.bot(&format!("Bot {n}")).await;
    }
    let first = machine.get("/api/v1/bots?limit=2").await.expect(200).json();
    let next = first["next"].as_str().expect("another page");
    let rest = machine.get(&format!("/api/v1/bots?limit=2&after={next}")).await.expect(200).json();
    let names = |page: &Value| {
        let all = page["bots"].as_array().expect("a list").iter();
        all.map(|bot| bot["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&first), names(&rest), &rest["next"]),
        (vec!["Bot 3".into(), "Bot 2".into()], vec!["Bot 1".into()], &Value::Null)
    );
    assert_eq!(machine.get("/api/v1/bots?after=odd").await.problem(400), "malformed");
    let taken = machine.send("POST", "/api/v1/bots", &json!({ "name": "bot 1" })).await;
    assert_eq!((taken.problem(422), &taken.json()["errors"][0]["code"]), ("invalid".to_owned(), &json!("taken")));
    let path = format!("/api/v1/bots/{}", rest["bots"][0]["id"].as_str().expect("an id"));
    scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    for (body, field) in [
        (json!({ "integration": "nothing", "label": "x" }), "integration"),
        (json!({ "integration": "http", "label": "" }), "label"),
        (json!({ "integration": "http", "label": "x", "credential": "nothing" }), "credential"),
        (json!({ "integration": "http", "label": "x", "credential": "shop-events" }), "credential"),
    ] {
        let refused = machine.send("POST", &format!("{path}/blocks"), &body).await;
        assert_eq!(
            (refused.problem(422), &refused.json()["errors"][0]["field"]),
            ("invalid".to_owned(), &json!(field))
        );
    }
}

#[tokio::test]
async fn t036_nothing_of_another_workspace_is_told_from_nothing_at_all() {
    let scene = Scene::start().await;
    let app = &scene.app;
    let bot = app.bot("Order confirmations").await;
    let key = app.block(&bot, "Ask for the order", "http", Some(&scene.credential)).await;
    let theirs = app.machine(&app.token_in(UMBRELLA, None, &[Scope::Manage], None, "").await.text);
    theirs.get("/api/v1/bots").await.expect(200);
    let (before, lines) = (app.kept(), app.events(ACME).await.len());
    let absent = "01900000-0000-7000-8000-000000000000";
    let change = json!({ "revision": 1, "name": "Mine" });
    for (method, path, body) in [
        ("GET", "credentials/{c}", None),
        ("PATCH", "credentials/{c}", Some(change)),
        ("DELETE", "credentials/{c}?confirm_name=Order%20service", None),
        ("PUT", "credentials/{c}/name", Some(json!({ "name": "Mine" }))),
        ("POST", "credentials/{c}/checks", None),
        ("POST", "credentials/{c}/rotation", Some(json!({ "values": { "token": "tok-of-theirs" } }))),
        ("POST", "credentials/{c}/rotation/promote", None),
        ("POST", "credentials/{c}/rotation/rollback", None),
        ("POST", "credentials/{c}/replacement", Some(json!({ "target": "x" }))),
        ("POST", "credentials/{c}/suspension", Some(json!({ "hours": 1 }))),
        ("POST", "credentials/{c}/restoration", None),
        ("POST", "credentials/{c}/purge", None),
        ("GET", "bots/{b}", None),
        ("PATCH", "bots/{b}", Some(json!({ "name": "Mine" }))),
        ("DELETE", "bots/{b}?confirm_name=Order%20confirmations", None),
        ("PUT", "bots/{b}/publication", Some(json!({ "published": true }))),
        ("POST", "bots/{b}/blocks", Some(json!({ "integration": "http", "label": "Mine" }))),
        ("PATCH", "bots/{b}/blocks/{k}", Some(json!({ "label": "Mine" }))),
        ("DELETE", "bots/{b}/blocks/{k}", None),
    ] {
        let mut told = Vec::new();
        for (credential, bot, key) in
            [(scene.credential.as_str(), bot.as_str(), key.as_str()), (absent, absent, "nothing")]
        {
            let path = path.replace("{c}", credential).replace("{b}", bot).replace("{k}", key);
            let request = theirs.request(method, &format!("/api/v1/{path}"));
            let reply = sent(if let Some(body) = &body { request.json(body) } else { request }).await;
            assert_eq!(reply.problem(404), "not-found", "{method} {path}");
            told.push(reply.json()["detail"].clone());
        }
        assert_eq!(told[0], told[1], "{method} {path}");
    }
    app.assert_kept(&before);
    assert_eq!(app.events(ACME).await.len(), lines);
}
