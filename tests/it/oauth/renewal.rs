//! T111: tokens are renewed in time and once; what cannot be renewed says so.

use super::stage::{ACCESS, REFRESH, SHEETS, connected, enter_client, form, info, start, tokens};
use crate::support::app::TestApp;
use crate::support::http_server::Answer;
use chrono::TimeDelta;
use credenza::broker::{Live, Trouble};
use credenza::id::Id;
use credenza::jobs::{renew_due, renew_due_until};
use credenza::model::check_record::Cause;
use credenza::model::permission::{Allowed, RefreshCredential};
use credenza::model::status::Status;
use futures_util::future::{join, join_all};
use serde_json::json;
use std::time::Duration;

async fn live(app: &TestApp, id: &str, refused: Option<i64>) -> Result<Live, Trouble> {
    let allowed = Allowed::<RefreshCredential>::job(app.workspace("acme").await, "test");
    let id = Id::parse(id).expect("an id");
    app.broker().live(&allowed, &id, refused, Cause::Use).await.expect("storage")
}

fn token(live: &Live) -> &str {
    live.session.values["token"].expose()
}

#[tokio::test]
async fn t111_a_token_is_renewed_before_its_end_and_the_rotated_one_kept() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), ACCESS);
    renew_due(&app.state).await.expect("a round");
    assert_eq!(app.service.requests().len(), 2, "nothing is due");
    app.means.clock.advance(TimeDelta::minutes(56));
    app.service.prepare(tokens("access-2", Some("refresh-2")));
    renew_due(&app.state).await.expect("a round");
    let asked = form(&app.service.requests()[2]);
    assert_eq!((asked["grant_type"].as_str(), asked["refresh_token"].as_str()), ("refresh_token", REFRESH));
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), "access-2");
    // The next one uses the new refresh token, and an answer without one leaves it as it is.
    for (n, given) in [(3, None), (4, Some("refresh-4"))] {
        app.means.clock.advance(TimeDelta::minutes(56));
        app.service.prepare(tokens(&format!("access-{n}"), given));
        assert_eq!(token(&live(&app, &id, None).await.expect("a token")), format!("access-{n}"));
        assert_eq!(form(app.service.requests().last().expect("a request"))["refresh_token"], "refresh-2");
    }
    assert_eq!(app.grant(&id).await.expect("a grant").serial, 4);
    app.prove_audit().await;
}

#[tokio::test]
async fn t111_fifty_at_once_make_one_renewal() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(Answer::Late(Duration::from_millis(200), Box::new(tokens("access-2", Some("refresh-2")))));
    let all = join_all((0..50).map(|_| live(&app, &id, None))).await;
    assert!(all.iter().all(|one| one.as_ref().is_ok_and(|live| token(live) == "access-2")));
    assert_eq!(app.service.requests().len(), 3, "one renewal");
}

#[tokio::test]
async fn t111_a_withdrawn_consent_says_so_at_once_and_is_not_tried_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(Answer::json(400, &json!({ "error": "invalid_grant" })));
    renew_due(&app.state).await.expect("a round");
    let row = app.row(&id).await;
    assert_eq!((row.status, row.outcome.as_str()), (Status::Broken, "reauthorize"), "{}", row.hint);
    let asked = app.service.requests().len();
    for _ in 0..3 {
        app.means.clock.advance(TimeDelta::days(1));
        renew_due(&app.state).await.expect("a round");
        assert!(matches!(live(&app, &id, None).await, Err(Trouble::Report(_))));
    }
    assert_eq!(app.service.requests().len(), asked, "a person has to act");
    let page = admin.sign_in("admin@acme.example").await;
    assert_eq!(page.status, 303);
    let page = admin.get(&format!("/w/acme/credentials/{id}")).await.expect(200);
    assert!(page.texts("button.primary").contains(&"Connect again".to_owned()), "{}", page.body);
    app.prove_audit().await;
}

