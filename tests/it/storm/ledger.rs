//! What clients were told, beside what the database holds.

use crate::support::dump::lines;
use credenza::db::schema::{
    audit_events as events, credential_checks as checks, credential_counts as counts, credential_versions as versions,
    credentials,
};
use credenza::db::{AnyConnection, Conn, DatabaseUrl};
use diesel::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

/// A credential as it must be, or as it may be if the act under way was done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: String,
    deleted: bool,
}

#[derive(Debug)]
struct Entry {
    now: Known,
    under_way: Option<Known>,
}

#[derive(Default)]
struct Book {
    entries: BTreeMap<String, Entry>,
    /// Names that were sent for creation and not answered.
    open: BTreeSet<String>,
    acknowledged: u64,
}

/// Every answered act, and for each client the one that was under way.
#[derive(Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A creation is sent.
    pub fn tries_to_create(&self, name: &str) {
        self.book().open.insert(name.to_owned());
    }

    /// It was refused: nothing may be there.
    pub fn was_refused(&self, name: &str) {
        self.book().open.remove(name);
    }

    /// It was acknowledged.
    pub fn created(&self, name: &str, id: &str) {
        let mut book = self.book();
        book.open.remove(name);
        book.acknowledged += 1;
        let now = Known { name: name.to_owned(), deleted: false };
        book.entries.insert(id.to_owned(), Entry { now, under_way: None });
    }

    /// A change is sent.
    pub fn tries(&self, id: &str, name: Option<&str>, deleted: Option<bool>) {
        let mut book = self.book();
        let entry = book.entries.get_mut(id).expect("a known credential");
        let name = name.unwrap_or(&entry.now.name).to_owned();
        entry.under_way = Some(Known { name, deleted: deleted.unwrap_or(entry.now.deleted) });
    }

    /// It was acknowledged.
    pub fn acknowledge(&self, id: &str) {
        let mut book = self.book();
        let entry = book.entries.get_mut(id).expect("a known credential");
        entry.now = entry.under_way.take().expect("an act under way");
        book.acknowledged += 1;
    }

    /// Something that was made before the book was opened, as it is now.
    pub fn also(&self, path: &str, name: &str) {
        let id = path.rsplit('/').next().expect("an id").to_owned();
        let now = Known { name: name.to_owned(), deleted: false };
        self.book().entries.insert(id, Entry { now, under_way: None });
    }

    /// How many acts were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.book().acknowledged
    }

    /// Compares the file with what was acknowledged and with what its own audit lines tell.
    pub fn judge(&self, database: &DatabaseUrl) {
        let mut conn = database.connect_for_reading().expect("the database");
        if matches!(conn, AnyConnection::Sqlite(_)) {
            assert_eq!(lines(&mut conn, "SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
            assert!(lines(&mut conn, "SELECT \"table\" AS line FROM pragma_foreign_key_check").is_empty());
        }
        let stored = stored(&mut conn);
        assert_eq!(stored, replayed(&mut conn), "the rows are what the audit lines tell");
        no_halves(&mut conn, &stored);
        self.all_acknowledged(stored);
    }

    fn all_acknowledged(&self, stored: BTreeMap<String, Known>) {
        let mut book = self.book();
        for (id, entry) in &mut book.entries {
            let found = stored.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is gone: {entry:?}"));
            let under_way = entry.under_way.take();
            assert!(*found == entry.now || Some(found) == under_way.as_ref(), "{id} is {found:?}, not {entry:?}");
            entry.now = found.clone();
        }
        for (id, found) in stored {
            let known = book.entries.contains_key(&id) || book.open.contains(&found.name);
            assert!(known, "{id} was never asked for: {found:?}");
            book.entries.entry(id).or_insert(Entry { now: found, under_way: None });
        }
        book.open.clear();
    }
}

fn number(conn: &mut Conn, query: &str) -> i64 {
    lines(conn, query).first().and_then(|line| line.parse().ok()).expect("a number")
}

fn stored(conn: &mut Conn) -> BTreeMap<String, Known> {
    let rows: Vec<(String, String, bool)> = credentials::table
        .select((credentials::id, credentials::name, credentials::deleted_at.is_not_null()))
        .load(conn)
        .expect("credentials");
    rows.into_iter().map(|(id, name, deleted)| (id, Known { name, deleted })).collect()
}

/// What the audit lines alone say that there is.
fn replayed(conn: &mut Conn) -> BTreeMap<String, Known> {
    let lines: Vec<(String, String, String)> = events::table
        .filter(events::target_kind.eq("credential").and(events::outcome.eq("allow")))
        .order((events::chain, events::seq))
        .select((events::action, events::target_id, events::details))
        .load(conn)
        .expect("events");
    let mut told = BTreeMap::new();
    for (action, id, details) in lines {
        let details: serde_json::Value = serde_json::from_str(&details).expect("details");
        let text = |name: &str| details[name].as_str().expect("a detail").to_owned();
        match action.as_str() {
            "credential.created" => {
                let before = told.insert(id, Known { name: text("name"), deleted: false });
                assert_eq!(before, None, "created twice");
            }
            other => {
                let known: &mut Known = told.get_mut(&id).expect("a line about what was created");
                match other {
                    "credential.renamed" => known.name = text("to"),
                    "credential.deleted" => known.deleted = true,
                    "credential.restored" => known.deleted = false,
                    // Of everything but the name, which is not told.
                    "credential.edited" => {}
                    other => panic!("{other} was never asked for"),
                }
            }
        }
    }
    told
}

/// Each credential has all of its parts, and no part is without its credential.
fn no_halves(conn: &mut Conn, stored: &BTreeMap<String, Known>) {
    let all = i64::try_from(stored.len()).expect("a number");
    let sealed = versions::table.filter(versions::sealed.is_not_null().and(versions::state.eq("live")));
    assert_eq!(sealed.count().get_result::<i64>(conn).expect("versions"), all);
    assert_eq!(versions::table.count().get_result::<i64>(conn).expect("versions"), all);
    assert_eq!(checks::table.count().get_result::<i64>(conn).expect("checks"), all);
    assert_eq!(number(conn, "SELECT CAST(count(DISTINCT credential_id) AS TEXT) AS line FROM credential_words"), all);
    assert_eq!(
        number(conn, "SELECT CAST(count(DISTINCT credential_id) AS TEXT) AS line FROM credential_fingerprints"),
        all
    );
    let live = i64::try_from(stored.values().filter(|known| !known.deleted).count()).expect("a number");
    let counted: i64 = counts::table.select(counts::n).load::<i64>(conn).expect("counts").into_iter().sum();
    assert_eq!(counted, live, "the number on the chips");
    let last = "SELECT CAST(max(gap) AS TEXT) AS line FROM (SELECT max(seq) - count(*) AS gap FROM audit_events GROUP BY chain) AS gaps";
    assert_eq!(number(conn, last), 0, "a gap in the numbers");
}
