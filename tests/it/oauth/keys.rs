//! What consents leave sealed: it goes along when keys rotate, is opened by a drill, is held against the audit, and
//! copes with a key that is lost.

use super::stage::{ACCESS, REFRESH, SHEETS, connected, enter_client, info, look, start, tokens, told};
use crate::keys::rotation::rotate;
use crate::keys::{execute, shell};
use crate::support::app::{ACME, TestApp};
use chrono::TimeDelta;
use credenza::broker::Trouble;
use credenza::db::Conn;
use credenza::db::schema::{oauth_apps, oauth_flows, oauth_grants, workspace_keys};
use credenza::id::Id;
use credenza::jobs::keys as job;
use credenza::model::audit_verify::{self, Subject};
use credenza::model::check_record::Cause;
use credenza::model::drill;
use credenza::model::permission::{Allowed, RefreshCredential};
use credenza::model::status::Status;
use diesel::prelude::*;

/// The keys that clients, tokens and consents on their way are sealed under.
fn sealed_under(conn: &mut Conn) -> [Vec<i32>; 3] {
    let open = oauth_flows::table.filter(oauth_flows::sealed.is_not_null());
    [
        oauth_apps::table.select(oauth_apps::key_version).load(conn).expect("clients"),
        oauth_grants::table.select(oauth_grants::key_version).load(conn).expect("tokens"),
        open.select(oauth_flows::key_version).load(conn).expect("consents"),
    ]
}

async fn drilled(app: &TestApp) -> (Vec<String>, i64) {
    let means = app.means.clone();
    app.read(move |conn| {
        let mut faults = Vec::new();
        let counts = drill::run(conn, &means, &mut |fault| faults.push(fault.to_string()))?;
        Ok((faults, counts.opened))
    })
    .await
}

async fn live(app: &TestApp, id: &str) -> Result<String, String> {
    let allowed = Allowed::<RefreshCredential>::job(app.workspace(ACME).await, "test");
    let id = Id::parse(id).expect("an id");
    match app.broker().live(&allowed, &id, None, Cause::Use).await.expect("storage") {
        Ok(live) => Ok(live.session.values["token"].expose().to_owned()),
        Err(Trouble::Report(report)) => Err(report.code),
        Err(Trouble::Unreadable(fault)) => Err(fault.label),
    }
}

#[tokio::test]
async fn t122_clients_tokens_and_consents_on_their_way_are_sealed_anew() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let waiting = start(&admin, &[SHEETS[0], SHEETS[1], ("name", "Second sheet")]).await;
    let mut conn = app.database.connect();
    assert_eq!(sealed_under(&mut conn), [vec![1], vec![1], vec![1]]);
    assert_eq!(drilled(&app).await, (Vec::new(), 4), "a version, a client, tokens, a consent");
    assert!(rotate(&app).await.0);
    assert_eq!(sealed_under(&mut conn), [vec![2], vec![2], vec![2]]);
    assert_eq!(drilled(&app).await, (Vec::new(), 4));
    let (code, said) = shell(&app, &["keys", "status"]);
    assert!(code == Some(0) && said.contains("nothing under an older key: 2"), "{said}");
    // All of it is used after the old key is erased: the token, the client to renew it, and what was chosen.
    let asked = app.service.requests().len();
    assert_eq!(live(&app, &id).await.as_deref(), Ok(ACCESS));
    assert_eq!(app.service.requests().len(), asked);
    app.service.prepare(tokens("access-of-the-second", Some("refresh-of-the-second")));
    app.service.prepare(info("bots@example.com"));
    admin.get(&waiting.agreed()).await.expect(303);
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(tokens("access-2", Some(REFRESH)));
    assert_eq!(live(&app, &id).await.as_deref(), Ok("access-2"));
    app.prove_audit().await;
    let acts: Vec<String> = app.events(ACME).await.into_iter().map(|event| event.action).collect();
    for act in ["grant.resealed", "app.resealed", "consent.resealed"] {
        assert_eq!(acts.iter().filter(|told| *told == act).count(), 1, "{act}");
    }
}