#[tokio::test]
async fn t111_an_outage_keeps_the_status_and_is_tried_again_with_pauses() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::minutes(56));
    for answer in [Answer::json(503, &json!({})), Answer::json(429, &json!({})), Answer::Cut] {
        app.service.prepare(answer);
        renew_due(&app.state).await.expect("a round");
        let asked = app.service.requests().len();
        renew_due(&app.state).await.expect("a round");
        assert_eq!(app.service.requests().len(), asked, "a pause");
        assert_eq!(app.row(&id).await.status, Status::Working);
        app.means.clock.advance(TimeDelta::minutes(10));
    }
    assert_eq!(app.grant(&id).await.expect("a grant").failures, 3);
    app.service.prepare(tokens("access-2", None));
    renew_due(&app.state).await.expect("a round");
    let grant = app.grant(&id).await.expect("a grant");
    assert_eq!((grant.failures, grant.serial), (0, 2));
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), "access-2");
}

#[tokio::test]
async fn t111_a_renewal_that_fails_ahead_of_the_end_leaves_bots_the_token() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::minutes(56));
    app.service.prepare(Answer::json(503, &json!({})));
    for _ in 0..2 {
        assert_eq!(token(&live(&app, &id, None).await.expect("a token")), ACCESS);
        assert_eq!(app.service.requests().len(), 3, "one renewal, and a pause");
        assert_eq!(app.grant(&id).await.expect("a grant").failures, 1);
    }
    // One that the service did not take is not handed out again, and neither is one that has ended.
    assert!(matches!(live(&app, &id, Some(1)).await, Err(Trouble::Report(_))));
    app.means.clock.advance(TimeDelta::minutes(10));
    app.service.prepare(Answer::json(503, &json!({})));
    assert!(matches!(live(&app, &id, None).await, Err(Trouble::Report(_))));
}

#[tokio::test]
async fn t111_a_stop_begins_no_renewal_and_brings_those_that_have_begun_to_their_end() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::minutes(56));
    assert_eq!(renew_due_until(&app.state, std::future::ready(())).await.expect("a round"), 0);
    assert_eq!(app.service.requests().len(), 2, "nothing was begun");
    app.service.prepare(Answer::Late(Duration::from_millis(200), Box::new(tokens("access-2", Some("refresh-2")))));
    let (stop, told) = tokio::sync::oneshot::channel::<()>();
    let stopping = async {
        while app.service.requests().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(stop);
    };
    let (done, ()) = join(renew_due_until(&app.state, async move { drop(told.await) }), stopping).await;
    assert_eq!(done.expect("a round"), 1);
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), "access-2");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_check_made_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.service.prepare(Answer::json(400, &json!({ "error": "invalid_token" })));
    app.service.prepare(tokens("access-2", None));
    app.service.prepare(info("bots@example.com"));
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    let asked: Vec<String> = app.service.requests().iter().map(|r| r.path().to_owned()).collect();
    assert_eq!(asked[2..], ["/tokeninfo", "/token", "/tokeninfo"]);
    assert_eq!(app.row(&id).await.status, Status::Working);
}

#[tokio::test]
async fn a_wrong_client_is_healed_by_the_right_one() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    app.means.clock.advance(TimeDelta::minutes(56));
    app.service.prepare(Answer::json(401, &json!({ "error": "invalid_client" })));
    renew_due(&app.state).await.expect("a round");
    let row = app.row(&id).await;
    assert_eq!((row.status, row.outcome.as_str()), (Status::Broken, "invalid"));
    admin.sign_in("admin@acme.example").await.expect(303);
    let change = [
        ("method", "oauth"),
        ("revision", "1"),
        ("f.client_id", "1-a.apps.googleusercontent.com"),
        ("f.client_secret", "the-right-one"),
    ];
    admin.post("/w/acme/apps/google-sheets", &change).await.expect(303);
    app.service.prepare(tokens("access-2", None));
    app.service.prepare(info("bots@example.com"));
    renew_due(&app.state).await.expect("a round");
    assert_eq!(app.row(&id).await.status, Status::Working, "renewed, then verified");
}

