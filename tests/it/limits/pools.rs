//! T136: every connection to the database is taken, or the one writer waits.

use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use credenza::db::AnyConnection;
use diesel::connection::SimpleConnection;
use std::time::{Duration, Instant};

/// Five seconds, and what a busy machine adds to them.
const WITHIN: Duration = Duration::from_millis(6500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t136_without_a_free_connection_pages_are_503_in_five_seconds_and_come_back() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let connections = if is_postgres() { 10 } else { 4 };
    let taken: Vec<_> = (0..connections)
        .map(|_| {
            let db = app.db.clone();
            tokio::spawn(async move {
                let asleep = |_: &mut AnyConnection| {
                    std::thread::sleep(Duration::from_millis(6500));
                    Ok(())
                };
                db.read(asleep).await
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = (0..20).map(|_| async {
        let began = Instant::now();
        let reply = admin.get("/w/acme/credentials").await;
        (reply, began.elapsed())
    });
    for (reply, took) in futures_util::future::join_all(asked).await {
        let reply = reply.expect(503);
        assert!(took < WITHIN, "{took:?}");
        assert_eq!((reply.header("retry-after"), reply.header("set-cookie")), (Some("5"), None));
    }
    for one in taken {
        one.await.expect("a task").expect("a unit");
    }
    admin.get("/w/acme/credentials").await.expect(200);
    app.website(&admin, "Afterwards", "a signing secret afterwards").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t136_many_writers_behind_one_that_waits_are_all_answered_in_five_seconds() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Waiting", "the signing secret of patience").await;
    let mut conn = app.database.connect();
    let (begin, long) = match &conn {
        AnyConnection::Sqlite(_) => ("BEGIN IMMEDIATE", Duration::from_secs(8)),
        // Its locks are waited for: the writers come through when it is let go, and who finds no connection is told.
        AnyConnection::Postgres(_) => {
            ("BEGIN; LOCK TABLE audit_heads IN ACCESS EXCLUSIVE MODE", Duration::from_secs(7))
        }
    };
    conn.batch_execute(begin).expect("the lock");
    let held = std::thread::spawn(move || {
        std::thread::sleep(long);
        conn.batch_execute("ROLLBACK").expect("an end");
    });
    let writers: Vec<_> = (0..40)
        .map(|n: u64| {
            let (admin, path) = (admin.clone(), format!("/w/acme/credentials/{id}/name"));
            tokio::spawn(async move {
                // They come one after the other, for as long as the lock is held at first.
                tokio::time::sleep(Duration::from_millis(50 * n)).await;
                let (began, name) = (Instant::now(), format!("Named {n}"));
                let reply = admin.post(&path, &[("name", &name)]).await;
                (reply, began.elapsed())
            })
        })
        .collect();
    let mut refused = 0;
    for writer in writers {
        let (reply, took) = writer.await.expect("a writer");
        if reply.status == 503 {
            refused += 1;
            assert!(took < WITHIN, "{took:?}");
            assert_eq!(reply.header("retry-after"), Some("5"));
        } else {
            reply.expect(303);
        }
    }
    assert!(refused > 20, "{refused} were told");
    held.join().expect("a thread");
    admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Later")]).await.expect(303);
    app.prove_audit().await;
}
