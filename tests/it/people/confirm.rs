//! `/confirm`, and what a proof is worth.

use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::person::{PASSWORD, Reply};
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

/// A risky form: where it is drawn, where it is sent, and with what.
struct Risky {
    page: String,
    path: String,
    form: Vec<(&'static str, String)>,
}

fn risky(bot: &str, token: &str, credential: &str) -> Vec<Risky> {
    let tokens = format!("/w/acme/bots/{bot}/tokens");
    let at = |path: &str, fields: &[(&'static str, &str)]| Risky {
        page: path.to_owned(),
        path: path.to_owned(),
        form: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    let support = [("email", &*email("member", UMBRELLA)), ("reason", "Ticket 4711"), ("hours", "4")];
    vec![
        at(&tokens, &[("name", "Another"), ("scope", "use")]),
        at(&format!("{tokens}/{token}/rotation"), &[("overlap", "60")]),
        at(&format!("/w/acme/bots/{bot}/deletion"), &[]),
        at(&format!("/w/acme/credentials/{credential}/deletion"), &[]),
        at("/w/acme/invitations", &[("email", "nina@acme.example"), ("role", "member")]),
        at("/account/email", &[("email", "another@acme.example")]),
        at("/account/second-factor", &[("act", "start")]),
        Risky { page: "/w/acme/settings".to_owned(), ..at("/w/acme/settings/support", &support) },
    ]
}

#[tokio::test]
async fn t018_every_risky_form_asks_again_and_goes_on_with_a_proof() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kept = app.website(&admin, "Kept", "a secret that is kept for now").await;
    let ids = app.ids(&admin, &kept).await;
    let free = app.website(&admin, "Free", "a secret that nobody uses").await;
    for Risky { page, path, form } in risky(&ids.bot, &ids.token, &free) {
        let drawn = admin.get(&page).await.expect(200);
        assert!(drawn.texts("#field-current_password").is_empty(), "{page} asks although it was proved just now");
        app.means.clock.advance(TimeDelta::minutes(11));
        let drawn = admin.get(&page).await.expect(200);
        assert_eq!(drawn.texts("#field-current_password").len(), 1, "{page} draws the box");
        let (events, people) = (app.events(ACME).await.len(), app.instance_events().await.len());
        let plain: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for typed in [None, Some("not the password at all")] {
            let sent: Vec<_> = plain.iter().copied().chain(typed.map(|typed| ("current_password", typed))).collect();
            let reply = admin.post(&path, &sent).await.expect(422);
            assert_eq!(reply.attributes("#current_password-error", "data-code"), ["current_password"], "{path}");
            assert!(!reply.body.contains("not the password at all"), "{path}");
        }
        assert_eq!(app.events(ACME).await.len(), events, "{path} changed nothing");
        assert_eq!(app.instance_events().await.len(), people + 1, "{path}: one line, of the wrong password");
        let sent: Vec<_> = plain.iter().copied().chain([("current_password", PASSWORD)]).collect();
        admin.post(&path, &sent).await.expect(303);
    }
    app.prove_audit().await;
}

#[tokio::test]
async fn a_rotation_that_asks_again_keeps_the_chosen_overlap() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let kept = app.website(&admin, "Kept", "a secret that is kept for now").await;
    let ids = app.ids(&admin, &kept).await;
    let path = format!("/w/acme/bots/{}/tokens/{}/rotation", ids.bot, ids.token);
    let selected = |page: Reply| page.attributes("#overlap option[selected]", "value");
    assert_eq!(selected(admin.get(&path).await.expect(200)), ["1440"]);
    app.means.clock.advance(TimeDelta::minutes(11));
    for overlap in ["0", "10080"] {
        let sent = [("overlap", overlap), ("current_password", "not the password at all")];
        assert_eq!(selected(admin.post(&path, &sent).await.expect(422)), [overlap]);
    }
}

#[tokio::test]
async fn t018_what_has_no_form_leads_to_the_page_that_asks() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Gone", "a secret that is gone soon").await;
    admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(11));
    let path = format!("/w/acme/credentials/{id}/purge");
    for reply in [admin.post(&path, &[]).await, admin.post_htmx(&path, &[]).await] {
        let reply = reply.expect(401);
        assert_eq!(reply.header("hx-redirect"), Some("/confirm?next=%2Fw%2Facme%2Fcredentials%2Fdeleted"));
        assert_eq!(reply.attributes("form input[name=next]", "value"), ["/w/acme/credentials/deleted"]);
    }
    admin.post("/account/passkeys/options", &[]).await.expect(401);
    admin.post("/confirm", &[("current_password", PASSWORD)]).await.expect(303);
    admin.post(&path, &[]).await.expect(303);
}

#[tokio::test]
async fn t018_the_policy_on_second_factors_asks_and_the_rest_of_the_settings_does_not() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.means.clock.advance(TimeDelta::minutes(11));
    admin.post("/w/acme/settings", &[("name", "Acme"), ("second_factor", "0")]).await.expect(303);
    let form = [("name", "Acme"), ("second_factor", "1")];
    let reply = admin.post("/w/acme/settings", &form).await.expect(422);
    assert_eq!(reply.attributes("#second_factor option[selected]", "value"), ["1"], "what was chosen is kept");
    let form = [("name", "Acme"), ("second_factor", "1"), ("current_password", PASSWORD)];
    admin.post("/w/acme/settings", &form).await.expect(303);
    assert_eq!(admin.get("/w/acme/settings").await.expect(303).location(), "/account/second-factor");
    let last = app.events(ACME).await.pop().expect("a line");
    assert_eq!(last.action, "workspace.settings_changed");
    assert!(last.details.contains("second_factor"), "{}", last.details);
}
