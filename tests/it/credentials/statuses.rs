//! The table of outcomes: what is saved, what a later check changes, what is kept.

use crate::support::app::{SERVICE, TestApp, bearer_form};
use crate::support::http_server::Answer;
use crate::support::person::{Person, Reply, sent};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use credenza::db::Tx;
use credenza::db::schema::{credential_versions as versions, credentials};
use credenza::id::Id;
use credenza::model::credential_change;
use credenza::model::permission::Allowed;
use diesel::prelude::*;
use std::time::Duration;

fn answer(status: u16) -> Answer {
    Answer::json(status, &serde_json::json!({}))
}

/// The status that the page of a credential shows.
async fn status(person: &Person, id: &str) -> String {
    let page = person.get(&format!("/w/acme/credentials/{id}")).await.expect(200);
    page.attributes("section[aria-label=Status] .st", "data-status").pop().expect("a status")
}

fn offers_to_skip(reply: &Reply) -> bool {
    !reply.texts("button[name=save_unverified]").is_empty()
}

/// A working credential for the service.
async fn working(app: &TestApp, admin: &Person, name: &str, token: &str) -> String {
    app.service.prepare(answer(200));
    let id = app.bearer(admin, name, token).await;
    assert_eq!(status(admin, &id).await, "working");
    id
}

#[tokio::test]
async fn what_the_service_refuses_is_not_saved() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    for code in [401, 403, 404, 302] {
        for skip in ["", "1"] {
            app.service.prepare(answer(code));
            let mut form = bearer_form("Service token", "token-that-is-refused").to_vec();
            form.push(("save_unverified", skip));
            let reply = admin.post("/w/acme/credentials", &form).await.expect(422);
            assert!(!offers_to_skip(&reply), "{code}");
            assert!(!reply.attributes("#banner", "data-code").is_empty(), "{code}: a hint");
            assert!(!reply.texts("ol.steps li").is_empty(), "{code}: the steps");
            assert_eq!(reply.attributes("input[name='f.base_url']", "value"), [SERVICE], "what was typed stays");
            assert!(!reply.body.contains("token-that-is-refused"), "{code}: the secret does not");
        }
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn what_could_not_be_verified_is_saved_only_on_request() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (n, silent) in [answer(429), answer(500), answer(503), Answer::Cut].into_iter().enumerate() {
        let name = format!("Service token {n}");
        let form = bearer_form(&name, "token-of-a-silent-service");
        let before = app.kept();
        app.service.prepare(silent.clone());
        let reply = admin.post("/w/acme/credentials", &form).await.expect(422);
        assert!(offers_to_skip(&reply), "{silent:?}");
        app.assert_kept(&before);
        app.service.prepare(silent);
        let mut form = form.to_vec();
        form.push(("save_unverified", "1"));
        let id = app.create(&admin, &form).await;
        assert_eq!(status(&admin, &id).await, "unverified");
        let created = app.events("acme").await.pop().expect("a line");
        assert_eq!(created.action, "credential.created");
        assert!(matches!(created.code.as_str(), "rate_limited" | "unavailable" | "unknown"), "{}", created.code);
    }
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.service.prepare(Answer::Silence);
    let began = std::time::Instant::now();
    let reply = admin.post("/w/acme/credentials", &bearer_form("Service token", "token")).await.expect(422);
    assert!(offers_to_skip(&reply) && began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_later_check_moves_the_status_by_the_table() {
    let app = TestApp::start().await;
    for (n, (reply, wanted)) in [
        (answer(200), "working"),
        (answer(401), "broken"),
        (answer(403), "broken"),
        (answer(404), "broken"),
        (answer(429), "working"),
        (answer(500), "working"),
        (Answer::Cut, "working"),
    ]
    .into_iter()
    .enumerate()
    {
        let admin = app.admin().await;
        let id = working(&app, &admin, &format!("Service token {n}"), &format!("token-number-{n}")).await;
        let good = app.row(&id).await.good_at.expect("a good time");
        app.means.clock.advance(TimeDelta::hours(1));
        let admin = app.admin().await;
        app.service.prepare(reply.clone());
        admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
        assert_eq!(status(&admin, &id).await, wanted, "{reply:?}");
        let row = app.row(&id).await;
        let passed = matches!(reply, Answer::Reply(200, ..));
        assert_eq!(row.good_at.expect("kept") > good, passed, "{reply:?}: the last good time");
        assert!(row.checked_at.expect("checked") > good);
    }
}

#[tokio::test]
async fn a_secret_that_names_its_end_expires() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let token = |days: i64| {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let ends = app.means.now().plus(TimeDelta::days(days)).micros() / 1_000_000;
        format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#.into()), part(format!(r#"{{"exp":{ends}}}"#)), part("s".into()))
    };
    app.service.prepare(answer(200));
    let id = app.bearer(&admin, "Service token", &token(40)).await;
    assert_eq!(status(&admin, &id).await, "working");
    app.means.clock.advance(TimeDelta::days(27));
    credenza::jobs::keep_house(&app).await.expect("a round");
    let admin = app.admin().await;
    app.service.prepare(answer(200));
    admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
    assert_eq!(status(&admin, &id).await, "expiring");
    let path = format!("/w/acme/credentials/{id}/rotation");
    for (secret, wanted) in [(token(5), "expiring"), ("a token without an end".to_owned(), "working")] {
        app.service.prepare(answer(200));
        admin.post(&path, &[("f.token", &secret)]).await.expect(303);
        assert_eq!(status(&admin, &id).await, wanted);
    }
    assert_eq!(app.row(&id).await.expires_at, None);
}

#[tokio::test]
async fn a_suspended_one_stays_so_whatever_a_check_finds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = working(&app, &admin, "Service token", "token-of-the-service").await;
    let (means, wanted, allowed) = (app.means.clone(), id.clone(), Allowed::operator(app.workspace("acme").await));
    for _ in 0..2 {
        let (means, wanted, allowed) = (means.clone(), wanted.clone(), allowed.clone());
        let suspend = move |tx: &mut Tx<'_>| {
            credential_change::suspend(tx, &means, &allowed, &Id::parse(&wanted).expect("an id"), None, None)
        };
        app.write(suspend).await;
    }
    for reply in [answer(401), answer(200)] {
        app.service.prepare(reply);
        admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
        assert_eq!(status(&admin, &id).await, "suspended");
    }
    let list = admin.get("/w/acme/credentials?status=suspended").await.expect(200);
    assert_eq!(list.texts("tbody a.name"), ["Service token"]);
    let lines = app.events("acme").await.into_iter().filter(|event| event.action == "credential.suspended");
    assert_eq!(lines.count(), 1, "once is enough");
    app.prove_audit().await;
}

