//! What bots get of a connected credential, and what changes that break nobody do to a sign-in.

use super::stage::{ACCESS, CLIENT_SECRET, REFRESH, connected, info, look, tokens};
use crate::support::app::{ACME, TestApp};
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use credenza::model::bot_token::Scope;
use credenza::model::status::Status;
use serde_json::json;

#[tokio::test]
async fn a_bot_gets_the_live_token_renewed_in_time_and_never_what_renews_it() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let bot = app.bot("Lead intake").await;
    let key = app.block(&bot, "Append a row", "google-sheets", Some(&id)).await;
    let machine = app.machine(&app.token(&bot, &[Scope::Use, Scope::Fetch], None).await.text);
    let secret = format!("/api/v1/blocks/{key}/secret");
    let reply = machine.get(&secret).await.expect(200);
    assert_eq!(reply.json()["values"]["access_token"], ACCESS, "{}", reply.body);
    assert!(!reply.body.contains(REFRESH) && !reply.body.contains(CLIENT_SECRET));
    app.service.prepare(Answer::json(200, &json!({ "values": [] })));
    machine.get(&format!("/api/v1/blocks/{key}/proxy/v4/spreadsheets/1/values/A1")).await.expect(200);
    let requests = app.service.requests();
    let seen = requests.last().expect("a call");
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {ACCESS}").as_str()));
    // Past its end the token is renewed before it is handed out, once.
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(tokens("access-2", Some("refresh-2")));
    for _ in 0..2 {
        let reply = machine.get(&secret).await.expect(200);
        assert_eq!(reply.json()["values"]["access_token"], "access-2", "{}", reply.body);
        assert!(!reply.body.contains("refresh-2"));
    }
    assert_eq!(app.service.requests().len(), requests.len() + 1, "one renewal");
    // A consent that the service ended is told as what it is.
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(Answer::json(400, &json!({ "error": "invalid_grant" })));
    assert_eq!(machine.get(&secret).await.problem(409), "credential-unconnected");
    assert_eq!(app.row(&id).await.status, Status::Broken);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_sign_in_that_is_switched_off_stays_so_when_it_is_connected_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let path = format!("/w/{ACME}/credentials/{id}");
    admin.post(&format!("{path}/suspension"), &[("hours", "1")]).await.expect(303);
    let page = admin.get(&path).await.expect(200);
    assert_eq!(page.texts("button.primary").len(), 0, "{}", page.body);
    assert!(page.attributes("a.primary", "href").contains(&format!("{path}/suspension")), "{}", page.body);
    let flow = admin.post(&format!("{path}/connect"), &[]).await.expect(303).location().to_owned();
    let waiting = look(&admin, &flow).await;
    app.service.prepare(tokens("access-2", Some("refresh-2")));
    app.service.prepare(info("bots@example.com"));
    admin.get(&waiting.agreed()).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.status, row.suspended_from), (Status::Suspended, Some(Status::Working)));
    admin.post(&format!("{path}/suspension"), &[("hours", "0")]).await.expect(303);
    assert_eq!(app.row(&id).await.status, Status::Working);
    assert_eq!(app.grant(&id).await.expect("a grant").serial, 2);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_sign_in_that_bots_use_ends_only_after_its_name_was_typed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let bot = app.bot("Lead intake").await;
    let key = app.block(&bot, "Append a row", "google-sheets", Some(&id)).await;
    let machine = app.machine(&app.token(&bot, &[Scope::Fetch], None).await.text);
    machine.get(&format!("/api/v1/blocks/{key}/secret")).await.expect(200);
    let path = format!("/w/{ACME}/credentials/{id}");
    let before = app.service.requests().len();
    admin.post(&format!("{path}/deletion"), &[]).await.expect(409);
    assert!(app.grant(&id).await.is_some());
    assert_eq!(app.service.requests().len(), before, "nothing was ended at the service");
    app.service.prepare(Answer::json(200, &json!({})));
    admin.post(&format!("{path}/deletion"), &[("confirm_name", "Leads sheet")]).await.expect(303);
    assert_eq!(app.service.requests().len(), before + 1);
    assert!(app.grant(&id).await.is_none());
    let written = app.events(ACME).await;
    assert!(written.iter().any(|event| event.action == "credential.revoked"));
    admin.post(&format!("{path}/restoration"), &[]).await.expect(303);
    assert_eq!(app.row(&id).await.status, Status::Broken);
    app.prove_audit().await;
}
