//! Authenticator apps and recovery codes.

use super::{about, deliver, kept};
use crate::support::app::{ACME, TestApp, email};
use crate::support::dump::dump;
use crate::support::person::{PASSWORD, Person, Reply};
use chrono::TimeDelta;
use totp_rs::{Algorithm, Builder, Secret, Totp};

const PAGE: &str = "/account/second-factor";
const STEP: &str = "/sign-in/second-factor";

/// An app on a phone.
struct Phone(Totp);

impl Phone {
    fn code(&self, app: &TestApp) -> String {
        let now = u64::try_from(app.means.now().micros() / 1_000_000).expect("after 1970");
        self.0.generate(now).to_string()
    }
}

/// Sets an app up through the pages; the phone and the recovery codes.
async fn set_up(app: &TestApp, person: &Person) -> (Phone, Vec<String>) {
    person.post(PAGE, &[("act", "start")]).await.expect(303);
    let page = person.get(PAGE).await.expect(200);
    let typed = page.texts("#totp-key").remove(0).replace(' ', "");
    assert!(page.attributes("svg.qr path", "d").remove(0).len() > 500, "a QR code is drawn");
    let secret = Secret::try_from_base32(&typed).expect("base32");
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_step_duration(30);
    let phone = Phone(builder.with_secret(secret).build().expect("an app"));
    person.post(PAGE, &[("act", "confirm"), ("code", "000000")]).await.expect(422);
    person.post(PAGE, &[("act", "confirm"), ("code", &phone.code(app))]).await.expect(303);
    let page = person.get(PAGE).await.expect(200);
    let codes = page.texts("#recovery-codes li");
    assert!(person.get(PAGE).await.expect(200).texts("#recovery-codes li").is_empty(), "shown once");
    (phone, codes)
}

async fn password(app: &TestApp, role: &str) -> Person {
    let person = app.anon();
    let reply = person.sign_in(&email(role, ACME)).await.expect(303);
    assert_eq!(reply.location(), STEP, "a password alone is not enough");
    person.get("/account").await.expect(303);
    person.get(STEP).await.expect(200);
    person
}

async fn code(person: &Person, code: &str) -> Reply {
    person.post(STEP, &[("code", code)]).await
}

#[tokio::test]
async fn t016_a_code_signs_in_once_and_only_as_it_is() {
    let app = TestApp::start().await;
    let (member, elsewhere) = (app.member().await, app.member().await);
    let (phone, _) = set_up(&app, &member).await;
    member.get("/account").await.expect(200);
    elsewhere.get("/account").await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(2));
    let person = password(&app, "member").await;
    let now = phone.code(&app);
    for wrong in [format!(" {now}"), format!("{now} "), format!("{}６", &now[..5]), String::new()] {
        code(&person, &wrong).await.expect(401);
    }
    assert_eq!(code(&person, &now).await.expect(303).location(), "/");
    person.get("/account").await.expect(200);
    // Again, and the step before it.
    let person = password(&app, "member").await;
    code(&person, &now).await.expect(401);
    let before = phone.code(&app);
    app.means.clock.advance(TimeDelta::seconds(30));
    let later = phone.code(&app);
    app.means.clock.advance(TimeDelta::seconds(30));
    code(&person, &later).await.expect(303);
    let person = password(&app, "member").await;
    code(&person, &before).await.expect(401);
    deliver(&app).await;
    assert!(kept(&app).iter().any(|mail| mail.contains("Subject: How you sign in to Credenza was changed")));
    app.prove_audit().await;
}

#[tokio::test]
async fn t016_five_wrong_codes_give_a_sign_in_up() {
    let app = TestApp::start().await;
    let (phone, _) = set_up(&app, &app.member().await).await;
    app.means.clock.advance(TimeDelta::minutes(2));
    let person = password(&app, "member").await;
    for _ in 0..5 {
        code(&person, "000000").await.expect(401);
        app.means.clock.advance(TimeDelta::seconds(11));
    }
    let reply = code(&person, &phone.code(&app)).await.expect(401);
    assert_eq!(reply.attributes("#banner", "data-code"), ["start_again"]);
    person.get("/account").await.expect(303);
    let person = password(&app, "member").await;
    code(&person, &phone.code(&app)).await.expect(303);
    // Parallel guesses have five tries together.
    let person = password(&app, "member").await;
    let guesses = (0..40).map(|_| code(&person, "000000"));
    let replies = futures_util::future::join_all(guesses).await;
    assert!(replies.iter().all(|reply| matches!(reply.status, 401 | 429)));
    let lines = app.instance_events().await;
    let wrong = lines.iter().filter(|line| line.code == "second_factor").count();
    assert!((10..=11).contains(&wrong), "{wrong}");
}

