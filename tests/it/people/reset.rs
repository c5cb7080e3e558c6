//! A new password by mail.

use super::{deliver, heard, kept, link, with_mail};
use crate::support::app::{ACME, TestApp, email};
use crate::support::dump::dump;
use crate::support::person::{PASSWORD, Reply, sent};
use chrono::TimeDelta;
use credenza::model::member;

const CHOSEN: &str = "twelve calm otters swim";

async fn asked(app: &TestApp, address: &str) -> String {
    app.anon().post("/password/forgot", &[("email", address)]).await.expect(303);
    deliver(app).await;
    link(&kept(app).pop().expect("a mail"), "/password/reset/")
}

#[tokio::test]
async fn a_password_is_chosen_by_a_link_and_every_session_ends() {
    let app = with_mail(|mailbox| mailbox).await;
    let (first, second) = (app.member().await, app.member().await);
    app.anon().post("/password/forgot", &[("email", " Member@Acme.example ")]).await.expect(303);
    deliver(&app).await;
    let mail = heard(&app);
    assert!(mail.contains("RCPT TO:<member@acme.example>"), "{mail}");
    let path = link(&mail, "/password/reset/");
    let anon = app.anon();
    let page = anon.get(&path).await.expect(200);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    for weak in ["short", "passwordpassword", "member@acme.example"] {
        let reply = anon.post(&path, &[("password", weak)]).await.expect(422);
        assert_eq!(reply.attributes("#password-error", "data-code"), ["password"], "{weak}");
    }
    let reply = anon.post(&path, &[("password", CHOSEN)]).await.expect(303);
    assert_eq!(reply.location(), "/sign-in", "nobody is signed in by it");
    anon.get("/account").await.expect(303);
    for person in [&first, &second] {
        assert_eq!(person.get("/account").await.expect(303).location(), "/sign-in");
    }
    app.anon().sign_in(&email("member", ACME)).await.expect(422);
    let form = [("email", email("member", ACME)), ("password", CHOSEN.to_owned())];
    sent(app.anon().request("POST", "/sign-in").form(&form)).await.expect(303);
    anon.get(&path).await.expect(404);
    anon.post(&path, &[("password", CHOSEN)]).await.expect(404);
    deliver(&app).await;
    assert!(heard(&app).contains("Subject: Your password for Credenza was changed"));
    app.prove_audit().await;
}

fn comparable(reply: &Reply) -> (u16, String, Vec<String>) {
    let mut headers: Vec<String> = reply.headers.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
    headers.retain(|line| !line.starts_with("date:"));
    (reply.status, reply.body.clone(), headers)
}

#[tokio::test]
async fn t013_known_unknown_and_disabled_addresses_are_answered_alike() {
    let app = TestApp::start().await;
    let (disabled, means) = (app.user(&email("support", ACME)).await, app.means.clone());
    app.write(move |tx| member::set_disabled(tx, &means, &disabled, true)).await;
    app.anon().post("/password/forgot", &[("email", "first@acme.example")]).await.expect(303);
    let mut answers = Vec::new();
    for address in [email("member", ACME), email("nobody", ACME), email("support", ACME)] {
        let asked = app.database.asked();
        let reply = app.anon().post("/password/forgot", &[("email", &address)]).await.expect(303);
        answers.push((comparable(&reply), app.database.asked() - asked));
    }
    assert_eq!(answers[0].0, answers[1].0);
    assert_eq!(answers[0].0, answers[2].0);
    assert!(answers[0].1 > 5 && answers[0].1 == answers[1].1, "queries: {answers:?}");
    deliver(&app).await;
    let mails = kept(&app);
    assert!(mails.len() == 1 && mails[0].contains("To: member@acme.example"), "{mails:?}");
    let rows = dump(&mut app.database.connect());
    assert_eq!(rows["password_resets"].len(), 1);
    let token = link(&mails[0], "/password/reset/").rsplit('/').next().expect("a token").to_owned();
    assert!(token.len() == 43 && !format!("{rows:?}").contains(&token), "only its digest is kept");
}

