//! `/confirm`, and what a proof is worth.

use crate::support::app::{ACME, TestApp, email};
use crate::support::person::PASSWORD;
use chrono::TimeDelta;
use credenza::model::attempt;

#[tokio::test]
async fn t018_a_confirmation_counts_for_ten_minutes_and_makes_another_session() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.means.clock.advance(TimeDelta::minutes(11));
    let page = admin.get("/confirm?next=/w/acme/members").await.expect(200);
    assert_eq!(page.attributes("input[name=next]", "value"), ["/w/acme/members"]);
    for (form, code) in [
        (vec![], 422),
        (vec![("current_password", "not the password")], 422),
        (vec![("current_password", PASSWORD), ("next", "/w/acme/members")], 303),
    ] {
        let reply = admin.post("/confirm", &form).await.expect(code);
        if code == 303 {
            assert_eq!(reply.location(), "/w/acme/members");
            assert!(reply.header("set-cookie").is_some_and(|cookie| cookie.starts_with("sid=")), "another key");
        }
    }
    let member = app.user(&email("member", ACME)).await;
    let path = format!("/w/acme/members/{member}");
    admin.post(&path, &[("role", "support")]).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(10));
    admin.post(&path, &[("role", "member")]).await.expect(422);
    assert_eq!(
        admin
            .post("/confirm", &[("current_password", PASSWORD), ("next", "//evil.example")])
            .await
            .expect(303)
            .location(),
        "/account"
    );
}

#[tokio::test]
async fn t005_a_confirmation_does_not_lengthen_a_session() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for _ in 0..14 {
        app.means.clock.advance(TimeDelta::minutes(50));
        admin.post("/confirm", &[("current_password", PASSWORD)]).await.expect(303);
    }
    app.means.clock.advance(TimeDelta::minutes(21));
    assert_eq!(admin.get("/account").await.expect(303).location(), "/sign-in");
}

#[tokio::test]
async fn t012_every_place_that_asks_for_a_password_shares_one_limiter() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let bucket = format!("account:{}", app.user(&email("admin", ACME)).await);
    app.means.clock.advance(TimeDelta::minutes(11));
    for n in 0..3 {
        admin.post("/confirm", &[("current_password", &format!("guess {n}"))]).await.expect(422);
    }
    let wrong = [("email", email("admin", ACME)), ("password", "guess 4".to_owned())];
    crate::support::person::sent(app.anon().request("POST", "/sign-in").form(&wrong)).await.expect(422);
    assert_eq!(app.read(move |conn| attempt::failures(conn, &bucket)).await, 4);
    admin.post("/w/acme/departure", &[("confirm_name", "acme"), ("current_password", "guess 5")]).await.expect(422);
    let reply = admin.post("/confirm", &[("current_password", PASSWORD)]).await.expect(429);
    assert!(reply.header("retry-after").is_some());
    admin.get("/account").await.expect(200);
}
