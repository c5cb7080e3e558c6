//! The description of the API is that of the routes that there are.

use crate::support::app::TestApp;
use credenza::api::problem;
use credenza::api::routes;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let app = TestApp::start().await;
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let paths = document["paths"].as_object().expect("paths");
    let told: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("methods").keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let registered: BTreeSet<String> = routes::table()
        .iter()
        .flat_map(|route| {
            let path = route.path.replace("{path:.*}", "{path}");
            route.methods.iter().map(move |method| format!("{} {path}", method.as_str().to_lowercase()))
        })
        .collect();
    assert_eq!(told, registered);
}

#[tokio::test]
async fn only_a_call_that_is_passed_on_may_be_answered_with_any_status() {
    let app = TestApp::start().await;
    let document = app.anon().get("/api/v1/openapi.json").await.expect(200).json();
    let told = |operation: &Value| -> BTreeSet<String> {
        operation["responses"].as_object().expect("responses").keys().cloned().collect()
    };
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let told = told(operation);
            assert_eq!(told.contains("default"), path.contains("/proxy/"), "{method} {path}: {told:?}");
            assert_eq!(told.contains("503"), !path.contains("/proxy/"), "{method} {path}: {told:?}");
        }
    }
    let of = |path: &str, method: &str| Vec::from_iter(told(&document["paths"][path][method]));
    assert_eq!(
        of("/api/v1/credentials/{credential}/secret", "get"),
        ["200", "304", "400", "401", "403", "404", "409", "410", "429", "431", "500", "502", "503"]
    );
    assert_eq!(
        of("/api/v1/bots", "post"),
        ["201", "400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "431", "500", "503"]
    );
}

#[tokio::test]
async fn every_type_of_problem_is_explained_at_its_address() {
    let app = TestApp::start().await;
    let all = app.anon().get("/api/v1/problems").await.expect(200).json();
    assert_eq!(all.as_array().expect("a list").len(), problem::ALL.len());
    for kind in all.as_array().expect("a list") {
        let one = app.anon().get(kind["type"].as_str().expect("an address")).await.expect(200).json();
        assert_eq!(&one, kind);
    }
    assert_eq!(app.anon().get("/api/v1/problems/nothing").await.problem(404), "not-found");
}
