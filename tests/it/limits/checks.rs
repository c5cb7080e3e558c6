//! T134: how often checks may run, seen from the pages.

use crate::support::app::{SERVICE, TestApp};
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use std::time::Duration;

fn answer(status: u16) -> Answer {
    Answer::json(status, &serde_json::json!({}))
}

fn form(name: &str) -> Vec<(&str, &str)> {
    vec![
        ("integration", "http"),
        ("method", "bearer"),
        ("name", name),
        ("f.base_url", SERVICE),
        ("f.check_path", "/me"),
        ("f.token", "token-of-the-service"),
    ]
}

#[tokio::test]
async fn t134_six_checks_a_minute_of_one_credential() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(answer(200));
    let one = app.bearer(&admin, "One", "token-of-the-service").await;
    app.service.prepare(answer(200));
    let other = app.bearer(&admin, "Other", "token-of-the-service").await;
    let checks = |id: &str| format!("/w/acme/credentials/{id}/checks");
    let mut done = 0;
    let refused = loop {
        app.service.prepare(answer(200));
        let reply = admin.post(&checks(&one), &[]).await;
        match reply.status {
            303 => done += 1,
            _ => break reply.expect(429),
        }
    };
    // The one at creation counts.
    assert!((5..=6).contains(&done), "{done} checks");
    let wait: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=61).contains(&wait), "{wait}");
    let calls = app.service.requests().len();
    admin.post_htmx(&checks(&one), &[]).await.expect(429);
    assert_eq!(app.service.requests().len(), calls, "what is refused calls nobody");
    admin.post(&checks(&other), &[]).await.expect(303);
    app.means.clock.advance(TimeDelta::seconds(61));
    app.service.prepare(answer(200));
    admin.post(&checks(&one), &[]).await.expect(303);
}

#[tokio::test]
async fn t134_four_checks_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..4 {
        app.service.prepare(Answer::Late(Duration::from_millis(1500), Box::new(answer(200))));
    }
    let under_way: Vec<_> = (0..4)
        .map(|n| {
            let (admin, name) = (admin.clone(), format!("Slow {n}"));
            tokio::spawn(async move { admin.post("/w/acme/credentials", &form(&name)).await.status })
        })
        .collect();
    while app.service.requests().len() < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refused = admin.post("/w/acme/credentials", &form("Fifth")).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(!refused.body.contains("token-of-the-service"));
    admin.get("/w/acme/credentials").await.expect(200);
    for one in under_way {
        assert_eq!(one.await.expect("a check"), 303);
    }
    app.service.prepare(answer(200));
    admin.post("/w/acme/credentials", &form("Fifth")).await.expect(303);
    assert_eq!(app.service.requests().len(), 5);
}

#[tokio::test]
async fn t134_thirty_failing_checks_an_hour_of_one_workspace() {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    for n in 0..30 {
        app.service.prepare(answer(401));
        let name = format!("Wrong {n}");
        admin.post("/w/acme/credentials", &form(&name)).await.expect(422);
    }
    let refused = admin.post("/w/acme/credentials", &form("One more")).await.expect(429);
    let wait: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((3000..=3601).contains(&wait), "{wait}");
    assert_eq!(app.service.requests().len(), 30);
    app.service.prepare(answer(200));
    foreign.post("/w/umbrella/credentials", &form("Theirs")).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(59));
    admin.post("/w/acme/credentials", &form("One more")).await.expect(429);
    app.means.clock.advance(TimeDelta::minutes(2));
    // Somebody who is away for an hour has to sign in again.
    app.service.prepare(answer(200));
    app.admin().await.post("/w/acme/credentials", &form("One more")).await.expect(303);
}
