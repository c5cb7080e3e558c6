//! How SQLite means to answer the queries of the list: along an index, and in its order. It plans by the statistics of
//! the migrations and takes an index without any for a very choosy one.

#![cfg(test)]

use crate::schema::texts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use credenza::db::AnyConnection;
use credenza::id::Id;
use credenza::model::credential::Environment;
use credenza::model::credential_list::{self, Cursor, Query, Sort};
use credenza::model::status::Status;
use credenza::model::workspace::Workspace;
use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::sync::{Arc, Mutex};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

fn made() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").expect("a database");
    texts("sqlite", "up.sql").iter().for_each(|sql| conn.batch_execute(sql).expect("up"));
    // Statistics are read when a schema is loaded.
    conn.batch_execute("ANALYZE sqlite_schema").expect("the statistics");
    conn
}

#[expect(clippy::disallowed_methods, reason = "a plan has no typed form")]
fn details(conn: &mut SqliteConnection, query: &str) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(query).load(conn).expect("an answer");
    lines.into_iter().map(|line| line.detail).collect()
}

#[test]
fn every_index_beside_others_with_statistics_has_its_own() {
    let lacking = details(
        &mut made(),
        "SELECT i.tbl_name || '.' || i.name AS detail FROM sqlite_schema i WHERE i.type = 'index' AND i.sql IS NOT NULL \
         AND EXISTS (SELECT 1 FROM sqlite_stat1 s WHERE s.tbl = i.tbl_name) \
         AND NOT EXISTS (SELECT 1 FROM sqlite_stat1 s WHERE s.tbl = i.tbl_name AND s.idx = i.name)",
    );
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn the_list_goes_along_an_index_in_every_order_and_under_every_filter() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let recorder = asked.clone();
    let mut inner = made();
    inner.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            recorder.lock().expect("queries").push(query.to_string());
        }
    });
    let mut conn = AnyConnection::Sqlite(inner);
    let workspace = Id::<Workspace>::new();
    let newest = Query {
        search: String::new(),
        integration: None,
        status: None,
        environment: None,
        sort: Sort::Newest,
        after: None,
        limit: 50,
        sees_private: true,
    };
    let orders =
        [(Sort::Newest, ""), (Sort::Name, "mail"), (Sort::Status, "working"), (Sort::LastUsed, "1790000000000000")];
    for (sort, key) in orders {
        let cursor = serde_json::json!({ "key": key, "id": workspace.as_str() }).to_string();
        let cursor = Cursor::parse(&URL_SAFE_NO_PAD.encode(cursor)).expect("a cursor");
        for after in [None, Some(cursor)] {
            let query = Query { sort, after, ..newest.clone() };
            credential_list::page(&mut conn, &workspace, &query).expect("a page");
        }
    }
    for filtered in [
        Query { integration: Some("smtp".to_owned()), ..newest.clone() },
        Query { status: Some(Status::Broken), ..newest.clone() },
        Query { environment: Some(Environment::Test), ..newest.clone() },
        Query { search: "mail".to_owned(), ..newest },
    ] {
        credential_list::page(&mut conn, &workspace, &filtered).expect("a page");
    }
    let cursor = serde_json::json!({ "key": "1790000000000000", "id": workspace.as_str() }).to_string();
    let cursor = Cursor::parse(&URL_SAFE_NO_PAD.encode(cursor)).expect("a cursor");
    for after in [None, Some(&cursor)] {
        credential_list::deleted(&mut conn, &workspace, after, 50).expect("the deleted ones");
    }
    credential_list::has_deleted(&mut conn, &workspace).expect("an answer");
    credential_list::recent_integrations(&mut conn, &workspace).expect("services");

    let asked = asked.lock().expect("queries").clone();
    assert!(asked.len() >= 15, "{asked:?}");
    let mut planner = made();
    for query in &asked {
        let query = query.split(" -- binds").next().expect("a query");
        let plan = details(&mut planner, &format!("EXPLAIN QUERY PLAN {query}"));
        let walks = |step: &String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
        assert!(!plan.is_empty() && !plan.iter().any(walks), "{query}\n{plan:?}");
    }
}
