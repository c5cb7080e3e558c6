//! The console of the tests itself: everybody signs in, credentials are made, logs are heard.

#![cfg(test)]

use crate::support::app::{ACME, TestApp, email};
use crate::support::http_server::Answer;
use crate::support::log::Capture;

#[tokio::test]
async fn everybody_signs_in_and_sees_what_they_may() {
    let app = TestApp::start().await;
    for (person, status) in [
        (app.admin().await, 200),
        (app.member().await, 200),
        (app.support().await, 200),
        (app.foreign_admin().await, 404),
        (app.pending().await, 404),
        (app.anon(), 303),
    ] {
        assert_eq!(person.get("/w/acme/credentials").await.status, status);
    }
    assert_eq!(app.calls(), (0, 0));
}

#[tokio::test]
async fn credentials_are_made_with_and_without_a_call() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    assert_eq!(app.calls(), (0, 0), "a format check calls nobody");
    app.service.prepare(Answer::json(200, &serde_json::json!({"id": 1})));
    let other = app.bearer(&admin, "Service token", "token-of-the-service").await;
    assert_eq!(app.calls(), (1, 1));
    let asked = app.service.requests().pop().expect("a request");
    assert_eq!((asked.path(), asked.header("authorization")), ("/me", Some("Bearer token-of-the-service")));
    for id in [id, other] {
        admin.get(&format!("/w/{ACME}/credentials/{id}")).await.expect(200);
    }
}

#[tokio::test]
async fn the_log_is_heard_at_its_finest() {
    let log = Capture::start();
    let app = TestApp::start().await;
    app.anon().sign_in(&email("admin", ACME)).await.expect(303);
    let text = log.text();
    assert!(text.contains("answered") && text.contains("/sign-in"), "our own lines");
    assert!(text.contains("TRACE"), "the finest lines");
}
