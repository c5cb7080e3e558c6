//! The audit chain: whoever has the database alone cannot change it unseen, and no act goes without its line.
#![cfg(test)]

mod export;
mod lines;
mod many;
mod page;
mod prune;
mod stored;
mod tamper;
mod uses;

use crate::support::app::{ACME, ROOT_KEY, TestApp};
use crate::support::person::Person;
use credenza::db::{AnyConnection, Conn};
use credenza::model::audit_verify::{self, Verdict};
use diesel::Connection;
use diesel::prelude::RunQueryDsl;
use diesel::result::Error as Diesel;
use std::process::{Command, Stdio};

/// A console with some history; the chain of [`ACME`] and the ids of two credentials.
struct Scene {
    app: TestApp,
    admin: Person,
    chain: String,
    shop: String,
}

impl Scene {
    /// The shop's credential is made, renamed and edited; another is made, deleted and restored.
    async fn play() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let list = "/w/acme/credentials";
        let shop = app.website(&admin, "Shop", "the first signing secret").await;
        let form = app.website(&admin, "Form", "a secret of the other one").await;
        let act = async |path: String, fields: &[(&str, &str)]| admin.post(&path, fields).await.expect(303);
        act(format!("{list}/{shop}/name"), &[("name", "Shop events")]).await;
        act(format!("{list}/{shop}/rotation"), &[("f.signing_secret", "the second signing secret")]).await;
        act(format!("{list}/{form}/deletion"), &[]).await;
        act(format!("{list}/{form}/restoration"), &[]).await;
        let chain = app.workspace(ACME).await.to_string();
        Self { app, admin, chain, shop }
    }

    /// What verifying says after `sql`, which is undone.
    fn after(&self, sql: &str) -> Option<Verdict> {
        self.after_all(|conn| execute(conn, sql))
    }

    /// The same for a longer act; `None` if the database itself refuses it.
    fn after_all(&self, act: impl FnOnce(&mut Conn) -> bool) -> Option<Verdict> {
        let mut conn = self.app.database.connect();
        let mut verdict = None;
        let undone = conn.transaction::<(), Diesel, _>(|conn| {
            if act(conn) {
                verdict = Some(self.verdict(conn));
            }
            Err(Diesel::RollbackTransaction)
        });
        assert_eq!(undone, Err(Diesel::RollbackTransaction));
        verdict
    }

    fn verdict(&self, conn: &mut Conn) -> Verdict {
        audit_verify::chain(conn, &self.app.means.keyring, &self.chain).expect("a verdict")
    }

    /// `credenza audit verify` on this database: the exit code and what it printed.
    fn command(&self) -> (Option<i32>, String) {
        self.run(&["audit", "verify"])
    }

    /// A command on this database: the exit code and what it printed.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let done = Command::new(env!("CARGO_BIN_EXE_credenza"))
            .args(args)
            .env_clear()
            .env("CREDENZA_DATA_DIR", self.app.dir.path())
            .env("DATABASE_URL", &self.app.database.url)
            .env("CREDENZA_ROOT_KEY", ROOT_KEY)
            .stdin(Stdio::null())
            .output()
            .expect("the program");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// Runs SQL past the program; `false` if the database refuses it.
fn execute(conn: &mut Conn, sql: &str) -> bool {
    use diesel::connection::SimpleConnection;
    conn.batch_execute(sql).is_ok()
}

/// The first bad number.
fn broken_at(verdict: Option<Verdict>) -> i64 {
    match verdict {
        Some(Verdict::Broken(faults)) => faults[0].seq,
        other => panic!("{other:?}"),
    }
}

/// How the database goes about a query, in its own words.
fn plan(conn: &mut AnyConnection, query: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Sqlite {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    #[derive(diesel::QueryableByName)]
    struct Postgres {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
        line: String,
    }
    #[expect(clippy::disallowed_methods, reason = "a plan has no typed form")]
    let lines: Vec<String> = match conn {
        AnyConnection::Sqlite(conn) => {
            let rows: Vec<Sqlite> =
                diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(conn).expect("a plan");
            rows.into_iter().map(|row| row.detail).collect()
        }
        AnyConnection::Postgres(conn) => {
            let rows: Vec<Postgres> = diesel::sql_query(format!("EXPLAIN {query}")).load(conn).expect("a plan");
            rows.into_iter().map(|row| row.line).collect()
        }
    };
    lines.join("\n")
}
