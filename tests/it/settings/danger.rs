//! Deleting a workspace, and handing it over.

use super::{PAGE, actions};
use crate::support::app::{ACME, TestApp, UMBRELLA, email};
use crate::support::database::is_postgres;
use crate::support::dump::lines;
use crate::support::person::PASSWORD;
use chrono::TimeDelta;
use credenza::db::Conn;
use credenza::jobs::deletion::sweep;
use credenza::jobs::keep_house;
use credenza::jobs::proof::prove;
use credenza::model::bot_token::Scope;
use credenza::model::permission::Actor;
use credenza::model::workspace::Workspace;

const DELETION: &str = "/w/acme/settings/deletion";
const TRANSFER: &str = "/w/acme/settings/transfer";

/// How many rows each table has of a workspace.
fn rows_of(conn: &mut Conn, workspace: &str) -> Vec<(String, i64)> {
    let tables = if is_postgres() {
        "SELECT table_name::text AS line FROM information_schema.columns \
         WHERE table_schema = 'public' AND column_name = 'workspace_id' ORDER BY 1"
    } else {
        "SELECT t.name AS line FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND c.name = 'workspace_id' ORDER BY 1"
    };
    let tables = lines(conn, tables);
    assert!(tables.len() > 15, "{tables:?}");
    let of = |table: String| {
        let count = format!("SELECT CAST(count(*) AS TEXT) AS line FROM {table} WHERE workspace_id = '{workspace}'");
        (table, lines(conn, &count)[0].parse().expect("a number"))
    };
    tables.into_iter().map(of).collect()
}

#[tokio::test]
async fn t042_a_deleted_workspace_leaves_nothing_but_its_audit() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let (bot, umbrella) = (app.bot("Orders").await, app.workspace(UMBRELLA).await.to_string());
    app.block(&bot, "Take orders", "website", Some(&shop)).await;
    admin.post(&format!("/w/acme/bots/{bot}/publication"), &[("published", "1")]).await.expect(303);
    let token = app.token(&bot, &[Scope::Use, Scope::Fetch], None).await;
    admin.post("/w/acme/invitations", &[("email", "nina@acme.example"), ("role", "member")]).await.expect(303);
    admin
        .post(
            "/w/acme/apps/google-sheets",
            &[("method", "oauth"), ("f.client_id", "1-a.apps.googleusercontent.com"), ("f.client_secret", "a secret")],
        )
        .await
        .expect(303);
    let machine = app.machine(&token.text);
    machine.get("/api/v1/blocks").await.expect(200);
    let (acme, foreign) = (app.workspace(ACME).await.to_string(), app.foreign_admin().await);
    let mut conn = app.database.connect();
    let untouched = rows_of(&mut conn, &umbrella);
    assert!(rows_of(&mut conn, &acme).iter().filter(|(_, rows)| *rows > 0).count() > 8);
    // What ends is said by name; the name is asked for, and the password once the sign-in is old.
    assert!(admin.get(PAGE).await.expect(200).body.contains(DELETION));
    let asked = admin.get(DELETION).await.expect(200);
    assert_eq!(asked.texts(".note.bad li"), ["Orders"]);
    let losses = asked.texts("#losses dd");
    assert!(losses[0].starts_with("1,") && losses[1].starts_with("1,"), "{losses:?}");
    admin.post(DELETION, &[]).await.expect(422);
    admin.post(DELETION, &[("confirm_name", "acme-store")]).await.expect(422);
    app.means.clock.advance(TimeDelta::minutes(11));
    let name = asked.texts("h1")[0].trim_start_matches("Delete “").trim_end_matches("”?").to_owned();
    let refused = admin.post(DELETION, &[("confirm_name", &name)]).await.expect(422);
    assert_eq!(refused.attributes("[aria-invalid]", "name"), ["current_password"]);
    app.member().await.post(DELETION, &[("confirm_name", &name)]).await.expect(403);
    foreign.post(DELETION, &[("confirm_name", &name)]).await.expect(404);
    let member = app.member().await;
    let form = [("confirm_name", name.as_str()), ("current_password", PASSWORD)];
    assert_eq!(admin.post(DELETION, &form).await.expect(303).location(), "/");
    // Everybody and every token is out at once, and nothing is left of it.
    for person in [&admin, &member] {
        person.get("/w/acme/credentials").await.expect(404);
    }
    admin.post(DELETION, &form).await.expect(404);
    machine.get("/api/v1/blocks").await.expect(401);
    let left: Vec<(String, i64)> = rows_of(&mut conn, &acme).into_iter().filter(|(_, rows)| *rows > 0).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(rows_of(&mut conn, &umbrella), untouched);
    foreign.get("/w/umbrella/credentials").await.expect(200);
    assert!(app.read(|conn| Workspace::find(conn, ACME)).await.is_none());
    // The audit stays, is proved, and can be exported by its id.
    keep_house(&app).await.expect("a round");
    prove(&app).await.expect("a round");
    app.prove_audit().await;
    let told =
        lines(&mut conn, &format!("SELECT action AS line FROM audit_events WHERE chain = '{acme}' ORDER BY seq"));
    assert_eq!(told.last().map(String::as_str), Some("workspace.deleted"));
    let of_instance = lines(&mut conn, "SELECT action AS line FROM audit_events WHERE chain = 'instance'");
    assert!(of_instance.iter().any(|action| action == "workspace.deleted"));
    // Its address is free again, and the new workspace is another one.
    let means = app.means.clone();
    let made = app.write(move |tx| Workspace::create(tx, &means, "Acme", &Actor::operator())).await;
    assert!(made.slug == ACME && made.id.as_str() != acme);
    admin.get("/w/acme/credentials").await.expect(404);
}

