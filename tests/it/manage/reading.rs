//! What a token that manages reads: the catalogue, the list, one credential. Never a secret.

use super::{SECRET, Scene};
use crate::support::app::ACME;
use crate::support::http_server::Answer;
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<String> {
    let all = page["credentials"].as_array().expect("a list").iter();
    all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn the_catalogue_tells_services_methods_and_fields() {
    let scene = Scene::start().await;
    let machine = scene.machine();
    let mut path = "/api/v1/integrations?limit=50".to_owned();
    let mut ids = Vec::new();
    loop {
        let page = machine.get(&path).await.expect(200).json();
        let rows = page["integrations"].as_array().expect("a list").clone();
        assert!(rows.len() <= 50);
        ids.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/integrations?limit=50&after={next}");
    }
    assert_eq!(ids.len(), scene.app.state.catalog.all().len());
    assert!(ids.is_sorted());
    let found = machine.get("/api/v1/integrations?q=smtp").await.expect(200).json();
    assert!(found["integrations"].as_array().expect("a list").iter().any(|row| row["id"] == "smtp"));
    let smtp = machine.get("/api/v1/integrations/smtp").await.expect(200).json();
    let method = &smtp["methods"][0];
    let fields = method["fields"].as_array().expect("fields");
    let password = fields.iter().find(|field| field["name"] == "password").expect("a password");
    assert_eq!((&password["secret"], &method["needs_consent"]), (&json!(true), &json!(false)));
    assert_eq!(machine.get("/api/v1/integrations/nothing").await.problem(404), "not-found");
    for bad in ["limit=0", "limit=101", "limit=x", "limit=1e18", "page=2", "q=a&q=b"] {
        assert_eq!(machine.get(&format!("/api/v1/integrations?{bad}")).await.problem(400), "malformed", "{bad}");
    }
    for id in &ids {
        machine.get(&format!("/api/v1/integrations/{id}")).await.expect(200);
    }
}

#[tokio::test]
async fn t135_the_list_is_filtered_searched_sorted_and_read_page_by_page() {
    let scene = Scene::start().await;
    for n in 1..=4 {
        scene.app.website(&scene.admin, &format!("Shop {n}"), &format!("a signing secret of shop {n}")).await;
    }
    let machine = scene.machine();
    let all = machine.get("/api/v1/credentials").await.expect(200).json();
    assert_eq!(names(&all), ["Shop 4", "Shop 3", "Shop 2", "Shop 1", "Order service"]);
    assert_eq!(all["next"], Value::Null);
    for sort in ["newest", "name", "status", "last_used"] {
        let (mut seen, mut path) = (Vec::new(), format!("/api/v1/credentials?limit=2&sort={sort}"));
        loop {
            let page = machine.get(&path).await.expect(200).json();
            seen.extend(names(&page));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/credentials?limit=2&sort={sort}&after={next}");
        }
        seen.sort();
        assert_eq!(seen, ["Order service", "Shop 1", "Shop 2", "Shop 3", "Shop 4"], "{sort}");
    }
    let of = async |query: &str| names(&machine.get(&format!("/api/v1/credentials?{query}")).await.expect(200).json());
    assert_eq!(of("integration=http").await, ["Order service"]);
    assert_eq!(of("q=shop+3").await, ["Shop 3"]);
    assert_eq!(of("status=working").await, ["Order service"]);
    assert_eq!(of("status=broken").await, Vec::<String>::new());
    assert_eq!(of("environment=production").await, Vec::<String>::new());
    for bad in ["status=odd", "sort=odd", "environment=odd", "after=odd", "deleted=1", "deleted=true&q=x", "page=-1"] {
        assert_eq!(machine.get(&format!("/api/v1/credentials?{bad}")).await.problem(400), "malformed", "{bad}");
    }
    for n in 1..=3 {
        let id = of_handle(&machine.get("/api/v1/credentials").await.expect(200).json(), &format!("shop-{n}"));
        scene.admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    }
    let first = machine.get("/api/v1/credentials?deleted=true&limit=2").await.expect(200).json();
    assert_eq!(names(&first), ["Shop 3", "Shop 2"]);
    let next = first["next"].as_str().expect("another page");
    let rest = machine.get(&format!("/api/v1/credentials?deleted=true&limit=2&after={next}")).await.expect(200).json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["Shop 1".to_owned()], &Value::Null));
    assert!(rest["credentials"][0]["deleted_at"].is_string());
}

#[tokio::test]
async fn a_search_that_several_words_begin_with_is_one_list_from_the_newest_on() {
    let scene = Scene::start().await;
    let named = ["Botstar 1", "Botswana 2", "Bots 3", "Bots and botstar 4", "Bots 5", "Botswana 6", "Bots 7", "Shop 8"];
    for name in named {
        scene.app.website(&scene.admin, name, "a signing secret of a bot").await;
    }
    let machine = scene.machine();
    let mut wanted: Vec<&str> = named.into_iter().filter(|name| name.starts_with("Bots")).collect();
    wanted.reverse();
    for limit in 1..=8 {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/credentials?q=bots&limit={limit}{after}");
            let page = machine.get(&path).await.expect(200).json();
            seen.extend(names(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, wanted, "{limit} a page");
    }
}

fn of_handle(page: &Value, handle: &str) -> String {
    let all = page["credentials"].as_array().expect("a list");
    let found = all.iter().find(|one| one["handle"] == handle).expect("the handle");
    found["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn one_credential_is_told_with_its_versions_users_and_check_and_without_its_secret() {
    let scene = Scene::start().await;
    let bot = scene.app.bot("Order confirmations").await;
    let key = scene.app.block(&bot, "Ask for the order", "http", Some(&scene.credential)).await;
    scene.app.service.prepare(Answer::json(401, &json!({})));
    scene.admin.post(&format!("/w/acme/credentials/{}/checks", scene.credential), &[]).await.expect(303);
    let machine = scene.machine();
    for name in [scene.credential.as_str(), "order-service"] {
        let reply = machine.get(&format!("/api/v1/credentials/{name}")).await.expect(200);
        assert!(!reply.body.contains(SECRET));
        let told = reply.json();
        assert_eq!((&told["id"], &told["status"]), (&json!(scene.credential), &json!("broken")));
        assert_eq!((&told["secrets"], &told["revision"]), (&json!(["token"]), &json!(1)));
        assert!(told["values"]["base_url"].is_string() && told["values"]["token"].is_null());
        assert_eq!((&told["used_by"][0]["block"], &told["versions"][0]["state"]), (&json!(key), &json!("live")));
        assert_eq!(told["last_check"]["outcome"], "invalid");
        assert!(!told["last_check"]["hint"].as_str().expect("a hint").is_empty());
        assert!(told["created_by"].as_str().is_some_and(|name| name.starts_with("admin")));
    }
    let before = scene.app.events(ACME).await.len();
    assert_eq!(machine.get("/api/v1/credentials/nothing").await.problem(404), "not-found");
    assert_eq!(scene.app.events(ACME).await.len(), before, "to look leaves no line, as on pages");
}
