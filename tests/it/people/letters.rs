//! What mails say: nothing secret but a link that works once, and the risky acts of other admins.

use super::{about, deliver, invited, kept};
use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::person::{PASSWORD, Person};
use chrono::TimeDelta;
use credenza::model::bot_token::Scope;
use credenza::model::membership;
use credenza::model::permission::{Allowed, Role};
use regex::Regex;

/// Every mail so far, with soft line breaks undone (RFC 2045 §6.7).
async fn mails(app: &TestApp) -> Vec<String> {
    deliver(app).await;
    kept(app).into_iter().map(|mail| mail.replace("=\r\n", "").replace("=3D", "=")).collect()
}

#[tokio::test]
async fn t083_a_mail_holds_no_secret_but_a_link_that_works_once() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let mut secrets = vec![PASSWORD.to_owned(), "a signing secret of a shop".to_owned()];
    app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let bot = app.bot("Order confirmations").await;
    secrets.push(app.token(&bot, &[Scope::Use, Scope::Fetch], None).await.text);
    let form = [("name", "Worker"), ("scope", "fetch"), ("days", "10")];
    let made = admin.post(&format!("/w/acme/bots/{bot}/tokens"), &form).await.expect(303);
    let shown = admin.get(made.location()).await.expect(200).body;
    let token = Regex::new("crdz_[0-9A-Za-z_]+").expect("a pattern");
    let texts: Vec<String> = token.find_iter(&shown).map(|found| found.as_str().to_owned()).collect();
    assert!(texts.iter().any(|text| text.len() > 30), "the token was shown: {texts:?}");
    secrets.extend(texts.into_iter().filter(|text| text.len() > 30));
    let invitation = invited(&app, &admin, "new@acme.example", "member").await;
    let second = app.person(&email("member", ACME)).await;
    second.post("/account/second-factor", &[("act", "start")]).await.expect(303);
    let page = second.get("/account/second-factor").await.expect(200);
    secrets.push(page.texts("#totp-key").remove(0).replace(' ', ""));
    member.post("/account/email", &[("email", "moved@acme.example")]).await.expect(303);
    let password = "another horse battery staple";
    member.post("/account/password", &[("current_password", PASSWORD), ("password", password)]).await.expect(303);
    secrets.push(password.to_owned());
    app.anon().post("/password/forgot", &[("email", &email("admin", ACME))]).await.expect(303);
    admin.post("/w/acme/mail", &[]).await.expect(303);
    let first = mails(&app).await;
    let link = Regex::new(r"/(invitations|password/reset|account/email)/[0-9A-Za-z_-]{20,}").expect("a pattern");
    let found = first.iter().filter_map(|mail| link.find(mail)).map(|found| found.as_str());
    let links: Vec<&str> = found.collect();
    for kind in ["/invitations/", "/password/reset/", "/account/email/"] {
        assert!(links.iter().any(|link| link.starts_with(kind)), "{kind}: {links:?}");
    }
    // Each of them works once.
    let accept = [("name", "New"), ("password", "a password of somebody new")];
    app.anon().post(&invitation, &accept).await.expect(303);
    assert_ne!(app.anon().post(&invitation, &accept).await.status, 303);
    let reset = links.iter().rfind(|link| link.starts_with("/password/reset/")).expect("a link");
    let choose = [("password", "one more horse battery staple")];
    app.anon().post(reset, &choose).await.expect(303);
    assert_ne!(app.anon().post(reset, &choose).await.status, 303);
    secrets.extend([accept[1].1.to_owned(), choose[0].1.to_owned()]);
    app.means.clock.advance(TimeDelta::days(8));
    credenza::jobs::token_ends::warn(&app.state).await.expect("warnings");
    let all = mails(&app).await;
    assert!(all.iter().any(|mail| mail.contains("is refused from its end on")), "{all:?}");
    for mail in &all {
        for secret in &secrets {
            assert!(!mail.contains(secret.as_str()), "{secret} is in {mail}");
        }
        assert!(link.find_iter(mail).count() <= 1, "{mail}");
    }
}

async fn second_admin(app: &TestApp, admin: &Person) -> Person {
    admin.post(&about(app, "member").await, &[("role", "admin")]).await.expect(303);
    app.member().await
}

/// The alerts to an address.
async fn alerts(app: &TestApp, to: &str) -> Vec<String> {
    let to = format!("To: {to}");
    mails(app).await.into_iter().filter(|mail| mail.contains(&to) && mail.contains("risky change")).collect()
}

#[tokio::test]
async fn the_other_admins_are_told_of_risky_acts_and_nobody_else() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let other = second_admin(&app, &admin).await;
    let (theirs, own) = (email("member", ACME), email("admin", ACME));
    let bot = app.bot("Order confirmations").await;
    admin.post(&format!("/w/acme/bots/{bot}/tokens"), &[("name", "Deploy"), ("scope", "use")]).await.expect(303);
    let made = admin.post("/w/acme/tokens", &[("name", "Terraform")]).await.expect(303);
    let rotation = format!("{}/rotation", made.location());
    admin.post(&rotation, &[("overlap", "60")]).await.expect(303);
    let told = alerts(&app, &theirs).await;
    assert_eq!(told.len(), 3);
    assert!(told.iter().any(|mail| mail.contains("rotated the token")), "{told:?}");
    // Another workspace of theirs hears nothing of it.
    let foreign = app.foreign_admin().await;
    let (means, umbrella, member) = (app.means.clone(), app.workspace(UMBRELLA).await, app.user(&theirs).await);
    app.write(move |tx| membership::add(tx, &means, &Allowed::operator(umbrella.clone()), &member, Role::Member)).await;
    assert!(!foreign.get("/w/umbrella/mail").await.expect(200).body.contains("risky act"));
    assert!(admin.get("/w/acme/mail").await.expect(200).body.contains("risky act"));
    assert!(told.iter().any(|mail| mail.contains("Deploy") && mail.contains("Order confirmations")), "{told:?}");
    assert!(told.iter().any(|mail| mail.contains("Terraform") && mail.contains("manages the workspace")), "{told:?}");
    admin.post("/w/acme/settings", &[("name", "Acme"), ("keep_audit_days", "365")]).await.expect(303);
    admin.post("/w/acme/settings", &[("name", "Acme"), ("keep_audit_days", "0")]).await.expect(303);
    admin.post("/w/acme/settings", &[("name", "Acme Ltd"), ("token_days", "30")]).await.expect(303);
    let told = alerts(&app, &theirs).await;
    assert!(told.len() == 4 && told[3].contains("365 days"), "only what protects less: {told:?}");
    assert_eq!(alerts(&app, &own).await.len(), 0, "nobody is told what they did themselves");
    admin.post("/w/acme/settings/deletion", &[("confirm_name", "Acme Ltd")]).await.expect(303);
    let told = alerts(&app, &theirs).await;
    assert!(told.len() == 5 && told[4].contains("deleted the whole workspace"), "{told:?}");
    assert!(told[4].contains(&own), "it says who: {told:?}");
    other.get("/w/acme/credentials").await.expect(404);
    for role in ["support", "pending"] {
        assert!(alerts(&app, &email(role, ACME)).await.is_empty());
    }
}
