//! Deleted, restored, removed for good, switched off, replaced: what bots would notice is said first.

use super::Scene;
use crate::support::app::ACME;
use crate::support::http_server::Answer;
use crate::support::person::sent;
use credenza::model::bot_token::Scope;
use serde_json::json;

#[tokio::test]
async fn one_in_use_goes_only_by_its_name_and_can_be_restored() {
    let scene = Scene::start().await;
    let machine = scene.known().await;
    let bot = scene.app.bot("Order confirmations").await;
    scene.app.block(&bot, "Ask for the order", "http", Some(&scene.credential)).await;
    scene.admin.post(&format!("/w/acme/bots/{bot}/publication"), &[("published", "1")]).await.expect(303);
    let path = "/api/v1/credentials/order-service";
    let before = scene.app.kept();
    for tail in ["", "?confirm_name=Order", "?confirm_name=order-service"] {
        let refused = sent(machine.request("DELETE", &format!("{path}{tail}"))).await;
        assert_eq!(
            (refused.problem(409), &refused.json()["bots"]),
            ("in-use".to_owned(), &json!(["Order confirmations"]))
        );
    }
    let stale = sent(machine.request("DELETE", &format!("{path}?confirm_name=Order%20service&revision=7"))).await;
    assert_eq!(stale.problem(409), "stale");
    scene.app.assert_kept(&before);
    let gone =
        sent(machine.request("DELETE", &format!("{path}?confirm_name=Order%20service"))).await.expect(200).json();
    assert_eq!(gone, json!({ "id": scene.credential, "sign_in": "none" }));
    assert_eq!(machine.get(path).await.problem(404), "not-found");
    assert_eq!(sent(machine.request("DELETE", path)).await.problem(404), "not-found");
    let listed = machine.get("/api/v1/credentials?deleted=true").await.expect(200).json();
    assert_eq!(listed["credentials"][0]["id"], scene.credential.as_str());
    let deleted = scene.admin.get("/w/acme/credentials/deleted").await.expect(200);
    assert!(deleted.body.contains("the token “Worker”"), "the page says who");

    // The name is taken meanwhile.
    scene.app.service.prepare(Answer::json(200, &json!({})));
    scene.app.bearer(&scene.admin, "Order service", "tok-of-another").await;
    let by_id = format!("/api/v1/credentials/{}", scene.credential);
    let taken = sent(machine.request("POST", &format!("{by_id}/restoration"))).await;
    assert_eq!((taken.problem(409), &taken.json()["errors"][0]["code"]), ("conflict".to_owned(), &json!("taken")));
    let told =
        machine.send("POST", &format!("{by_id}/restoration"), &json!({ "name": "Orders" })).await.expect(200).json();
    assert_eq!((&told["name"], &told["handle"]), (&json!("Orders"), &json!("order-service")));

    sent(machine.request("DELETE", &format!("{by_id}?confirm_name=Orders"))).await.expect(200);
    sent(machine.request("POST", &format!("{by_id}/purge"))).await.expect(204);
    assert_eq!(sent(machine.request("POST", &format!("{by_id}/restoration"))).await.problem(404), "not-found");
    assert_eq!(sent(machine.request("POST", &format!("{by_id}/purge"))).await.problem(404), "not-found");
    scene.app.prove_audit().await;
}

#[tokio::test]
async fn it_is_switched_off_for_a_while_and_on_again() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let bot = scene.app.bot("Order confirmations").await;
    scene.app.block(&bot, "Ask for the order", "http", Some(&scene.credential)).await;
    let reader = scene.app.machine(&scene.app.token(&bot, &[Scope::Fetch], None).await.text);
    let path = "/api/v1/credentials/order-service/suspension";
    let told = machine.send("POST", path, &json!({ "hours": 2 })).await.expect(200).json();
    assert_eq!(told["status"], "suspended");
    assert!(told["suspended_until"].is_string());
    assert_eq!(reader.get("/api/v1/credentials/order-service/secret").await.problem(409), "credential-suspended");
    let told = machine.send("POST", path, &json!({ "hours": 0 })).await.expect(200).json();
    assert_eq!(told["status"], "working");
    reader.get("/api/v1/credentials/order-service/secret").await.expect(200);
    for hours in [-1, 8785] {
        let refused = machine.send("POST", path, &json!({ "hours": hours })).await;
        assert_eq!(
            (refused.problem(422), &refused.json()["errors"][0]["field"]),
            ("invalid".to_owned(), &json!("hours"))
        );
    }
    assert_eq!(machine.send("POST", path, &json!({})).await.problem(422), "invalid");
}

