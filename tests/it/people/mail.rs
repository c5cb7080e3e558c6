//! The outbox: what was promised arrives, later if it must, and what it says is erased.

use super::{deliver, heard, kept, with_mail};
use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::dump::dump;
use crate::support::person::Person;
use crate::support::smtp_server::{Mailbox, Verdict};
use chrono::TimeDelta;
use credenza::db::schema;
use diesel::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn outbox(app: &TestApp) -> Vec<String> {
    dump(&mut app.database.connect()).remove("outbox").expect("the outbox")
}

#[tokio::test]
async fn a_mail_goes_through_the_server_and_is_forgotten() {
    let app = with_mail(|mailbox| mailbox).await;
    let admin = app.admin().await;
    admin.post("/w/acme/mail", &[]).await.expect(303);
    let row = outbox(&app).pop().expect("a row");
    assert!(row.contains("waiting") && !row.contains("whether mails arrive"), "{row}");
    deliver(&app).await;
    let heard = heard(&app);
    assert!(heard.contains("MAIL FROM:<vault@acme.example>") && heard.contains("RCPT TO:<admin@acme.example>"));
    assert!(heard.contains("From: Vault <vault@acme.example>") && heard.contains("Subject: Mail from Credenza works"));
    let lines = app.mail.as_ref().expect("a server").lines();
    assert!(lines.iter().all(|line| line.encrypted), "nothing in clear text");
    let page = admin.get("/w/acme/mail").await.expect(200);
    assert_eq!(page.texts("tbody .tag"), ["Sent"]);
    let row = outbox(&app).pop().expect("a row");
    assert!(row.contains("sent"), "{row}");
    deliver(&app).await;
    assert_eq!(lines.len(), app.mail.as_ref().expect("a server").lines().len(), "once");
    app.prove_audit().await;
}

