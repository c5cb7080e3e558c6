//! The two migration folders, the schema in the code and the databases themselves agree.

#![cfg(test)]

use crate::layers::folder;
use crate::support::database::{Database, is_postgres};
use crate::support::dump::lines;
use credenza::db::{AnyConnection, Db};
use credenza::model::audit::Outcome;
use credenza::model::check_record::Cause;
use credenza::model::credential::{Badge, Environment};
use credenza::model::oauth_flow::{FlowKind, Stage};
use credenza::model::outbox::MailState;
use credenza::model::permission::Role;
use credenza::model::root_key::RootState;
use credenza::model::status::Status;
use credenza::model::user::Theme;
use credenza::model::version::VersionState;
use credenza::model::workspace_key::KeyState;
use diesel::connection::SimpleConnection;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn names(folder_name: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(folder_name)).expect("a folder").map(|e| e.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub fn texts(dialect: &str, file: &str) -> Vec<String> {
    let root = format!("migrations/{dialect}");
    names(&root)
        .into_iter()
        .map(|name| fs::read_to_string(folder(&format!("{root}/{name}/{file}"))).expect("a migration"))
        .collect()
}

fn dialect() -> &'static str {
    if is_postgres() { "postgres" } else { "sqlite" }
}

/// Everything that the migrations made, in words.
fn made(conn: &mut AnyConnection) -> Vec<String> {
    let query = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT type || ' ' || name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema \
             WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_\\_%' ESCAPE '\\'"
        }
        AnyConnection::Postgres(_) => {
            "SELECT line FROM ( \
             SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || \
             coalesce(column_default, '') AS line FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' \
             UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) \
             FROM pg_constraint WHERE connamespace = 'public'::regnamespace) all_of_it \
             WHERE line NOT LIKE '%diesel_schema_migrations%'"
        }
    };
    let mut found = lines(conn, query);
    found.sort();
    found
}

#[test]
fn both_folders_hold_the_same_migrations() {
    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
    assert!(!names("migrations/sqlite").is_empty());
}

#[test]
fn going_down_and_up_again_makes_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::empty(dir.path());
    let mut conn = database.connect();
    let up = |conn: &mut AnyConnection| {
        texts(dialect(), "up.sql").iter().for_each(|sql| conn.batch_execute(sql).expect("up"));
        made(conn)
    };
    let first = up(&mut conn);
    assert!(first.len() > 30);
    texts(dialect(), "down.sql").iter().rev().for_each(|sql| conn.batch_execute(sql).expect("down"));
    assert_eq!(made(&mut conn), Vec::<String>::new(), "down leaves nothing");
    assert_eq!(up(&mut conn), first);
}

#[test]
fn the_program_makes_what_the_migrations_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, by_hand) = (Database::empty(dir.path()), tempfile::tempdir().expect("a directory"));
    drop(Db::open(&ours.parsed()).expect("a database"));
    let by_hand = Database::empty(by_hand.path());
    let mut conn = by_hand.connect();
    texts(dialect(), "up.sql").iter().for_each(|sql| conn.batch_execute(sql).expect("up"));
    assert_eq!(made(&mut ours.connect()), made(&mut conn));
}

/// Table → column → type, as `src/db/schema.rs` writes it.
fn declared() -> BTreeMap<String, BTreeMap<String, String>> {
    let text = fs::read_to_string(folder("src/db/schema.rs")).expect("the schema");
    let table = Regex::new(r"(?s)table! \{\s+(\w+) \([^)]*\) \{(.*?)\n    \}").expect("a pattern");
    let column = Regex::new(r"(\w+) -> ([\w<>]+),").expect("a pattern");
    let columns = |body: &str| column.captures_iter(body).map(|c| (c[1].to_owned(), c[2].to_owned())).collect();
    table.captures_iter(&text).map(|c| (c[1].to_owned(), columns(&c[2]))).collect()
}

