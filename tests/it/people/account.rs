//! One's own account: password, address, sessions, new browsers.

use super::{deliver, kept, link};
use crate::support::app::{ACME, TestApp, email};
use crate::support::person::{PASSWORD, Person, sent};
use chrono::TimeDelta;
use reqwest::header::USER_AGENT;

const CHOSEN: &str = "twelve calm otters swim";

async fn with_agent(app: &TestApp, agent: &str) -> Person {
    let person = app.anon();
    let form = [("email", email("member", ACME)), ("password", PASSWORD.to_owned())];
    sent(person.request("POST", "/sign-in").header(USER_AGENT, agent).form(&form)).await.expect(303);
    person
}

#[tokio::test]
async fn t019_another_password_ends_every_other_session() {
    let app = TestApp::start().await;
    let (here, there) = (app.member().await, app.member().await);
    for form in [
        [("current_password", "not the password"), ("password", CHOSEN)],
        [("current_password", PASSWORD), ("password", "short")],
        [("current_password", ""), ("password", CHOSEN)],
    ] {
        here.post("/account/password", &form).await.expect(422);
    }
    there.get("/account").await.expect(200);
    here.post("/account/password", &[("current_password", PASSWORD), ("password", CHOSEN)]).await.expect(303);
    here.get("/account").await.expect(200);
    assert_eq!(there.get("/account").await.expect(303).location(), "/sign-in");
    app.anon().sign_in(&email("member", ACME)).await.expect(422);
    deliver(&app).await;
    assert!(kept(&app).iter().any(|mail| mail.contains("Subject: Your password for Credenza was changed")));
    let lines = app.instance_events().await;
    assert!(lines.iter().any(|line| line.action == "person.password_changed"));
}

#[tokio::test]
async fn sessions_are_listed_with_their_device_and_ended_one_by_one_or_all() {
    let app = TestApp::start().await;
    let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1";
    let desk = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let (here, mobile, other) =
        (with_agent(&app, desk).await, with_agent(&app, phone).await, with_agent(&app, "curl/8").await);
    let foreign = app.admin().await;
    let page = here.get("/account/sessions").await.expect(200);
    let mut devices = page.texts("tbody .name");
    devices.sort();
    assert_eq!(devices, ["Firefox on Linux", "Safari on iPhone", "curl"]);
    assert_eq!(page.texts("tbody .tag"), ["this one"]);
    assert!(page.texts("tbody th .sub").iter().all(|address| address == "127.0.0.1"));
    let theirs = mobile.get("/account/sessions").await.expect(200);
    let row = theirs.attributes("tr:has(.tag)", "id").remove(0);
    let handle = row.strip_prefix("session-").expect("a handle").to_owned();
    foreign.post("/account/sessions", &[("end", &handle)]).await.expect(404);
    mobile.get("/account").await.expect(200);
    here.post("/account/sessions", &[("end", &handle)]).await.expect(303);
    assert_eq!(mobile.get("/account").await.expect(303).location(), "/sign-in");
    for end in ["", "%", "all of them", "________________________"] {
        here.post("/account/sessions", &[("end", end)]).await.expect(422);
    }
    here.post("/account/sessions", &[("end", "others")]).await.expect(303);
    other.get("/account").await.expect(303);
    here.get("/account").await.expect(200);
    foreign.get("/account").await.expect(200);
    assert_eq!(here.get("/account/sessions").await.expect(200).texts("tbody tr").len(), 1);
}

#[tokio::test]
async fn a_name_that_cannot_be_is_told_beside_what_was_typed() {
    let app = TestApp::start().await;
    let member = app.member().await;
    let before = member.get("/account").await.expect(200).attributes("#name", "value");
    let typed = "x".repeat(201);
    let form = [("name", typed.as_str()), ("theme", "dark"), ("shortcuts", "1")];
    let refused = member.post("/account", &form).await.expect(422);
    assert_eq!(refused.attributes("#name-error", "data-code"), ["name"]);
    assert_eq!(refused.attributes("#name", "value"), [typed]);
    assert_eq!(refused.attributes("[name=theme][checked]", "value"), ["dark"]);
    assert_eq!(refused.attributes("#shortcuts[checked]", "value"), ["1"]);
    assert_eq!(member.get("/account").await.expect(200).attributes("#name", "value"), before);
}

#[tokio::test]
async fn a_new_browser_is_told_of_and_a_known_one_is_not() {
    let app = TestApp::start().await;
    let first = app.member().await;
    deliver(&app).await;
    assert!(kept(&app).is_empty(), "the first of all");
    first.post("/sign-out", &[]).await.expect(303);
    first.sign_in(&email("member", ACME)).await.expect(303);
    deliver(&app).await;
    assert!(kept(&app).is_empty(), "the same browser");
    with_agent(&app, "curl/8 <b>").await;
    deliver(&app).await;
    let mails = kept(&app);
    assert!(mails.len() == 1 && mails[0].contains("To: member@acme.example"), "{mails:?}");
    assert!(mails[0].contains("Address: 127.0.0.1") && mails[0].contains("curl/8") && mails[0].contains(&app.base));
    assert!(!mails[0].contains(PASSWORD));
}

#[tokio::test]
async fn an_address_changes_once_its_new_owner_has_confirmed_it() {
    let app = TestApp::start().await;
    let (member, elsewhere) = (app.member().await, app.member().await);
    for address in ["", "a@b.example,c@d.example", "a@b.example\r\nBcc: c@d.example"] {
        member.post("/account/email", &[("email", address)]).await.expect(422);
    }
    app.means.clock.advance(TimeDelta::minutes(11));
    let form = [("email", "new@acme.example")];
    let reply = member.post("/account/email", &form).await.expect(422);
    assert_eq!(reply.attributes("#current_password-error", "data-code"), ["current_password"]);
    assert_eq!(reply.attributes("#email", "value"), ["new@acme.example"], "what was typed stays");
    member.post("/account/email", &[form[0], ("current_password", PASSWORD)]).await.expect(303);
    deliver(&app).await;
    let mails = kept(&app);
    assert!(mails.iter().any(|mail| mail.contains("To: member@acme.example") && mail.contains("new@acme.example")));
    let mail = mails.iter().find(|mail| mail.contains("To: new@acme.example")).expect("a mail there");
    let path = link(mail, "/account/email/");
    app.anon().sign_in("new@acme.example").await.expect(422);
    app.admin().await.get(&path).await.expect(404);
    app.admin().await.post(&path, &[]).await.expect(404);
    assert_eq!(app.anon().post(&path, &[]).await.expect(303).location(), "/sign-in");
    member.get(&path).await.expect(200);
    member.post(&path, &[]).await.expect(303);
    member.get("/account").await.expect(200);
    elsewhere.get("/account").await.expect(303);
    member.post(&path, &[]).await.expect(404);
    app.anon().sign_in("new@acme.example").await.expect(303);
    app.anon().sign_in(&email("member", ACME)).await.expect(422);
    // Somebody else's address is not to be had, and who has it is not told before its owner was asked.
    let admin = email("admin", ACME);
    member.post("/account/email", &[("email", &admin)]).await.expect(303);
    deliver(&app).await;
    let mail = kept(&app)
        .into_iter()
        .rev()
        .find(|m| m.contains("/account/email/") && m.contains("To: admin@"))
        .expect("a mail");
    member.post(&link(&mail, "/account/email/"), &[]).await.expect(409);
    app.prove_audit().await;
}
