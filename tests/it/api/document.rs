//! The description of the API is that of the routes that there are.

use crate::support::app::TestApp;
use credenza::api::problem;
use credenza::api::routes;
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
