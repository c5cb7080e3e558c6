//! What Vault's clients ask for, by hand; `tests/clients` asks with the clients themselves.

use super::{Scene, TOKEN};
use crate::support::app::ACME;
use crate::support::bots::Machine;
use crate::support::person::{Person, Reply, sent};
use credenza::clock::Clock;
use credenza::db::schema::credentials;
use diesel::prelude::*;
use serde_json::{Value, json};

async fn read(scene: &Scene, method: &str, path: &str) -> Reply {
    let request = Person::bare(&scene.app.base).request(method, &format!("/v1/{path}"));
    sent(request.header("X-Vault-Token", &scene.token.text)).await
}

fn data(reply: Reply) -> Value {
    let json = reply.expect(200).json();
    for name in ["request_id", "lease_id", "renewable", "lease_duration", "wrap_info", "warnings", "auth"] {
        assert!(json.get(name).is_some(), "{name}: {json}");
    }
    json["data"].clone()
}

#[tokio::test]
async fn data_metadata_and_lists_are_in_vaults_shape() {
    let scene = Scene::start().await;
    let got = data(read(&scene, "GET", "acme/data/order-service").await);
    assert_eq!(got["data"], json!({ "base_url": super::BASE, "check_path": "/me", "token": TOKEN }));
    assert_eq!((&got["metadata"]["version"], &got["metadata"]["destroyed"]), (&json!(1), &json!(false)));
    assert_eq!(got["metadata"]["custom_metadata"]["integration"], "http");
    assert_eq!(data(read(&scene, "GET", &format!("acme/data/blocks/{}", scene.key)).await)["data"]["token"], TOKEN);
    assert_eq!(data(read(&scene, "GET", "acme/data/order-service?version=1").await)["data"]["token"], TOKEN);
    let connection = data(read(&scene, "GET", "acme/data/connections/order_service").await)["data"].clone();
    assert_eq!(
        (&connection["conn_type"], &connection["host"], &connection["password"]),
        (&json!("http"), &json!(super::BASE), &json!(TOKEN))
    );
    let metadata = data(read(&scene, "GET", "acme/metadata/order-service").await);
    assert_eq!((&metadata["current_version"], &metadata["versions"]["1"]["destroyed"]), (&json!(1), &json!(false)));
    for (method, path) in [("LIST", "acme/metadata"), ("LIST", "acme/metadata/"), ("GET", "acme/metadata/?list=true")] {
        assert_eq!(data(read(&scene, method, path).await)["keys"], json!(["blocks/", "connections/", "order-service"]));
    }
    assert_eq!(data(read(&scene, "LIST", "acme/metadata/blocks").await)["keys"], json!([scene.key]));
    let mounts = data(read(&scene, "GET", "sys/internal/ui/mounts").await);
    assert_eq!(mounts["secret"]["acme/"]["options"]["version"], "2");
    assert_eq!(data(read(&scene, "GET", "sys/internal/ui/mounts/acme/order-service").await)["path"], "acme/");
    let own = data(read(&scene, "GET", "auth/token/lookup-self").await);
    assert!(own["ttl"].as_i64().is_some_and(|ttl| ttl > 0) && !own.to_string().contains(&scene.token.text));
    let health = sent(Person::bare(&scene.app.base).request("GET", "/v1/sys/health")).await.expect(200).json();
    assert_eq!((&health["sealed"], &health["initialized"]), (&json!(false), &json!(true)));
    let fetched = scene.app.events(ACME).await.iter().filter(|event| event.action == "credential.fetched").count();
    assert_eq!(fetched, 4, "each read has its line");
}

#[tokio::test]
async fn of_a_deleted_credential_there_are_neither_data_nor_metadata() {
    let scene = Scene::start().await;
    let paths = [
        "acme/data/order-service".to_owned(),
        "acme/metadata/order-service".to_owned(),
        format!("acme/data/blocks/{}", scene.key),
        format!("acme/metadata/blocks/{}", scene.key),
    ];
    for path in &paths {
        data(read(&scene, "GET", path).await);
    }
    let id = scene.credential.clone();
    scene
        .app
        .write(move |tx| {
            let one = credentials::table.filter(credentials::id.eq(&id));
            Ok(diesel::update(one).set(credentials::deleted_at.eq(Some(Clock::system().now()))).execute(tx.conn())?)
        })
        .await;
    for path in &paths {
        assert_eq!(read(&scene, "GET", path).await.expect(404).json(), json!({ "errors": [] }), "{path}");
    }
}

#[tokio::test]
async fn errors_are_vaults_own() {
    let scene = Scene::start().await;
    for token in ["", "hvs.nothing", &scene.token.text[1..], "crdz_x"] {
        let request = Person::bare(&scene.app.base).request("GET", "/v1/acme/data/order-service");
        let reply = sent(request.header("X-Vault-Token", token)).await.expect(403);
        assert_eq!(reply.json(), json!({ "errors": ["permission denied"] }));
    }
    for path in
        ["acme/data/nothing", "acme/data/blocks/nothing", "acme/metadata/nothing", "acme/data/a/b/c", "acme/nothing/x"]
    {
        assert_eq!(read(&scene, "GET", path).await.expect(404).json(), json!({ "errors": [] }), "{path}");
    }
    assert_eq!(read(&scene, "LIST", "acme/metadata/nothing").await.expect(404).json(), json!({ "errors": [] }));
    let other = read(&scene, "GET", "umbrella/data/order-service").await.expect(404).json();
    assert!(other["errors"][0].as_str().is_some_and(|text| text.starts_with("no handler for route")));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let reply = read(&scene, method, "acme/data/order-service").await.expect(403);
        assert_eq!(reply.json(), json!({ "errors": ["permission denied"] }));
    }
    let uses = scene.app.token(&scene.bot, &[credenza::model::bot_token::Scope::Use], None).await;
    let machine: Machine = scene.app.machine(&uses.text);
    machine.get("/v1/acme/data/order-service").await.expect(403);
    scene.machine().get("/v1/acme/data/order-service").await.expect(200);
}
