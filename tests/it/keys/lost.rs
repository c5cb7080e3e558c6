//! Key-mismatch mode: what a lost key sealed is listed as unreadable under that key's label and can be entered
//! again; everything else works.

use super::{execute, keys, sealed_under, secrets, shell};
use crate::support::app::{ACME, TestApp, UMBRELLA, bearer_form};
use crate::support::dump::lines;
use crate::support::http_server::Answer;
use crate::support::program::Home;
use credenza::db::schema::workspace_keys;
use credenza::jobs::keys as job;
use diesel::prelude::*;

async fn look(app: &TestApp) {
    job::look(&app.db, &app.means).await.expect("the keys are looked at");
}

/// Damages the wrapped key of acme, or takes it away; returns the row as it was.
fn lose(app: &TestApp, workspace: &str, is_taken: bool) -> Vec<u8> {
    let mut conn = app.database.connect();
    let row = workspace_keys::table.filter(workspace_keys::workspace_id.eq(workspace));
    let wrapped: Vec<u8> = row.select(workspace_keys::wrapped).first(&mut conn).expect("a key");
    if is_taken {
        diesel::delete(row).execute(&mut conn).expect("gone");
    } else {
        let mut bent = wrapped.clone();
        bent[40] ^= 1;
        diesel::update(row).set(workspace_keys::wrapped.eq(bent)).execute(&mut conn).expect("bent");
    }
    wrapped
}

async fn loses_a_key(is_taken: bool) {
    let app = TestApp::start().await;
    let (admin, foreign) = (app.admin().await, app.foreign_admin().await);
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    let token = app.bearer(&admin, "Service token", "token-of-the-service").await;
    let shop = app.website(&admin, "Shop", "a signing secret of a shop").await;
    let kept = app.website(&admin, "Kept", "a signing secret to keep").await;
    let form = crate::support::program::webhook("Theirs", "a signing secret of theirs");
    let theirs = foreign.post("/w/umbrella/credentials", &form).await.expect(303);
    let workspace = app.workspace(ACME).await.to_string();
    let wrapped = lose(&app, &workspace, is_taken);
    look(&app).await;
    // Listed under the key's label; the chip counts them, and the rest of the console goes on.
    let label = format!("key 1 (root {})", app.means.keyring.label());
    let list = admin.get("/w/acme/credentials").await.expect(200);
    for id in [&token, &shop, &kept] {
        assert_eq!(list.attributes(&format!("#row-{id} .st"), "data-status"), ["unreadable"]);
    }
    assert_eq!(list.body.matches(&format!("needs {label}")).count(), 3, "{}", list.body);
    let narrowed = admin.get("/w/acme/credentials?status=unreadable").await.expect(200);
    assert!(narrowed.body.contains(&token));
    let page = admin.get(&format!("/w/acme/credentials/{shop}")).await.expect(200);
    assert!(page.body.contains(&label) && page.body.contains("key_lost") && page.body.contains("Enter it again"));
    let member = app.member().await.get("/w/acme/credentials").await.expect(200);
    assert!(member.body.contains(&shop), "others see the list too");
    let calls = app.calls();
    admin.post(&format!("/w/acme/credentials/{token}/checks"), &[]).await.expect(303);
    assert_eq!(app.calls(), calls, "nothing was sent");
    let theirs = theirs.location().split('?').next().expect("a path").to_owned();
    foreign.post(&format!("{theirs}/rotation"), &[("f.signing_secret", "their second secret")]).await.expect(303);
    let list = foreign.get("/w/umbrella/credentials").await.expect(200);
    assert!(!list.body.contains("needs key"));
    let (code, said) = shell(&app, &["keys", "status"]);
    assert!(code == Some(1) && said.contains("key 1: MISSING OR DAMAGED; 3 cannot be opened"), "{said}");
    // Entered again, through the edit form and the form for a new secret, under a key that was made for it.
    let revision = app.row(&token).await.revision.to_string();
    let mut form = bearer_form("Service token", "").to_vec();
    form.push(("revision", &revision));
    let reply = admin.post(&format!("/w/acme/credentials/{token}"), &form).await.expect(422);
    assert_eq!(reply.attributes("[id$=-error]", "data-code"), ["secret_required"]);
    let mut form = bearer_form("Service token", "token-entered-again").to_vec();
    form.push(("revision", &revision));
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    admin.post(&format!("/w/acme/credentials/{token}"), &form).await.expect(303);
    assert_eq!(app.row(&token).await.status.as_str(), "working");
    let form = [("f.signing_secret", "a signing secret entered again")];
    admin.post(&format!("/w/acme/credentials/{shop}/rotation"), &form).await.expect(303);
    app.website(&admin, "New", "a signing secret of a new one").await;
    let mut conn = app.database.connect();
    assert_eq!(sealed_under(&mut conn), [(1, 2), (2, 3)].into(), "theirs and the one that is left under 1");
    let states: Vec<(i32, String)> = keys(&mut conn, ACME).into_iter().map(|(key, state, _)| (key, state)).collect();
    assert_eq!(states.last(), Some(&(2, "active".to_owned())));
    assert_eq!(keys(&mut conn, UMBRELLA).len(), 1);
    app.prove_audit().await;
    // The key comes back: what was not entered again is readable, and nobody knows whether it works.
    if is_taken {
        execute(&mut conn, &insert_key(&workspace, &wrapped));
    } else {
        let row = workspace_keys::table.filter(workspace_keys::workspace_id.eq(&workspace));
        let row = row.filter(workspace_keys::version.eq(1));
        diesel::update(row).set(workspace_keys::wrapped.eq(&wrapped)).execute(&mut conn).expect("back");
    }
    look(&app).await;
    assert_eq!(app.row(&kept).await.status.as_str(), "unverified");
    assert_eq!(secrets(&mut conn, &app.means)["Kept"], "a signing secret to keep");
    let counted =
        lines(&mut conn, "SELECT DISTINCT n || '' AS line FROM credential_counts WHERE status = 'unreadable'");
    assert_eq!(counted, ["0"]);
    let told: Vec<String> = app.events(ACME).await.into_iter().map(|event| event.action).collect();
    assert_eq!(told.iter().filter(|action| *action == "credential.readable").count(), 1);
    assert_eq!(shell(&app, &["keys", "rotate", "--workspace", ACME]).0, Some(0));
    assert_eq!(shell(&app, &["keys", "status"]).0, Some(0));
    app.prove_audit().await;
}