#[tokio::test]
async fn t013_malformed_addresses_send_nothing() {
    let app = TestApp::start().await;
    let request =
        || app.anon().request("POST", "/password/forgot").header("Content-Type", "application/x-www-form-urlencoded");
    sent(request().body("email=a%40b.example&email=c%40d.example")).await.expect(400);
    for body in ["email%5B%5D=a%40b.example&email%5B%5D=c%40d.example", "email%5B0%5D=a%40b.example"] {
        let status = sent(request().body(body)).await.status;
        assert!(matches!(status, 400 | 422), "{body}: {status}");
    }
    for address in
        ["a@b.example,c@d.example", "member@acme.example\r\nBcc: x@y.example", "member@acme.example x@y.example"]
    {
        app.anon().post("/password/forgot", &[("email", address)]).await.expect(422);
    }
    deliver(&app).await;
    assert!(kept(&app).is_empty());
}

#[tokio::test]
async fn t013_a_link_works_once_for_half_an_hour() {
    let app = TestApp::start().await;
    let path = asked(&app, &email("member", ACME)).await;
    app.means.clock.advance(TimeDelta::minutes(31));
    app.anon().get(&path).await.expect(404);
    app.anon().post(&path, &[("password", CHOSEN)]).await.expect(404);
    let (first, second) = (asked(&app, &email("member", ACME)).await, asked(&app, &email("member", ACME)).await);
    let (one, other) = (app.anon(), app.anon());
    let form = [("password", CHOSEN)];
    let (a, b) = futures_util::future::join(one.post(&first, &form), other.post(&first, &form)).await;
    let mut done = [a.status, b.status];
    done.sort_unstable();
    assert_eq!(done, [303, 404]);
    app.anon().get(&second).await.expect(404);
    app.anon().get("/password/reset/no-such-token").await.expect(404);
}

#[tokio::test]
async fn t013_a_link_ends_with_the_password_and_the_address_it_was_sent_for() {
    let app = TestApp::start().await;
    let member = app.member().await;
    let of_another = asked(&app, &email("admin", ACME)).await;
    let before_password = asked(&app, &email("member", ACME)).await;
    member.post("/account/password", &[("current_password", PASSWORD), ("password", CHOSEN)]).await.expect(303);
    let before_address = asked(&app, &email("member", ACME)).await;
    member.post("/account/email", &[("email", "new@acme.example")]).await.expect(303);
    deliver(&app).await;
    app.anon().get(&before_address).await.expect(200);
    let confirmation = link(&kept(&app).join("\n"), "/account/email/");
    member.post(&confirmation, &[]).await.expect(303);
    for path in [&before_password, &before_address] {
        app.anon().get(path).await.expect(404);
        app.anon().post(path, &[("password", "nine loud geese march")]).await.expect(404);
    }
    app.anon().get(&of_another).await.expect(200);
}

#[tokio::test]
async fn t013_nobody_is_flooded_with_links() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(app.anon().post("/password/forgot", &[("email", &email("member", ACME))]).await.status);
    }
    assert!(answers.starts_with(&[303, 303, 303, 303, 303]) && answers.contains(&429), "{answers:?}");
    deliver(&app).await;
    assert_eq!(kept(&app).len(), 3);
    // Signing in is another matter.
    app.anon().sign_in(&email("member", ACME)).await.expect(303);
    let other = [("email", email("admin", ACME)), ("password", PASSWORD.to_owned())];
    sent(app.anon().request("POST", "/sign-in").form(&other)).await.expect(303);
}

#[tokio::test]
async fn whoever_is_locked_out_gets_in_again_by_mail() {
    let app = TestApp::start().await;
    for n in 0..8 {
        app.anon().post("/sign-in", &[("email", &email("member", ACME)), ("password", &format!("guess {n}"))]).await;
    }
    app.anon().sign_in(&email("member", ACME)).await.expect(429);
    let path = asked(&app, &email("member", ACME)).await;
    app.anon().post(&path, &[("password", CHOSEN)]).await.expect(303);
    let form = [("email", email("member", ACME)), ("password", CHOSEN.to_owned())];
    sent(app.anon().request("POST", "/sign-in").form(&form)).await.expect(303);
}
