//! Many writers, and a database that asks to try again.

use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::dump::lines;
use credenza::db::AnyConnection;
use diesel::connection::SimpleConnection;
use std::time::{Duration, Instant};

fn renames(app: &TestApp, id: &str) -> i64 {
    use credenza::db::schema::audit_events as events;
    use diesel::prelude::*;
    let all = events::table.filter(events::target_id.eq(id).and(events::action.eq("credential.renamed")));
    all.count().get_result(&mut app.database.connect()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t144_fifty_writers_at_once_are_all_served() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Busy", "the signing secret of many").await;
    let writers: Vec<_> = (0..50)
        .map(|writer| {
            let (admin, path) = (admin.clone(), format!("/w/acme/credentials/{id}/name"));
            tokio::spawn(async move {
                let began = Instant::now();
                let name = format!("Busy {writer}");
                (admin.post(&path, &[("name", &name)]).await.status, began.elapsed())
            })
        })
        .collect();
    for writer in writers {
        let (status, took) = writer.await.expect("a writer");
        assert!(status == 303 && took < Duration::from_secs(5), "{status} after {took:?}");
    }
    assert_eq!(renames(&app, &id), 50);
}

/// Holds what a writer needs, as another process does, for a while.
/// On PostgreSQL it stands in the way of writers as another writer would, and not of readers.
fn occupied(app: &TestApp, long: Duration) -> std::thread::JoinHandle<()> {
    let mut conn = app.database.connect();
    let begin = match &conn {
        AnyConnection::Sqlite(_) => "BEGIN IMMEDIATE",
        AnyConnection::Postgres(_) => "BEGIN; LOCK TABLE audit_heads IN EXCLUSIVE MODE",
    };
    conn.batch_execute(begin).expect("the lock");
    std::thread::spawn(move || {
        std::thread::sleep(long);
        conn.batch_execute("ROLLBACK").expect("an end");
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t144_a_short_wait_for_another_process_is_not_felt() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Waiting", "the signing secret of patience").await;
    let held = occupied(&app, Duration::from_secs(2));
    admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Waited")]).await.expect(303);
    held.join().expect("a thread");
    assert_eq!(renames(&app, &id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t144_a_long_wait_is_503_and_leaves_nothing_behind() {
    if is_postgres() {
        // Its locks are waited for without an end, and the readers go on meanwhile.
        return t144_readers_go_on_while_a_writer_waits().await;
    }
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Waiting", "the signing secret of patience").await;
    let held = occupied(&app, Duration::from_millis(7500));
    let refused = admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Never")]).await.expect(503);
    assert_eq!(refused.header("retry-after"), Some("5"));
    held.join().expect("a thread");
    assert_eq!(renames(&app, &id), 0);
    admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Later")]).await.expect(303);
    assert_eq!(renames(&app, &id), 1);
}

async fn t144_readers_go_on_while_a_writer_waits() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Waiting", "the signing secret of patience").await;
    let held = occupied(&app, Duration::from_secs(4));
    let (writer, path) = (admin.clone(), format!("/w/acme/credentials/{id}/name"));
    let waiting = tokio::spawn(async move { writer.post(&path, &[("name", "Waited")]).await.status });
    admin.get("/w/acme/credentials").await.expect(200);
    assert!(!held.is_finished() && !waiting.is_finished(), "the reader waited for the writer");
    assert_eq!(waiting.await.expect("a writer"), 303);
    held.join().expect("a thread");
    assert_eq!(renames(&app, &id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t145_a_unit_that_is_run_again_writes_its_line_once() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Again", "the signing secret of patience").await;
    if !is_postgres() {
        // SQLite never asks to run a unit again; two handles on the file come nearest.
        let held = occupied(&app, Duration::from_millis(600));
        admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Once")]).await.expect(303);
        held.join().expect("a thread");
        assert_eq!(renames(&app, &id), 1);
        return;
    }
    let mut conn = app.database.connect();
    conn.batch_execute("CREATE SEQUENCE tries").expect("a sequence");
    for (code, fails, status) in
        [("40001", 1, 303), ("40001", 3, 303), ("40P01", 2, 303), ("40001", 4, 503), ("40P01", 4, 503)]
    {
        // The line was written already when the unit is told to start over; a sequence does not roll back.
        let message = if code == "40P01" { "deadlock detected" } else { "could not serialize access" };
        conn.batch_execute(&format!(
            "ALTER SEQUENCE tries RESTART; \
             CREATE OR REPLACE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF nextval('tries') <= {fails} THEN RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'; END IF; \
               RETURN NULL; END $$; \
             DROP TRIGGER IF EXISTS collide ON audit_events; \
             CREATE TRIGGER collide AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION collide()"
        ))
        .expect("a trigger");
        let (before, name) = (renames(&app, &id), format!("{code} {fails}"));
        admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", &name)]).await.expect(status);
        let tried = lines(&mut conn, "SELECT last_value::text AS line FROM tries");
        assert_eq!(tried, [(fails + 1).min(4).to_string()], "{code}");
        assert_eq!(renames(&app, &id) - before, i64::from(status == 303), "{code} {fails}");
    }
}
