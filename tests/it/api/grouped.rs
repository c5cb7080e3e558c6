//! Uses that come at the same time are committed together: each has its line, and none pays for another.

use super::Scene;
use crate::support::app::{ACME, TestApp};
use credenza::db::Tx;
use credenza::db::schema::audit_heads as heads;
use credenza::error::Error;
use credenza::model::audit::Outcome;
use credenza::model::user::User;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Bots at once, and what each asks for.
const BOTS: usize = 32;
const TURNS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bots_at_once_get_their_values_and_leave_a_line_each() {
    let scene = Scene::start().await;
    let before = scene.app.events(ACME).await.len();
    let mut bots = JoinSet::new();
    for _ in 0..BOTS {
        let (machine, path) = (scene.machine(), scene.at("secret"));
        bots.spawn(async move {
            for _ in 0..TURNS {
                let got = machine.get(&path).await.expect(200);
                assert_eq!(got.json()["values"]["token"], super::TOKEN);
            }
        });
    }
    while let Some(done) = bots.join_next().await {
        done.expect("a bot");
    }
    let events = scene.app.events(ACME).await.split_off(before);
    let fetched = events.iter().filter(|e| e.action == "credential.fetched" && e.outcome == Outcome::Allow).count();
    assert_eq!((fetched, events.len()), (BOTS * TURNS, BOTS * TURNS));
    scene.app.prove_audit().await;
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The transaction that a unit runs in; nothing on SQLite, whose writer has tests of its own.
#[expect(clippy::disallowed_methods, reason = "the number of a transaction has no typed form")]
fn transaction(tx: &mut Tx<'_>) -> credenza::error::Result<String> {
    if !credenza::db::dialect::needs_row_locks(tx.conn()) {
        return Ok(String::new());
    }
    let query = diesel::sql_query("SELECT CAST(pg_current_xact_id() AS TEXT) AS line");
    Ok(query.get_result::<Line>(tx.conn())?.line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_is_refused_undoes_itself_alone_and_a_group_is_one_transaction() {
    let app = TestApp::start().await;
    let now = app.means.now();
    let mut units = JoinSet::new();
    for n in 0..60 {
        let db = app.db.clone();
        units.spawn(async move {
            let unit = move |tx: &mut Tx<'_>| {
                let done = transaction(tx)?;
                User::create(tx, &format!("unit{n}@acme.example"), "", now)?;
                match n % 3 {
                    0 => Err(Error::Conflict("not this one".into())),
                    1 => {
                        // A constraint that is violated would end PostgreSQL's whole transaction.
                        let again = (heads::chain.eq("instance"), heads::seq.eq(0), heads::hash.eq(vec![0_u8]));
                        diesel::insert_into(heads::table).values(again).execute(tx.conn())?;
                        Ok(done)
                    }
                    _ => Ok(done),
                }
            };
            (n, db.write_in_group("a key", unit).await)
        });
    }
    let mut transactions = BTreeSet::new();
    while let Some(done) = units.join_next().await {
        let (n, done) = done.expect("a unit");
        match (n % 3, done) {
            (0, Err(Error::Conflict(_))) | (1, Err(Error::Database(_))) => {}
            (2, Ok(transaction)) => {
                transactions.insert(transaction);
            }
            (_, done) => panic!("unit {n}: {done:?}"),
        }
    }
    assert!(transactions.len() < 20, "{} transactions for 20 units", transactions.len());
    for n in 0..60 {
        let found = app.read(move |conn| User::for_sign_in(conn, &format!("unit{n}@acme.example"))).await;
        assert_eq!(found.is_some(), n % 3 == 2, "unit {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_keeps_nobody_waiting() {
    let app = TestApp::start().await;
    let slow = |tx: &mut Tx<'_>| {
        std::thread::sleep(std::time::Duration::from_millis(400));
        transaction(tx)
    };
    let db = app.db.clone();
    let first = tokio::spawn(async move { db.write_in_group("a key", slow).await });
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let db = app.db.clone();
    let second = tokio::spawn(async move { db.write_in_group("a key", slow).await });
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    second.await.expect("a task").expect("a commit");
    app.db.write_in_group("a key", slow).await.expect("and the next group has a leader");
}
