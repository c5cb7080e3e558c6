//! T105, T107, T108: an answer is good for one session, person, workspace and flow, once, in time.

use super::stage::{ACCESS, REFRESH, SHEETS, enter_client, info, look, start, tokens, told};
use crate::support::app::{ACME, TestApp, email};
use crate::support::http_server::Answer;
use crate::support::person::Person;
use chrono::TimeDelta;
use credenza::model::permission::Role;
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

async fn refused(person: &Person, path: &str) -> String {
    let reply = person.get(path).await.expect(400);
    assert!(!reply.attributes("main a.btn.primary", "href").is_empty(), "a button that mends it: {}", reply.body);
    told(&reply)
}

#[tokio::test]
async fn t105_an_answer_that_belongs_to_nothing_here_is_turned_away() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    let calls = app.calls();
    for path in [
        "/oauth/callback".to_owned(),
        "/oauth/callback?code=x".to_owned(),
        "/oauth/callback?code=x&state=".to_owned(),
        "/oauth/callback?code=x&state=unknown".to_owned(),
        format!("/oauth/callback?code=x&state={0}&state={0}", waiting.state()),
        format!("/oauth/callback?code={}&state={}", "x".repeat(9000), waiting.state()),
    ] {
        assert_eq!(refused(&admin, &path).await, "unknown_state", "{path}");
    }
    // Another session of the same admin, another admin of the workspace, somebody of another workspace.
    let second = app.admin().await;
    assert_eq!(refused(&second, &waiting.agreed()).await, "unknown_state");
    let member = app.user(&email("member", ACME)).await;
    let acme = app.workspace(ACME).await;
    app.write(move |tx| {
        use credenza::db::schema::memberships::dsl as m;
        use diesel::prelude::*;
        let mine = m::workspace_id.eq(&acme).and(m::user_id.eq(&member));
        Ok(diesel::update(m::memberships.filter(mine)).set(m::role.eq(Role::Admin)).execute(tx.conn())?)
    })
    .await;
    let other = app.member().await;
    assert_eq!(refused(&other, &waiting.agreed()).await, "unknown_state");
    other.get(&waiting.page).await.expect(404);
    assert_eq!(refused(&app.foreign_admin().await, &waiting.agreed()).await, "unknown_state");
    assert_eq!(refused(&app.anon(), &waiting.agreed()).await, "signed_out");
    // After signing out and in again the link is over, and can be made anew.
    admin.post("/sign-out", &[]).await.expect(303);
    assert_eq!(refused(&admin, &waiting.agreed()).await, "signed_out");
    admin.sign_in(&email("admin", ACME)).await.expect(303);
    assert_eq!(refused(&admin, &waiting.agreed()).await, "unknown_state");
    assert_eq!(told(&admin.get(&waiting.page).await.expect(200)), "other_session");
    assert_eq!((app.calls(), app.service.requests().len()), (calls, 0), "nobody was asked");
    admin.post(&waiting.page, &[]).await.expect(303);
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    admin.get(&look(&admin, &waiting.page).await.agreed()).await.expect(303);
}

#[tokio::test]
async fn t105_an_answer_that_comes_too_late_is_turned_away() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    app.means.clock.advance(TimeDelta::minutes(10) + TimeDelta::seconds(1));
    assert_eq!(refused(&admin, &waiting.agreed()).await, "flow_expired");
    let page = admin.get(&waiting.page).await.expect(200);
    assert_eq!((told(&page).as_str(), page.attributes("#go", "href").len()), ("flow_expired", 0));
    assert_eq!(app.service.requests().len(), 0);
    // What nobody goes on with is gone after an hour.
    app.means.clock.advance(TimeDelta::minutes(55));
    credenza::jobs::keep_house(&app.state).await.expect("a round");
    assert_eq!(app.kept()["oauth_flows"].len(), 0);
}

#[tokio::test]
async fn t107_an_answer_of_another_issuer_is_turned_away() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    for iss in ["https%3A%2F%2Fevil.example", "https%3A%2F%2Faccounts.google.com%2F", "x", ""] {
        let form = [SHEETS[0], SHEETS[1], ("name", iss.get(..9).unwrap_or("nothing"))];
        let waiting = start(&admin, &form).await;
        let path = format!("{}&iss={iss}", waiting.agreed());
        assert_eq!(refused(&admin, &path).await, "wrong_issuer", "{iss}");
        assert_eq!(refused(&admin, &waiting.agreed()).await, "used", "the state is spent");
    }
    assert_eq!(app.service.requests().len(), 0, "the code went nowhere");
    let waiting = start(&admin, &SHEETS).await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    admin.get(&format!("{}&iss=https%3A%2F%2Faccounts.google.com", waiting.agreed())).await.expect(303);
}

#[tokio::test]
async fn t108_a_code_is_used_once_even_by_two_at_the_same_time() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    app.service.prepare(Answer::Late(Duration::from_millis(300), Box::new(tokens(ACCESS, Some(REFRESH)))));
    app.service.prepare(info("bots@example.com"));
    let path = waiting.agreed();
    let replies = join_all((0..5).map(|_| admin.get(&path))).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 400, 400, 400, 400]);
    assert_eq!(refused(&admin, &path).await, "used");
    let exchanges = app.service.requests().iter().filter(|request| request.path() == "/token").count();
    assert_eq!((exchanges, app.service.requests().len()), (1, 2));
    assert!(admin.get(&waiting.page).await.body.contains("This is done"));
}

#[tokio::test]
async fn t109_whatever_the_token_address_does_ends_in_a_page_that_says_what() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    let huge = json!({ "access_token": "x".repeat(100_000) });
    for (answer, code) in [
        (Answer::json(400, &json!({ "error": "invalid_grant" })), "oauth_invalid_grant"),
        (
            Answer::json(401, &json!({ "error": "invalid_client", "error_description": "<i>x</i>" })),
            "oauth_invalid_client",
        ),
        (Answer::json(503, &json!({})), "status_5xx"),
        (Answer::json(429, &json!({})), "status_429"),
        (Answer::html(200, "<!doctype html><title>Welcome</title>"), "unexpected_answer"),
        (Answer::json(200, &json!({ "token_type": "Bearer" })), "unexpected_answer"),
        (Answer::json(200, &huge), "unexpected_answer"),
        (Answer::json(302, &json!({})).with("location", "https://evil.example/"), "unexpected_redirect"),
        (Answer::Cut, "connection_failed"),
    ] {
        // Six a minute are checked.
        app.means.clock.advance(TimeDelta::seconds(15));
        let before = app.service.requests().len();
        app.service.prepare(answer);
        let link = look(&admin, &waiting.page).await;
        admin.get(&link.agreed()).await.expect(303);
        let page = admin.get(&waiting.page).await.expect(200);
        assert_eq!(told(&page), code);
        assert!(!page.body.contains("<i>x</i>") && page.body.contains("Nothing was saved"));
        assert_eq!(app.service.requests().len(), before + 1, "{code}");
        admin.post(&waiting.page, &[]).await.expect(303);
    }
    assert_eq!(app.kept()["credentials"].len(), 0);
    app.prove_audit().await;
}