#[tokio::test]
async fn without_a_server_mails_are_files_that_nobody_else_reads() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.post("/w/acme/mail", &[]).await.expect(303);
    deliver(&app).await;
    let mails = kept(&app);
    assert!(mails.len() == 1 && mails[0].contains("To: admin@acme.example"), "{mails:?}");
    let folder = app.dir.path().join("mail");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file").expect("a file").path();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(admin.get("/w/acme/mail").await.expect(200).texts("tbody .tag"), ["Kept as a file"]);
    assert_eq!(app.calls(), (0, 0));
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_after_growing_pauses() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = asked.clone();
    let app = with_mail(move |mailbox| Mailbox {
        post: Some(Arc::new(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
            0..2 => Verdict::Say("451 4.7.1 later".to_owned()),
            _ => Verdict::Say("250 2.1.5 ok".to_owned()),
        })),
        ..mailbox
    })
    .await;
    let admin = app.admin().await;
    admin.post("/w/acme/mail", &[]).await.expect(303);
    deliver(&app).await;
    let page = admin.get("/w/acme/mail").await.expect(200);
    assert_eq!(page.texts("tbody .tag"), ["Tried again"]);
    assert!(page.body.contains("does not take it at present: 451 4.7.1"), "{}", page.body);
    deliver(&app).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1, "not before its pause is over");
    app.means.clock.advance(TimeDelta::seconds(31));
    deliver(&app).await;
    app.means.clock.advance(TimeDelta::seconds(31));
    deliver(&app).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "the second pause is longer");
    app.means.clock.advance(TimeDelta::seconds(31));
    deliver(&app).await;
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(admin.get("/w/acme/mail").await.expect(200).texts("tbody .tag"), ["Sent"]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_shown_and_can_be_sent_again() {
    let open = Arc::new(AtomicUsize::new(0));
    let seen = open.clone();
    let app = with_mail(move |mailbox| Mailbox {
        post: Some(Arc::new(move |_| match seen.load(Ordering::SeqCst) {
            0 => Verdict::Say("550 5.1.1 no such user".to_owned()),
            _ => Verdict::Say("250 2.1.5 ok".to_owned()),
        })),
        ..mailbox
    })
    .await;
    let admin = app.admin().await;
    admin.post("/w/acme/mail", &[]).await.expect(303);
    deliver(&app).await;
    let page = admin.get("/w/acme/mail").await.expect(200);
    assert_eq!(page.texts("tbody .tag"), ["Not sent"]);
    assert!(page.body.contains("refused it with 550 5.1.1"), "{}", page.body);
    app.means.clock.advance(TimeDelta::minutes(5));
    deliver(&app).await;
    let path = page.attributes("td form", "action").pop().expect("a button");
    open.store(1, Ordering::SeqCst);
    for person in [app.member().await, app.support().await] {
        person.post(&path, &[]).await.expect(403);
        person.get("/w/acme/mail").await.expect(403);
    }
    app.foreign_admin().await.post(&path, &[]).await.expect(404);
    admin.post(&path, &[]).await.expect(303);
    deliver(&app).await;
    assert_eq!(admin.get("/w/acme/mail").await.expect(200).texts("tbody .tag"), ["Sent"]);
    admin.post(&path, &[]).await.expect(409);
    let actions: Vec<String> = app.events("acme").await.into_iter().map(|e| e.action).collect();
    for action in ["mail.tested", "mail.sent", "mail.tried_again"] {
        assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
    }
}

#[tokio::test]
async fn what_a_mail_says_goes_when_its_time_is_over() {
    let app = with_mail(|mailbox| Mailbox { greeting: Some("421 4.3.2 closed".to_owned()), ..mailbox }).await;
    let admin = app.admin().await;
    admin.post("/w/acme/mail", &[]).await.expect(303);
    deliver(&app).await;
    assert!(outbox(&app)[0].contains("421 4.3.2"), "{}", outbox(&app)[0]);
    app.means.clock.advance(TimeDelta::hours(25));
    deliver(&app).await;
    let admin = app.admin().await;
    let page = admin.get("/w/acme/mail").await.expect(200);
    assert_eq!((page.texts("tbody .tag"), page.texts("td form")), (vec!["Not sent".to_owned()], Vec::new()));
    app.means.clock.advance(TimeDelta::days(31));
    deliver(&app).await;
    assert!(outbox(&app).is_empty());
}

#[tokio::test]
async fn two_processes_hand_a_mail_over_once() {
    let app = with_mail(|mailbox| mailbox).await;
    app.admin().await.post("/w/acme/mail", &[]).await.expect(303);
    futures_util::future::join_all((0..4).map(|_| deliver(&app))).await;
    assert_eq!(heard(&app).matches("RCPT TO").count(), 1);
}

#[tokio::test]
async fn t032_mails_to_people_are_shown_where_they_belong_and_not_where_they_look_in() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let (helper, own) = (email("member", UMBRELLA), email("member", ACME));
    let grant = [("email", helper.as_str()), ("reason", "Ticket 4711"), ("hours", "4")];
    admin.post("/w/acme/settings/support", &grant).await.expect(303);
    for address in [helper.clone(), email("support", ACME), own.clone()] {
        app.anon().post("/password/forgot", &[("email", address.as_str())]).await.expect(303);
    }
    member.post("/account/email", &[("email", "new@elsewhere.example")]).await.expect(303);
    let shown = async |person: &Person, path: &str| person.get(path).await.expect(200).texts("tbody .sub");
    assert_eq!(shown(&admin, "/w/acme/mail").await, std::slice::from_ref(&own));
    assert_eq!(shown(&app.foreign_admin().await, "/w/umbrella/mail").await, [helper]);
    let columns = (schema::outbox::kind, schema::outbox::recipient, schema::outbox::id);
    let all: Vec<(String, String, String)> =
        app.read(move |conn| Ok(schema::outbox::table.select(columns).load(conn)?)).await;
    assert_eq!(all.len(), 5);
    for (kind, to, id) in all {
        let status = if kind == "reset" && to == own { 303 } else { 404 };
        admin.post(&format!("/w/acme/mail/{id}/delivery"), &[]).await.expect(status);
    }
}