/// The same, as the database has it.
fn found(conn: &mut AnyConnection) -> BTreeMap<String, BTreeMap<String, String>> {
    let query = match conn {
        AnyConnection::Sqlite(_) => {
            "SELECT t.name || '|' || c.name || '|' || c.type || '|' || c.\"notnull\" AS line \
             FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'"
        }
        AnyConnection::Postgres(_) => {
            "SELECT table_name || '|' || column_name || '|' || data_type || '|' || \
             CASE is_nullable WHEN 'NO' THEN '1' ELSE '0' END AS line \
             FROM information_schema.columns WHERE table_schema = 'public'"
        }
    };
    let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in lines(conn, query) {
        let [table, column, kind, needed] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if table.starts_with("__") || table.starts_with("sqlite_") {
            continue;
        }
        let kind = match kind.to_ascii_lowercase().as_str() {
            "text" => "Text",
            "integer" => "Integer",
            "bigint" => "BigInt",
            "blob" | "bytea" => "Binary",
            "boolean" => "Bool",
            "timestamp" | "timestamp without time zone" => "Timestamp",
            other => panic!("{table}.{column}: {other}"),
        };
        let kind = if needed == "1" { kind.to_owned() } else { format!("Nullable<{kind}>") };
        tables.entry(table.to_owned()).or_default().insert(column.to_owned(), kind);
    }
    tables
}

#[test]
fn the_schema_in_the_code_is_that_of_the_database() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::migrated(dir.path());
    let declared = declared();
    assert!(declared.len() >= 16);
    assert_eq!(declared, found(&mut database.connect()));
}

#[test]
fn what_belongs_to_a_workspace_goes_with_it_but_the_audit() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = Database::migrated(dir.path());
    let mut conn = database.connect();
    let query = match &conn {
        AnyConnection::Sqlite(_) => {
            "SELECT t.name AS line FROM sqlite_schema t, pragma_foreign_key_list(t.name) f \
             WHERE t.type = 'table' AND f.\"table\" = 'workspaces' AND f.\"from\" = 'workspace_id' \
             AND f.on_delete = 'CASCADE'"
        }
        AnyConnection::Postgres(_) => {
            "SELECT conrelid::regclass::text AS line FROM pg_constraint \
             WHERE contype = 'f' AND confrelid = 'workspaces'::regclass AND confdeltype = 'c'"
        }
    };
    let cascading: BTreeSet<String> = lines(&mut conn, query).into_iter().collect();
    let owned: BTreeSet<String> =
        declared().into_iter().filter(|(_, columns)| columns.contains_key("workspace_id")).map(|(t, _)| t).collect();
    assert!(owned.len() >= 8);
    assert_eq!(cascading, owned);
    assert!(!owned.contains("audit_events") && !owned.contains("audit_heads"));
}

macro_rules! words {
    ($name:ident) => {
        $name::ALL.iter().map(|word| word.as_str()).collect::<BTreeSet<&str>>()
    };
}

#[test]
fn every_list_of_words_is_that_of_its_enum() {
    let wanted = BTreeMap::from([
        ("instance_roots.state", words!(RootState)),
        ("workspace_keys.state", words!(KeyState)),
        ("users.theme", words!(Theme)),
        ("memberships.role", words!(Role)),
        ("invitations.role", words!(Role)),
        ("outbox.state", words!(MailState)),
        ("credentials.environment", words!(Environment)),
        ("credentials.badge", words!(Badge)),
        ("credentials.status", words!(Status)),
        ("credential_versions.state", words!(VersionState)),
        ("credential_checks.cause", words!(Cause)),
        ("audit_events.outcome", words!(Outcome)),
        ("oauth_flows.kind", words!(FlowKind)),
        ("oauth_flows.stage", words!(Stage)),
    ]);
    let table = Regex::new(r"(?s)CREATE TABLE (\w+) \((.*?)\n\)").expect("a pattern");
    let check = Regex::new(r"CHECK \((\w+) IN \(([^)]*)\)").expect("a pattern");
    for dialect in ["sqlite", "postgres"] {
        let all = texts(dialect, "up.sql").join("\n");
        let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for table in table.captures_iter(&all) {
            for check in check.captures_iter(&table[2]) {
                let words = check[2].split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect();
                lists.insert(format!("{}.{}", &table[1], &check[1]), words);
            }
        }
        assert_eq!(lists.len(), all.matches(" IN (").count(), "{dialect}: each list is read");
        let wanted: BTreeMap<String, BTreeSet<String>> = wanted
            .iter()
            .map(|(place, words)| ((*place).to_owned(), words.iter().map(|word| (*word).to_owned()).collect()))
            .collect();
        assert_eq!(lists, wanted, "{dialect}");
    }
}
