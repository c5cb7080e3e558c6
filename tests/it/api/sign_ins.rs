//! Calls with a credential that signs in: a refused password is not sent again until a person acts.

use super::Scene;
use crate::support::app::{ACME, SERVICE};
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use credenza::model::status::Status;
use serde_json::json;
use std::time::Duration;

const LOGIN: &str = "/b1s/v1/Login";

fn signed_in() -> Answer {
    let reply = Answer::json(200, &json!({ "SessionId": "s-1234", "SessionTimeout": 30 }));
    reply.with("set-cookie", "B1SESSION=s-1234").with("set-cookie", "ROUTEID=.node1")
}

fn signed_out() -> Answer {
    Answer::Reply(204, Vec::new(), Vec::new())
}

/// A scene with a user of SAP Business One, whose id is returned, and the address of calls with it.
async fn scene() -> (Scene, String, String) {
    let scene = Scene::start().await;
    scene.app.service.prepare(signed_in());
    scene.app.service.prepare(signed_out());
    let form = [
        ("integration", "sap-business-one"),
        ("method", "session"),
        ("name", "Stock"),
        ("f.base_url", SERVICE),
        ("f.company_db", "SBO"),
        ("f.username", "bots"),
        ("f.password", "canary-password"),
    ];
    let id = scene.app.create(&scene.admin, &form).await;
    scene.app.block(&scene.bot, "Ask for the stock", "sap-business-one", Some(&id)).await;
    let path = format!("/api/v1/credentials/{id}/proxy/Items");
    (scene, id, path)
}

fn sign_ins(scene: &Scene) -> usize {
    scene.app.service.requests().iter().filter(|request| request.path() == LOGIN).count()
}

#[tokio::test]
async fn a_refused_password_is_sent_once_and_breaks_the_credential_until_a_person_acts() {
    let (scene, id, path) = scene().await;
    let machine = scene.machine();
    let before = sign_ins(&scene);
    let refused = Answer::json(401, &json!({ "error": { "code": 100_000_027 } }));
    scene.app.service.prepare(Answer::Late(Duration::from_millis(300), Box::new(refused)));
    let (one, another) = tokio::join!(machine.get(&path), machine.get(&path));
    for reply in [one, another] {
        let problem = reply.problem(409);
        assert!(["credential-unconnected", "credential-broken"].contains(&problem.as_str()), "{problem}");
    }
    assert_eq!(machine.get(&path).await.problem(409), "credential-broken");
    scene.app.means.clock.advance(TimeDelta::hours(1));
    assert_eq!(machine.get(&path).await.problem(409), "credential-broken");
    assert_eq!(sign_ins(&scene) - before, 1, "a refused password is not sent again");
    let row = scene.app.row(&id).await;
    assert_eq!((row.status, row.code.as_str()), (Status::Broken, "status_401"));
    assert!(row.hint.contains("SAP refused the sign-in"), "{}", row.hint);
    let events = scene.app.events(ACME).await;
    let noted = events.iter().rfind(|event| event.action == "credential.checked").expect("a line");
    assert_eq!((noted.target_id.as_str(), noted.detail("by")), (id.as_str(), Some(json!("use"))));
    let admin = scene.app.admin().await;
    scene.app.service.prepare(signed_in());
    scene.app.service.prepare(signed_out());
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    assert_eq!(scene.app.row(&id).await.status, Status::Working);
    scene.app.service.prepare(signed_in());
    scene.app.service.prepare(Answer::json(200, &json!({})));
    machine.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_service_that_signs_nobody_in_is_not_asked_by_every_call() {
    let (scene, id, path) = scene().await;
    let machine = scene.machine();
    let before = sign_ins(&scene);
    scene.app.service.prepare(Answer::json(503, &json!({})));
    for _ in 0..3 {
        assert_eq!(machine.get(&path).await.problem(502), "sign-in-failed");
    }
    assert_eq!(sign_ins(&scene) - before, 1);
    assert_eq!(scene.app.row(&id).await.status, Status::Working, "an outage says nothing of the password");
    scene.app.means.clock.advance(TimeDelta::minutes(2));
    scene.app.service.prepare(signed_in());
    scene.app.service.prepare(Answer::json(200, &json!({})));
    machine.get(&path).await.expect(200);
}
