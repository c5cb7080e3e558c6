//! Every row of every table as text, to see whether anything changed.

use super::app::TestApp;
use credenza::db::AnyConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// The rows of each table, sorted.
pub type Dump = BTreeMap<String, Vec<String>>;

/// Every row of every table but the migrations'.
pub fn dump(conn: &mut AnyConnection) -> Dump {
    let tables = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        AnyConnection::Postgres(_) => "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'",
    };
    let tables = lines(conn, tables);
    let tables = tables.into_iter().filter(|table| !table.starts_with("__"));
    tables.map(|table| (table.clone(), rows(conn, &table))).collect()
}

fn rows(conn: &mut AnyConnection, table: &str) -> Vec<String> {
    let whole = match conn {
        AnyConnection::Postgres(_) => format!("{table}::text"),
        AnyConnection::Sqlite(_) => {
            let columns = lines(conn, &format!("SELECT name AS line FROM pragma_table_info('{table}')"));
            columns.iter().map(|name| format!("quote({name})")).collect::<Vec<_>>().join(" || '|' || ")
        }
    };
    let mut found = lines(conn, &format!("SELECT {whole} AS line FROM {table}"));
    found.sort_unstable();
    found
}

/// The texts of the column `line` of a query.
#[expect(clippy::disallowed_methods, reason = "no typed query reads a table whose columns are not known")]
pub fn lines(conn: &mut AnyConnection, sql: &str) -> Vec<String> {
    let found: Vec<Line> = diesel::sql_query(sql).load(conn).expect(sql);
    found.into_iter().map(|line| line.line).collect()
}

impl TestApp {
    /// Every row but those that any request may add to or change: the audit's, the sessions', the limiter's, and what
    /// a sign-in with another browser leaves.
    pub fn kept(&self) -> Dump {
        let mut dump = dump(&mut self.database.connect());
        let moves = ["sessions", "sign_in_attempts", "devices"];
        dump.retain(|table, _| !table.starts_with("audit_") && !moves.contains(&table.as_str()));
        if let Some(mails) = dump.get_mut("outbox") {
            mails.retain(|row| !row.contains("new_device"));
        }
        dump
    }

    /// Fails, and says where, unless [`TestApp::kept`] is still the same.
    #[track_caller]
    pub fn assert_kept(&self, before: &Dump) {
        let after = self.kept();
        for (table, rows) in before {
            assert_eq!(rows, &after[table], "{table} changed");
        }
    }
}