#[tokio::test]
async fn t111_without_its_client_a_sign_in_says_so_and_waits_until_the_client_is_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let gone = [("method", "oauth"), ("revision", "1"), ("remove", "1")];
    admin.post("/w/acme/apps/google-sheets", &gone).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(56));
    for _ in 0..2 {
        assert_eq!(renew_due(&app.state).await.expect("a round"), 0);
        let (row, grant) = (app.row(&id).await, app.grant(&id).await.expect("a grant"));
        assert_eq!((row.status, row.code.as_str()), (Status::Broken, "no_app"), "{}", row.hint);
        assert!(grant.failures == 1 && grant.lease_until.is_none() && grant.refresh_at > Some(app.means.now()));
    }
    app.means.clock.advance(TimeDelta::minutes(10));
    for _ in 0..2 {
        let told = live(&app, &id, None).await;
        assert!(matches!(&told, Err(Trouble::Report(report)) if report.code == "no_app"), "{told:?}");
    }
    assert_eq!(app.grant(&id).await.expect("a grant").failures, 2, "the pause is kept");
    admin.sign_in("admin@acme.example").await.expect(303);
    enter_client(&admin).await;
    app.service.prepare(tokens("access-2", None));
    app.service.prepare(info("bots@example.com"));
    assert_eq!(renew_due(&app.state).await.expect("a round"), 1);
    assert_eq!(app.row(&id).await.status, Status::Working, "renewed, then verified");
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), "access-2");
    app.prove_audit().await;
}

/// Gives a credential to another service, past the pages.
async fn move_to(app: &TestApp, id: &str, service: &'static str) {
    let id = id.to_owned();
    app.write(move |tx| {
        use credenza::db::schema::credentials::dsl as c;
        use diesel::prelude::*;
        let mine = c::credentials.filter(c::id.eq(id.as_str()));
        Ok(diesel::update(mine).set(c::integration.eq(service)).execute(tx.conn())?)
    })
    .await;
}

#[tokio::test]
async fn t111_a_sign_in_whose_service_is_gone_says_so_and_keeps_no_other_waiting() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let waiting = start(&admin, &[SHEETS[0], SHEETS[1], ("name", "Second sheet")]).await;
    app.service.prepare(tokens("access-of-the-second", Some("refresh-of-the-second")));
    app.service.prepare(info("bots@example.com"));
    let second = admin.get(&waiting.agreed()).await.expect(303);
    let second = second.location().rsplit('/').next().expect("an id").to_owned();
    move_to(&app, &id, "gone-for-good").await;
    app.means.clock.advance(TimeDelta::minutes(56));
    app.service.prepare(tokens("access-2", None));
    assert_eq!(renew_due(&app.state).await.expect("a round"), 1);
    assert_eq!(app.grant(&second).await.expect("a grant").serial, 2);
    let (row, grant) = (app.row(&id).await, app.grant(&id).await.expect("a grant"));
    assert_eq!((row.status, row.code.as_str()), (Status::Broken, "no_service"), "{}", row.hint);
    assert!(grant.refresh_at > Some(app.means.now()), "it is not due in every round");
    move_to(&app, &id, "google-sheets").await;
    app.means.clock.advance(TimeDelta::minutes(10));
    app.service.prepare(tokens("access-3", None));
    assert_eq!(token(&live(&app, &id, None).await.expect("a token")), "access-3");
}

#[tokio::test]
async fn a_grant_moved_to_another_row_does_not_open() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let wanted = id.clone();
    app.write(move |tx| {
        use credenza::db::schema::oauth_grants::dsl as g;
        use diesel::prelude::*;
        let mine = g::credential_id.eq(wanted.as_str());
        Ok(diesel::update(g::oauth_grants.filter(mine)).set(g::serial.eq(7)).execute(tx.conn())?)
    })
    .await;
    assert!(matches!(live(&app, &id, None).await, Err(Trouble::Unreadable(_))), "the serial number is in the seal");
    app.means.clock.advance(TimeDelta::minutes(56));
    assert_eq!(renew_due(&app.state).await.expect("a round"), 0);
    assert_eq!(app.row(&id).await.status, Status::Unreadable);
    let grant = app.grant(&id).await.expect("a grant");
    assert!(grant.refresh_at > Some(app.means.now()), "it is not due in every round");
}