#[tokio::test]
async fn a_broken_one_heals_and_a_silent_week_makes_it_unverified() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = working(&app, &admin, "Service token", "token-of-the-service").await;
    for (reply, wanted) in [(answer(403), "broken"), (answer(500), "broken"), (answer(200), "working")] {
        app.service.prepare(reply);
        admin.post(&format!("/w/acme/credentials/{id}/checks"), &[]).await.expect(303);
        assert_eq!(status(&admin, &id).await, wanted);
    }
    app.means.clock.advance(TimeDelta::days(6));
    credenza::jobs::keep_house(&app).await.expect("a round");
    assert_eq!(status(&app.admin().await, &id).await, "working");
    app.means.clock.advance(TimeDelta::days(1));
    credenza::jobs::keep_house(&app).await.expect("a round");
    assert_eq!(status(&app.admin().await, &id).await, "unverified");
    let aged = app.events("acme").await.pop().expect("a line");
    assert_eq!((aged.action.as_str(), aged.actor_kind.as_str()), ("credential.aged", "job"));
}

#[tokio::test]
async fn a_refused_edit_leaves_the_old_version_live() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = working(&app, &admin, "Service token", "token-that-works").await;
    let path = format!("/w/acme/credentials/{id}");
    let before = app.kept();
    let revision = app.row(&id).await.revision.to_string();
    let mut form = bearer_form("Service token", "token-that-does-not").to_vec();
    form.push(("revision", &revision));
    for refusal in [answer(401), answer(500)] {
        app.service.prepare(refusal);
        admin.post(&path, &form).await.expect(422);
        app.assert_kept(&before);
    }
    app.service.prepare(answer(200));
    admin.post(&format!("{path}/checks"), &[]).await.expect(303);
    let asked = app.service.requests().pop().expect("a request");
    assert_eq!(asked.header("authorization"), Some("Bearer token-that-works"));
    // Accepted without verifying, the old secret is gone at once.
    app.service.prepare(answer(500));
    form.push(("save_unverified", "1"));
    let reply = admin.post(&path, &form).await;
    assert_eq!(reply.status, 303, "a check does not count as a change: {}", reply.body);
    assert_eq!(status(&admin, &id).await, "unverified");
    let sealed = app.read(|conn| {
        Ok(versions::table.order(versions::version).select(versions::sealed.is_null()).load::<bool>(conn)?)
    });
    assert_eq!(sealed.await, [true, false]);
}