#[tokio::test]
async fn t015_a_code_without_a_begun_sign_in_opens_nothing() {
    let app = TestApp::start().await;
    let (phone, codes) = set_up(&app, &app.member().await).await;
    app.means.clock.advance(TimeDelta::minutes(2));
    let anon = app.anon();
    assert_eq!(anon.get(STEP).await.expect(303).location(), "/sign-in");
    code(&anon, &phone.code(&app)).await.expect(401);
    code(&anon, &codes[0]).await.expect(401);
    // Somebody else's code.
    let (admins, _) = set_up(&app, &app.admin().await).await;
    app.means.clock.advance(TimeDelta::minutes(2));
    let person = password(&app, "member").await;
    code(&person, &admins.code(&app)).await.expect(401);
    // Too late.
    app.means.clock.advance(TimeDelta::minutes(11));
    code(&person, &phone.code(&app)).await.expect(401);
    anon.get("/account").await.expect(303);
    // A new password does not come round it.
    app.anon().post("/password/forgot", &[("email", &email("member", ACME))]).await.expect(303);
    deliver(&app).await;
    let path = super::link(&kept(&app).pop().expect("a mail"), "/password/reset/");
    app.anon().post(&path, &[("password", PASSWORD)]).await.expect(303);
    password(&app, "member").await;
}

#[tokio::test]
async fn t017_a_recovery_code_works_once_and_is_kept_as_a_digest() {
    let app = TestApp::start().await;
    let member = app.member().await;
    let (_, codes) = set_up(&app, &member).await;
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.replace('-', "").len() == 24), "120 bits each: {codes:?}");
    let rows = format!("{:?}", dump(&mut app.database.connect()));
    assert!(codes.iter().all(|code| !rows.contains(code.as_str())));
    let person = password(&app, "member").await;
    code(&person, &codes[0].to_lowercase()).await.expect(303);
    let person = password(&app, "member").await;
    code(&person, &codes[0]).await.expect(401);
    code(&person, &codes[1]).await.expect(303);
    deliver(&app).await;
    assert!(kept(&app).iter().any(|mail| mail.contains("a recovery code was used")));
    person.post(PAGE, &[("act", "codes")]).await.expect(303);
    let fresh = person.get(PAGE).await.expect(200).texts("#recovery-codes li");
    assert!(fresh.len() == 10 && !fresh.contains(&codes[2]));
    let other = password(&app, "member").await;
    code(&other, &codes[2]).await.expect(401);
    code(&other, &fresh[0]).await.expect(303);
    app.prove_audit().await;
}

#[tokio::test]
async fn t018_t019_turning_it_off_asks_for_a_proof_and_ends_other_sessions() {
    let app = TestApp::start().await;
    let member = app.member().await;
    let (phone, _) = set_up(&app, &member).await;
    let other = password(&app, "member").await;
    app.means.clock.advance(TimeDelta::minutes(2));
    code(&other, &phone.code(&app)).await.expect(303);
    app.means.clock.advance(TimeDelta::minutes(11));
    let reply = member.post(PAGE, &[("act", "off")]).await.expect(422);
    assert_eq!(reply.attributes("#current_password-error", "data-code"), ["current_password"]);
    // A code of the app is a proof too.
    member.post(PAGE, &[("act", "off"), ("current_password", "000000")]).await.expect(422);
    app.means.clock.advance(TimeDelta::seconds(31));
    member.post(PAGE, &[("act", "off"), ("current_password", &phone.code(&app))]).await.expect(303);
    other.get("/account").await.expect(303);
    member.get("/account").await.expect(200);
    app.anon().sign_in(&email("member", ACME)).await.expect(303);
    let rows = dump(&mut app.database.connect());
    assert!(rows["recovery_codes"].is_empty() && rows["users"].iter().all(|row| !row.contains("NOTHING")));
    for act in ["", "on", "everything"] {
        member.post(PAGE, &[("act", act)]).await.expect(422);
    }
}

