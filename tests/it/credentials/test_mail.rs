//! A test mail: to whoever asks and to nobody else, written down, limited, and apart from the check.

use crate::support::app::{ACME, TestApp, email};
use crate::support::smtp_server::{Mailbox, Verdict};
use chrono::TimeDelta;
use credenza::demo::mail_server::welcome;
use credenza::model::audit::Outcome;
use credenza::model::status::Status;
use std::sync::{Arc, Mutex};

const PASSWORD: &str = "mail-password-canary-0123";
const FORM: [(&str, &str); 8] = [
    ("integration", "smtp"),
    ("method", "password"),
    ("name", "Shop mail"),
    ("f.host", "mail.service.example"),
    ("f.tls", "implicit"),
    ("f.port", "465"),
    ("f.user", "bot@example.com"),
    ("f.password", PASSWORD),
];

/// What the mail server says from now on.
type Says = Arc<Mutex<String>>;

/// A console with a mail server whose answers to a sign-in and to a recipient can be changed.
async fn stage() -> (TestApp, Says, Says) {
    let (signs_in, takes) = (Says::default(), Says::default());
    let Verdict::Say(text) = welcome() else { panic!("a line") };
    *signs_in.lock().expect("a text") = text;
    *takes.lock().expect("a text") = "250 2.1.5 ok".to_owned();
    let (judge, post) = (signs_in.clone(), takes.clone());
    let says = |text: &Says| Verdict::Say(text.lock().expect("a text").clone());
    let mailbox = move |tls| Mailbox {
        judge: Arc::new(move |_| says(&judge)),
        post: Some(Arc::new(move |_| says(&post))),
        ..Mailbox::implicit(tls)
    };
    (TestApp::builder().mail(mailbox).start().await, signs_in, takes)
}

fn say(text: &Says, words: &str) {
    words.clone_into(&mut text.lock().expect("a text"));
}

impl TestApp {
    /// How often the mail server heard something that begins so.
    fn heard(&self, beginning: &str) -> usize {
        let lines = self.mail.as_ref().expect("a mail server").lines();
        lines.iter().filter(|line| line.text.starts_with(beginning)).count()
    }

    /// The last lines of a credential in the audit, without those of its checks.
    async fn told(&self, id: &str) -> Vec<(String, Outcome, String)> {
        let events = self.events(ACME).await;
        let mine = events.into_iter().filter(|event| event.target_id == id && event.action.contains("mail"));
        mine.map(|event| (event.action, event.outcome, event.code)).collect()
    }
}

#[tokio::test]
async fn it_goes_to_the_address_of_whoever_asks_and_to_no_other() {
    let (app, ..) = stage().await;
    let admin = app.admin().await;
    let id = app.create(&admin, &FORM).await;
    let (page, path) = (format!("/w/acme/credentials/{id}"), format!("/w/acme/credentials/{id}/test-mail"));
    assert_eq!(app.heard("MAIL"), 0, "the check sends nothing");
    let shown = admin.get(&page).await.expect(200);
    assert_eq!(shown.attributes("a[href$='/test-mail']", "href"), [path.as_str()]);
    let form = admin.get(&path).await.expect(200);
    assert_eq!(form.attributes("[name=from]", "value"), ["bot@example.com"]);
    assert!(form.texts("dd").contains(&email("admin", ACME)), "it says where it goes");

    let sent = [("from", "shop@example.com"), ("to", "evil@elsewhere.example"), ("f.host", "evil.example")];
    let reply = admin.post(&path, &sent).await.expect(303);
    assert_eq!(reply.location(), page);
    assert_eq!(app.heard("MAIL FROM:<shop@example.com>"), 1);
    assert_eq!((app.heard("RCPT TO:<admin@acme.example>"), app.heard("RCPT")), (1, 1));
    let mail = app.mail.as_ref().expect("a mail server");
    let lines: Vec<String> = mail.lines().into_iter().map(|line| line.text).collect();
    let text = lines.join("\n");
    assert!(text.contains("From: shop@example.com") && text.contains("To: admin@acme.example"), "{text}");
    assert!(text.contains("Shop mail") && !text.contains(PASSWORD), "{text}");
    assert!(mail.lines().iter().all(|line| line.encrypted));
    let shown = admin.get(&page).await.expect(200);
    assert!(shown.texts(".toast").concat().contains("took the test mail"));
    assert!(shown.texts(".tl").concat().contains("sent a test mail to themselves with it"));
    let asked = ("credential.mail_asked".to_owned(), Outcome::Allow, String::new());
    let done = ("credential.mail_tested".to_owned(), Outcome::Allow, "ok".to_owned());
    assert_eq!(app.told(&id).await, [asked, done]);
    admin.post(&path, &[]).await.expect(303);
    assert_eq!(app.heard("MAIL FROM:<bot@example.com>"), 1, "the account's own address unless another is given");
    app.prove_audit().await;
}