/// Notes an account, as a check does that the service tells it to.
async fn connect_as(app: &TestApp, id: &str, account: &'static str) {
    let wanted = id.to_owned();
    app.write(move |tx| {
        let row = diesel::update(credentials::table.filter(credentials::id.eq(&wanted)));
        Ok(row.set(credentials::identity.eq(account)).execute(tx.conn())?)
    })
    .await;
}

#[tokio::test]
async fn what_was_known_of_one_secret_is_not_said_of_another_that_was_never_verified() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = working(&app, &admin, "Service token", "token-that-works").await;
    connect_as(&app, &id, "bots@example.com").await;
    let good = app.row(&id).await.good_at.expect("a good time");
    let path = format!("/w/acme/credentials/{id}");
    let edit = |token: &'static str, revision: i64| {
        let mut form: Vec<(&str, String)> =
            bearer_form("Service token", token).map(|(name, value)| (name, value.to_owned())).to_vec();
        form.retain(|(name, _)| *name != "f.check_path");
        form.extend([("f.check_path", "/health".to_owned()), ("revision", revision.to_string())]);
        form.push(("save_unverified", "1".to_owned()));
        form
    };
    // The same secret with another path for the test: what was known of it stays.
    app.service.prepare(answer(500));
    sent(admin.request("POST", &path).form(&edit("", app.row(&id).await.revision))).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.good_at, row.identity.as_str()), (Some(good), "bots@example.com"));
    assert_eq!(status(&admin, &id).await, "unverified");
    // Another secret, kept beside the old one for a day.
    let rotation = [("f.token", "token-nobody-tried"), ("save_unverified", "1"), ("keep_hours", "24")];
    app.service.prepare(answer(500));
    admin.post(&format!("{path}/rotation"), &rotation).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.good_at, row.identity.as_str()), (None, ""));
    assert_eq!(status(&admin, &id).await, "unverified");
    // The old one comes back with what is known of it.
    admin.post(&format!("{path}/rotation/rollback"), &[]).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.good_at, row.identity.as_str()), (Some(good), "bots@example.com"));
    app.service.prepare(answer(500));
    sent(admin.request("POST", &path).form(&edit("token-nobody-tried-either", row.revision))).await.expect(303);
    let row = app.row(&id).await;
    assert_eq!((row.good_at, row.identity.as_str()), (None, ""));
    let page = admin.get(&path).await.expect(200);
    assert!(!page.body.contains("bots@example.com"), "not connected as anybody");
}

#[tokio::test]
async fn a_service_that_takes_every_token_proves_nothing_but_is_reported_as_it_answers() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let page = Answer::html(200, "<h1>Welcome</h1><script>alert(1)</script>");
    app.service.prepare(page);
    let id = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let shown = admin.get(&format!("/w/acme/credentials/{id}")).await.expect(200);
    assert!(!shown.body.contains("alert(1)") && !shown.body.contains("Welcome"), "its words are not shown");
}

#[tokio::test]
async fn t139_a_check_of_something_deleted_meanwhile_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = working(&app, &admin, "Service token", "token-of-the-service").await;
    app.service.prepare(Answer::Late(Duration::from_millis(700), Box::new(answer(401))));
    let path = format!("/w/acme/credentials/{id}");
    let (checking, other) = (admin.clone(), app.admin().await);
    let checks = format!("{path}/checks");
    let (checked, deleted) = tokio::join!(checking.post(&checks, &[]), async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        other.post(&format!("{path}/deletion"), &[]).await
    });
    deleted.expect(303);
    assert!(matches!(checked.status, 303 | 404), "{}", checked.status);
    admin.get(&path).await.expect(404);
    let row = app.row(&id).await;
    assert!(row.deleted_at.is_some() && row.outcome == "ok", "the late answer is not written to it");
    assert_eq!(app.events("acme").await.pop().expect("a line").action, "credential.deleted");
}

#[tokio::test]
async fn t139_what_a_bot_used_lately_is_deleted_only_by_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let (wanted, now) = (id.clone(), app.means.now());
    app.write(move |tx| {
        let used = diesel::update(credentials::table.filter(credentials::id.eq(&wanted)));
        Ok(used.set(credentials::last_used_at.eq(now)).execute(tx.conn())?)
    })
    .await;
    let path = format!("/w/acme/credentials/{id}/deletion");
    for form in [&[][..], &[("confirm_name", "shop")]] {
        let reply = admin.post(&path, form).await.expect(409);
        assert!(reply.body.contains("Shop events"));
    }
    admin.post(&path, &[("confirm_name", "Shop events")]).await.expect(303);
}