fn insert_key(workspace: &str, wrapped: &[u8]) -> String {
    let hex: String = wrapped.iter().map(|byte| format!("{byte:02x}")).collect();
    let blob = if crate::support::database::is_postgres() { format!("'\\x{hex}'::bytea") } else { format!("x'{hex}'") };
    format!(
        "INSERT INTO workspace_keys (workspace_id, version, wrapped, state, created_at) \
         VALUES ('{workspace}', 1, {blob}, 'retained', '2026-11-21 09:30:00.000000')"
    )
}

#[tokio::test]
async fn a_damaged_key_costs_what_it_sealed_and_nothing_else() {
    loses_a_key(false).await;
}

#[tokio::test]
async fn a_missing_key_costs_what_it_sealed_and_nothing_else() {
    loses_a_key(true).await;
}

#[tokio::test]
async fn a_value_that_was_changed_itself_stays_marked_when_keys_are_looked_at() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "a signing secret of a shop").await;
    let mut conn = app.database.connect();
    let bent = if crate::support::database::is_postgres() { "'\\x00'::bytea" } else { "x'00'" };
    execute(&mut conn, &format!("UPDATE credential_versions SET sealed = {bent}"));
    admin.post(&format!("/w/acme/credentials/{shop}/checks"), &[]).await.expect(303);
    look(&app).await;
    let row = app.row(&shop).await;
    assert_eq!((row.status.as_str(), row.code.as_str()), ("unreadable", "unreadable"));
    assert!(row.hint.contains("was changed in the database"), "{}", row.hint);
}

#[tokio::test]
async fn a_start_is_refused_for_the_root_key_alone() {
    let home = Home::set_up_on_any();
    super::Inside::of(&home).fill("kept", 2).await;
    let mut conn = home.connect();
    let workspace = lines(&mut conn, "SELECT id AS line FROM workspaces").remove(0);
    // A lost workspace key does not stop it, and the running program marks what needs the key by itself.
    execute(&mut conn, "DELETE FROM workspace_keys");
    let serving = home.serve();
    let marked = "SELECT DISTINCT status AS line FROM credentials";
    for _ in 0..100 {
        if lines(&mut conn, marked) == ["unreadable"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(lines(&mut conn, marked), ["unreadable"]);
    drop(serving);
    let (code, said) = home.said(&["audit", "verify"]);
    assert!(code == Some(0) && said.contains(&workspace), "{said}");
    // A damaged instance root does: without it nothing opens.
    execute(&mut conn, "UPDATE instance_roots SET check_value = '00'");
    for args in [&[][..], &["workspace", "list"], &["keys", "status"]] {
        let (code, said) = home.said(args);
        assert!(code == Some(3) && said.contains("damaged") && !said.contains("Credenza is at"), "{said}");
    }
}