#[tokio::test]
async fn t166_tokens_and_clients_that_were_changed_past_the_program_are_told() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let chain = app.workspace(ACME).await.to_string();
    let (keyring, named) = (app.means.keyring.clone(), chain.clone());
    let faults = move |conn: &mut Conn| audit_verify::consents(conn, &keyring, &named).expect("a comparison");
    let mut conn = app.database.connect();
    assert!(faults(&mut conn).is_empty());
    // Each change alone, undone again.
    let mut after = |sql: &str| {
        let mut found = Vec::new();
        let undone: Result<(), diesel::result::Error> = conn.transaction(|conn| {
            execute(conn, sql);
            found = faults(conn);
            Err(diesel::result::Error::RollbackTransaction)
        });
        assert!(undone.is_err());
        found
    };
    for (sql, what, why) in [
        ("UPDATE oauth_grants SET sealed = sealed_of_another", "credential", ""),
        ("UPDATE oauth_grants SET serial = 9", "credential", "not the ones"),
        ("DELETE FROM oauth_grants", "credential", "missing"),
        ("DELETE FROM oauth_apps", "client", "missing"),
        ("UPDATE oauth_apps SET config = '{}'", "client", "plain values"),
        ("UPDATE oauth_apps SET secret_names = '[]'", "client", "plain values"),
        ("UPDATE oauth_apps SET client = 'other'", "client", ""),
        ("UPDATE oauth_apps SET sealed = sealed_of_another", "client", ""),
    ] {
        let other = if crate::support::database::is_postgres() { "'\\x00ff'::bytea" } else { "x'00ff'" };
        let found = after(&sql.replace("sealed_of_another", other));
        assert!(!found.is_empty(), "{sql}");
        for fault in found {
            assert!(fault.why.contains(why), "{sql}: {fault}");
            match (&fault.what, what) {
                (Some(Subject::Credential(found)), "credential") => assert_eq!(*found, id),
                (Some(Subject::Client(found)), "client") => assert!(found.starts_with("google-sheets/"), "{found}"),
                _ => panic!("{sql}: {fault}"),
            }
        }
    }
    // What the program itself does is written down: renewed, sealed anew, deleted.
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(tokens("access-2", Some("refresh-2")));
    assert_eq!(live(&app, &id).await.as_deref(), Ok("access-2"));
    app.prove_audit().await;
    rotate(&app).await;
    app.prove_audit().await;
    let before: (i64, Vec<u8>) =
        oauth_grants::table.select((oauth_grants::serial, oauth_grants::sealed)).first(&mut conn).expect("tokens");
    app.means.clock.advance(TimeDelta::hours(2));
    app.service.prepare(tokens("access-3", Some("refresh-3")));
    assert_eq!(live(&app, &id).await.as_deref(), Ok("access-3"));
    // Put back as they were: an older token of the same credential opens, and is told all the same.
    diesel::update(oauth_grants::table)
        .set((oauth_grants::serial.eq(before.0), oauth_grants::sealed.eq(before.1)))
        .execute(&mut conn)
        .expect("put back");
    let (code, said) = shell(&app, &["audit", "verify"]);
    assert!(code == Some(1) && said.contains(&format!("credential {id}: its tokens are not the ones")), "{said}");
    app.service.prepare(crate::support::http_server::Answer::json(200, &serde_json::json!({})));
    admin.sign_in("admin@acme.example").await.expect(303);
    admin.post(&format!("/w/acme/credentials/{id}/deletion"), &[]).await.expect(303);
    app.prove_audit().await;
}