#[tokio::test]
async fn rows_of_a_deleted_workspace_that_are_left_go_in_the_next_rounds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for n in 0..3 {
        app.website(&admin, &format!("Shop {n}"), "a signing secret of a shop").await;
    }
    let (workspace, means) = (app.workspace(ACME).await, app.means.clone());
    let (id, name) = (workspace.clone(), app.read(|conn| Workspace::find(conn, ACME)).await.expect("acme").name);
    app.write(move |tx| {
        let allowed = credenza::model::permission::Allowed::operator(id.clone());
        credenza::model::workspace_deletion::delete(tx, &means, &allowed, &name)
    })
    .await;
    // The server stopped here: what is left does no harm, and is found by the next one.
    admin.get("/w/acme/credentials").await.expect(404);
    app.prove_audit().await;
    keep_house(&app).await.expect("a round");
    let mut conn = app.database.connect();
    assert!(rows_of(&mut conn, workspace.as_str()).iter().all(|(_, rows)| *rows == 0));
    assert_eq!(sweep(&app).await.expect("a round"), 0);
    app.prove_audit().await;
}

#[tokio::test]
async fn a_workspace_is_handed_over_in_one_step() {
    let app = TestApp::start().await;
    let (admin, member) = (app.admin().await, app.member().await);
    let user = app.user(&email("member", ACME)).await.to_string();
    let page = admin.get(TRANSFER).await.expect(200);
    assert!(page.attributes("#member option", "value").contains(&user), "{}", page.body);
    for bad in ["", "x", &app.user(&email("admin", ACME)).await.to_string()] {
        let refused = admin.post(TRANSFER, &[("member", bad)]).await.expect(422);
        assert_eq!(refused.texts("[data-code=member]").len(), 1, "{bad}");
    }
    let stranger = app.user(&email("member", UMBRELLA)).await.to_string();
    admin.post(TRANSFER, &[("member", &stranger)]).await.expect(404);
    member.get(TRANSFER).await.expect(403);
    app.means.clock.advance(TimeDelta::minutes(11));
    admin.post(TRANSFER, &[("member", &user)]).await.expect(422);
    let first = app.events(ACME).await.len();
    let form = [("member", user.as_str()), ("current_password", PASSWORD)];
    admin.post(TRANSFER, &form).await.expect(303);
    let events = app.events(ACME).await.split_off(first);
    assert!(actions(&events).ends_with(&["member.role_changed", "member.role_changed"]), "{:?}", actions(&events));
    admin.get(PAGE).await.expect(403);
    member.get(PAGE).await.expect(200);
    member.get("/w/acme/departure").await.expect(200);
}

#[tokio::test]
async fn settings_say_how_mails_leave_and_what_did_not_go() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let page = admin.get(PAGE).await.expect(200);
    assert!(page.texts("#mail p")[0].starts_with("No mail server is configured"), "{}", page.body);
    assert_eq!(page.texts("#mail dd"), ["0", "0", "0"]);
    admin.post("/w/acme/mail", &[]).await.expect(303);
    let mut conn = app.database.connect();
    use diesel::connection::SimpleConnection;
    conn.batch_execute("UPDATE outbox SET state = 'failed', problem = 'The mailbox is full.'").expect("a change");
    let told = admin.get(PAGE).await.expect(200).texts("#mail dd");
    assert!(told[2].starts_with('1'), "{told:?}");
}