#[tokio::test]
async fn t050_a_sender_adds_no_command_and_nothing_is_sent_for_a_bad_one() {
    let (app, ..) = stage().await;
    let admin = app.admin().await;
    let id = app.create(&admin, &FORM).await;
    let path = format!("/w/acme/credentials/{id}/test-mail");
    let before = app.mail.as_ref().expect("a mail server").lines().len();
    for from in [
        "x",
        "a@b",
        "a b@c.example",
        "a@b.example\r\nRCPT TO:<c@d.example>",
        "<a@b.example>",
        "a@b.example,c@d.example",
    ] {
        let refused = admin.post(&path, &[("from", from)]).await.expect(422);
        assert_eq!(refused.attributes("#from-error", "data-code"), ["invalid"], "{from}");
    }
    assert_eq!(app.mail.as_ref().expect("a mail server").lines().len(), before);
    assert!(app.told(&id).await.is_empty(), "nothing was asked for");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_with_steps_and_leaves_the_status() {
    let (app, signs_in, takes) = stage().await;
    let admin = app.admin().await;
    let id = app.create(&admin, &FORM).await;
    let path = format!("/w/acme/credentials/{id}/test-mail");
    let cases = [
        (
            &takes,
            "550 5.7.1 relaying denied CANARY",
            "recipient_refused",
            "recipient was refused with 550 5.7.1",
            "forbidden",
        ),
        (&takes, "451 4.7.1 later CANARY", "recipient_refused", "refused with 451 4.7.1", "unavailable"),
        (&signs_in, "535 5.7.8 no CANARY", "smtp_535", "535 5.7.8 refused", "invalid"),
    ];
    for (which, says, code, step, outcome) in cases {
        let before = which.lock().expect("a text").clone();
        say(which, says);
        let refused = admin.post(&path, &[]).await.expect(422);
        assert_eq!(refused.attributes("#banner", "data-code"), [code], "{says}");
        let steps = refused.texts(".steps li").join("\n");
        assert!(steps.contains(step) && steps.contains("Connected on port 465"), "{says}: {steps}");
        assert!(!refused.body.contains("CANARY") && !refused.body.contains(PASSWORD), "{says}");
        let last = ("credential.mail_tested".to_owned(), Outcome::Deny, outcome.to_owned());
        assert_eq!(app.told(&id).await.last(), Some(&last), "{says}");
        assert_eq!(app.row(&id).await.status, Status::Working, "only a check moves the status");
        say(which, &before);
    }
    admin.post(&path, &[]).await.expect(303);
    let closed = TestApp::builder().mail(Mailbox::implicit).start().await;
    let admin = closed.admin().await;
    let id = closed.create(&admin, &FORM).await;
    let refused = admin.post(&format!("/w/acme/credentials/{id}/test-mail"), &[]).await.expect(422);
    assert_eq!(refused.attributes("#banner", "data-code"), ["sender_refused"], "it takes no mail at all");
    app.prove_audit().await;
}

#[tokio::test]
async fn a_few_in_an_hour_are_enough() {
    let (app, ..) = stage().await;
    let admin = app.admin().await;
    let id = app.create(&admin, &FORM).await;
    let path = format!("/w/acme/credentials/{id}/test-mail");
    for _ in 0..5 {
        admin.post(&path, &[]).await.expect(303);
        app.means.clock.advance(TimeDelta::minutes(2));
    }
    let late = admin.post(&path, &[]).await.expect(429);
    let wait: i64 = late.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((49 * 60..=50 * 60 + 1).contains(&wait), "{wait}");
    assert_eq!(app.heard("MAIL"), 5);
    app.means.clock.advance(TimeDelta::minutes(51));
    let admin = app.admin().await;
    admin.post(&path, &[]).await.expect(303);
    admin.post(&path, &[]).await.expect(429);
}

#[tokio::test]
async fn what_is_switched_off_or_is_no_mail_sends_nothing() {
    let (app, ..) = stage().await;
    let admin = app.admin().await;
    let id = app.create(&admin, &FORM).await;
    let page = format!("/w/acme/credentials/{id}");
    admin.post(&format!("{page}/suspension"), &[("hours", "1")]).await.expect(303);
    let shown = admin.get(&format!("{page}/test-mail")).await.expect(200);
    assert!(shown.texts("#off").concat().contains("switched off") && shown.texts("[name=from]").is_empty());
    admin.post(&format!("{page}/test-mail"), &[]).await.expect(422);
    assert!(admin.get(&page).await.expect(200).attributes("a[href$='/test-mail']", "href").is_empty());
    let other = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let page = format!("/w/acme/credentials/{other}");
    assert!(admin.get(&page).await.expect(200).attributes("a[href$='/test-mail']", "href").is_empty());
    assert_eq!(admin.get(&format!("{page}/test-mail")).await.expect(303).location(), page);
    admin.post(&format!("{page}/test-mail"), &[]).await.expect(422);
    assert_eq!(app.heard("MAIL"), 0);
}