#[tokio::test]
async fn tokens_and_a_client_whose_key_is_lost_are_told_and_entered_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let waiting = start(&admin, &[SHEETS[0], SHEETS[1], ("name", "Second sheet")]).await;
    let workspace = app.workspace(ACME).await.to_string();
    let mut conn = app.database.connect();
    diesel::delete(workspace_keys::table.filter(workspace_keys::workspace_id.eq(&workspace)))
        .execute(&mut conn)
        .expect("gone");
    job::look(&app.db, &app.means).await.expect("the keys are looked at");
    assert_eq!(app.row(&id).await.status, Status::Unreadable);
    let label = format!("key 1 (root {})", app.means.keyring.label());
    assert_eq!(live(&app, &id).await, Err(label.clone()));
    let (code, said) = shell(&app, &["keys", "status"]);
    assert!(code == Some(1) && said.contains("MISSING OR DAMAGED; 4 cannot be opened"), "{said}");
    let page = admin.get(&format!("/w/acme/credentials/{id}")).await.expect(200);
    assert!(page.body.contains(&label) && page.texts("button.primary").contains(&"Connect again".to_owned()));
    // A consent on its way is over; the client says so, and is entered again.
    admin.get(&waiting.page).await.expect(409);
    admin.get(&waiting.agreed()).await.expect(409);
    let page = admin.get("/w/acme/apps/google-sheets").await.expect(200);
    assert!(told(&page) == "unreadable" && page.body.contains(&label), "{}", page.body);
    let blank = [("method", "oauth"), ("revision", "1"), ("f.client_id", "1234-abc.apps.googleusercontent.com")];
    let refused = admin.post("/w/acme/apps/google-sheets", &blank).await.expect(422);
    assert!(refused.body.contains("f.client_secret"), "the secret is asked for");
    let led = admin.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(303);
    assert!(led.location().contains("/apps/google-sheets"), "{}", led.location());
    enter_again(&app, &admin, &id).await;
    assert_eq!(app.row(&id).await.status, Status::Working);
    assert_eq!(live(&app, &id).await.as_deref(), Ok("access-again"), "the version is sealed anew with the tokens");
    assert_eq!(sealed_under(&mut conn)[..2], [vec![2], vec![2]]);
    app.prove_audit().await;
}

#[tokio::test]
async fn tokens_alone_under_a_lost_key_are_mended_by_connecting_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = connected(&app, &admin).await;
    let mut conn = app.database.connect();
    // The tokens and the client name a key that was never there.
    for table in ["oauth_grants", "oauth_apps"] {
        let cut = if crate::support::database::is_postgres() {
            "overlay(sealed placing '\\x00000009'::bytea from 4)"
        } else {
            "CAST(substr(sealed, 1, 3) || x'00000009' || substr(sealed, 8) AS BLOB)"
        };
        execute(&mut conn, &format!("UPDATE {table} SET key_version = 9, sealed = {cut}"));
    }
    job::look(&app.db, &app.means).await.expect("the keys are looked at");
    let row = app.row(&id).await;
    assert_eq!((row.status, row.code.as_str()), (Status::Unreadable, "key_lost"), "{}", row.hint);
    enter_again(&app, &admin, &id).await;
    assert_eq!(app.row(&id).await.status, Status::Working);
    assert_eq!(live(&app, &id).await.as_deref(), Ok("access-again"));
    assert_eq!(sealed_under(&mut conn)[1], [1]);
}

async fn enter_again(app: &TestApp, admin: &crate::support::person::Person, id: &str) {
    let form = [
        ("method", "oauth"),
        ("revision", "1"),
        ("f.client_id", "1234-abc.apps.googleusercontent.com"),
        ("f.client_secret", "entered again"),
    ];
    admin.post("/w/acme/apps/google-sheets", &form).await.expect(303);
    let flow = admin.post(&format!("/w/acme/credentials/{id}/connect"), &[]).await.expect(303);
    app.service.prepare(tokens("access-again", Some("refresh-again")));
    app.service.prepare(info("bots@example.com"));
    admin.get(&look(admin, flow.location()).await.agreed()).await.expect(303);
}

#[tokio::test]
async fn a_token_is_good_although_the_client_is_gone_and_renewing_says_what_is_missing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    enter_client(&admin).await;
    let waiting = start(&admin, &SHEETS).await;
    app.service.prepare(tokens(ACCESS, Some(REFRESH)));
    app.service.prepare(info("bots@example.com"));
    let reply = admin.get(&waiting.agreed()).await.expect(303);
    let id = reply.location().rsplit('/').next().expect("an id").to_owned();
    let gone = [("method", "oauth"), ("revision", "1"), ("remove", "1")];
    admin.post("/w/acme/apps/google-sheets", &gone).await.expect(303);
    assert_eq!(live(&app, &id).await.as_deref(), Ok(ACCESS));
    let asked = app.service.requests().len();
    // Due, and not over: it is handed out, and the status says that it will end.
    app.means.clock.advance(TimeDelta::minutes(56));
    assert_eq!(live(&app, &id).await.as_deref(), Ok(ACCESS));
    assert_eq!(app.row(&id).await.code, "no_app");
    app.means.clock.advance(TimeDelta::hours(2));
    assert_eq!(live(&app, &id).await, Err("no_app".to_owned()));
    assert_eq!(app.service.requests().len(), asked, "nothing was asked without a client");
    app.prove_audit().await;
}