#[tokio::test]
async fn a_revision_that_is_sent_is_judged() {
    let scene = Scene::start().await;
    let machine = scene.known().await;
    let path = format!("/api/v1/credentials/{}", scene.credential);
    let suspension = format!("{path}/suspension");
    let now = machine.get(&path).await.expect(200).json()["revision"].as_i64().expect("a number");
    let before = scene.app.kept();
    for hours in [1, 0] {
        let stale = machine.send("POST", &suspension, &json!({ "hours": hours, "revision": now + 1 })).await;
        assert_eq!((stale.problem(409), &stale.json()["revision"]), ("stale".to_owned(), &json!(now)));
    }
    scene.app.assert_kept(&before);
    let off = machine.send("POST", &suspension, &json!({ "hours": 1, "revision": now })).await.expect(200).json();
    let on = machine.send("POST", &suspension, &json!({ "hours": 0, "revision": off["revision"] })).await;
    let revision = on.expect(200).json()["revision"].as_i64().expect("a number");
    sent(machine.request("DELETE", &format!("{path}?revision={revision}"))).await.expect(200);
    let before = scene.app.kept();
    let stale = machine.send("POST", &format!("{path}/restoration"), &json!({ "revision": revision })).await;
    assert_eq!((stale.problem(409), &stale.json()["revision"]), ("stale".to_owned(), &json!(revision + 1)));
    let stale = sent(machine.request("POST", &format!("{path}/purge?revision={revision}"))).await;
    assert_eq!(stale.problem(409), "stale");
    scene.app.assert_kept(&before);
    let deleted = json!({ "revision": revision + 1 });
    machine.send("POST", &format!("{path}/restoration"), &deleted).await.expect(200);
    sent(machine.request("DELETE", &path)).await.expect(200);
    sent(machine.request("POST", &format!("{path}/purge?revision={}", revision + 3))).await.expect(204);
}

#[tokio::test]
async fn its_blocks_are_moved_to_another_and_then_nobody_misses_it() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let bot = scene.app.bot("Order confirmations").await;
    let first = scene.app.block(&bot, "Ask for the order", "http", Some(&scene.credential)).await;
    scene.app.block(&bot, "Ask for the price", "http", Some(&scene.credential)).await;
    scene.admin.post(&format!("/w/acme/bots/{bot}/publication"), &[("published", "1")]).await.expect(303);
    scene.app.service.prepare(Answer::json(200, &json!({})));
    scene.app.bearer(&scene.admin, "New order service", "tok-of-the-new-one").await;
    scene.app.website(&scene.admin, "Shop events", "a signing secret of a shop").await;
    let path = "/api/v1/credentials/order-service/replacement";
    for (body, field) in [
        (json!({ "target": "nothing" }), "target"),
        (json!({ "target": "shop-events" }), "target"),
        (json!({ "target": "order-service" }), "target"),
        (json!({ "target": "new-order-service", "blocks": [] }), "blocks"),
        (json!({ "target": "new-order-service", "blocks": ["nothing"] }), "blocks"),
    ] {
        let refused = machine.send("POST", path, &body).await;
        assert_eq!(
            (refused.problem(422), &refused.json()["errors"][0]["field"]),
            ("invalid".to_owned(), &json!(field))
        );
    }
    let stale = machine.send("POST", path, &json!({ "target": "new-order-service", "revision": 9 })).await;
    assert_eq!(stale.problem(409), "stale");
    let some = machine.send("POST", path, &json!({ "target": "new-order-service", "blocks": [first] })).await;
    assert_eq!(some.expect(200).json(), json!({ "moved": 1, "left": 1 }));
    let all = machine.send("POST", path, &json!({ "target": "new-order-service" })).await;
    assert_eq!(all.expect(200).json(), json!({ "moved": 1, "left": 0 }));
    sent(machine.request("DELETE", "/api/v1/credentials/order-service")).await.expect(200);
    assert!(scene.app.events(ACME).await.iter().any(|e| e.action == "credential.deleted" && e.actor_kind == "token"));
}