#[tokio::test]
async fn a_workspace_asks_its_admins_and_support_for_one() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    admin.post("/w/acme/settings", &[("name", "Acme"), ("second_factor", "1")]).await.expect(303);
    member.get("/w/acme/credentials").await.expect(200);
    for person in [&admin, &app.support().await] {
        assert_eq!(person.get("/w/acme/credentials").await.expect(303).location(), PAGE);
        let reply = person.post_htmx("/w/acme/departure", &[]).await.expect(422);
        assert!(reply.header("hx-redirect").is_none(), "whoever will not may go");
    }
    let path = about(&app, "member").await;
    admin.post(&path, &[("role", "support")]).await.expect(403);
    assert!(admin.get(PAGE).await.expect(200).texts("#asked").len() == 1);
    set_up(&app, &admin).await;
    admin.get("/w/acme/credentials").await.expect(200);
    let reply = admin.post(PAGE, &[("act", "off")]).await.expect(409);
    assert!(reply.body.contains("asks its admins"), "{}", reply.body);
}

#[tokio::test]
async fn t084_the_seed_is_sealed_drilled_and_sealed_anew() {
    let app = TestApp::start().await;
    let member = app.member().await;
    member.post(PAGE, &[("act", "start")]).await.expect(303);
    let typed = member.get(PAGE).await.expect(200).texts("#totp-key").remove(0).replace(' ', "");
    let seed = Secret::try_from_base32(&typed).expect("base32").as_bytes().to_vec();
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let nowhere = |app: &TestApp| {
        let rows = format!("{:?}", dump(&mut app.database.connect()));
        assert!(!rows.contains(&typed) && !rows.to_lowercase().contains(&hex), "the seed is in the database");
    };
    nowhere(&app);
    member.post(PAGE, &[("act", "cancel")]).await.expect(303);
    set_up(&app, &member).await;
    let means = app.means.clone();
    let (faults, opened, _) =
        app.read(move |conn| credenza::model::second_factor::unreadable(conn, &means, "", 100)).await;
    assert_eq!((faults, opened), (Vec::new(), 1));
    // Moved to somebody else it does not open.
    let (from, to) = (app.user(&email("member", ACME)).await, app.user(&email("admin", ACME)).await);
    app.write(move |tx| {
        use credenza::db::schema::users;
        use diesel::prelude::*;
        let sealed: Option<Vec<u8>> =
            users::table.filter(users::id.eq(&from)).select(users::totp_sealed).first(tx.conn())?;
        Ok(diesel::update(users::table.filter(users::id.eq(&to)))
            .set(users::totp_sealed.eq(sealed))
            .execute(tx.conn())?)
    })
    .await;
    let means = app.means.clone();
    let (faults, opened, _) =
        app.read(move |conn| credenza::model::second_factor::unreadable(conn, &means, "", 100)).await;
    assert!(faults.len() == 1 && opened == 1 && faults[0].contains("second factor of person"), "{faults:?}");
    let person = app.anon();
    person.sign_in(&email("admin", ACME)).await.expect(303);
    code(&person, "123456").await.expect(503);
}

#[tokio::test]
async fn whoever_lost_everything_gets_in_again_through_the_operator() {
    let app = TestApp::start().await;
    let member = app.member().await;
    set_up(&app, &member).await;
    password(&app, "member").await;
    let (means, user) = (app.means.clone(), app.user(&email("member", ACME)).await);
    app.write(move |tx| credenza::model::second_factor::take_away(tx, &means, &user)).await;
    member.get("/account").await.expect(303);
    let person = app.person(&email("member", ACME)).await;
    assert_eq!(person.get(PAGE).await.expect(200).texts("button[value=start]").len(), 1, "none is left");
    assert!(dump(&mut app.database.connect())["recovery_codes"].is_empty());
    let last = app.instance_events().await.into_iter().rfind(|line| line.action == "person.factors_taken_away");
    assert_eq!(last.map(|line| line.actor_kind), Some("operator".to_owned()));
    app.prove_audit().await;
}
