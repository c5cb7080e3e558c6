//! A database for one test: a file, or with `TEST_DATABASE_URL` a database of that PostgreSQL server; a copy
//! of one that was migrated once, gone when the test is over.

use super::queries;
use credenza::db::{AnyConnection, DatabaseUrl, Db};
use diesel::connection::SimpleConnection;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The one switch: with it everything runs on PostgreSQL, without it on SQLite.
const SWITCH: &str = "TEST_DATABASE_URL";

static COUNT: AtomicU32 = AtomicU32::new(0);
static TEMPLATE: OnceLock<Template> = OnceLock::new();

enum Template {
    Sqlite(Vec<u8>),
    Postgres(Server, String),
}

#[derive(Clone)]
struct Server(url::Url);

/// A database of one test.
pub struct Database {
    /// Its address, as the program takes it.
    pub url: String,
    dropped: Option<(Server, String)>,
}

impl Database {
    /// A migrated database without a row; on SQLite the file lies in `dir`.
    pub fn migrated(dir: &Path) -> Self {
        queries::watch();
        match TEMPLATE.get_or_init(template) {
            Template::Sqlite(bytes) => {
                let file = dir.join("credenza.db");
                std::fs::write(&file, bytes).expect("a copy of the template");
                Self { url: format!("sqlite://{}", file.display()), dropped: None }
            }
            Template::Postgres(server, template) => {
                server.made(&unique("t"), &format!(" TEMPLATE {template} STRATEGY FILE_COPY"))
            }
        }
    }

    /// A database without a table; on SQLite the file lies in `dir` and is not there yet.
    pub fn empty(dir: &Path) -> Self {
        match server() {
            None => Self { url: format!("sqlite://{}", dir.join("credenza.db").display()), dropped: None },
            Some(server) => server.made(&unique("e"), ""),
        }
    }

    /// The address, read.
    pub fn parsed(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.url).expect("an address")
    }

    /// How many queries it has been asked so far.
    pub fn asked(&self) -> u64 {
        queries::asked(&self.url)
    }

    /// A connection past the program, for what only somebody with the file could do.
    pub fn connect(&self) -> AnyConnection {
        self.parsed().connect().expect("a connection")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = self.dropped.take() {
            server.run(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Whether the tests run on PostgreSQL.
pub fn is_postgres() -> bool {
    server().is_some()
}

fn server() -> Option<Server> {
    let text = std::env::var(SWITCH).ok().filter(|text| !text.is_empty())?;
    Some(Server(url::Url::parse(&text).expect("TEST_DATABASE_URL is an address")))
}

impl Server {
    fn at(&self, name: &str) -> String {
        let mut url = self.0.clone();
        url.set_path(name);
        url.to_string()
    }

    fn run(&self, sql: &str) {
        let mut conn = DatabaseUrl::parse(self.0.as_str()).expect("an address").connect().expect("PostgreSQL answers");
        conn.batch_execute(sql).expect(sql);
    }

    fn made(self: &Server, name: &str, how: &str) -> Database {
        self.run(&format!("CREATE DATABASE {name}{how}"));
        Database { url: self.at(name), dropped: Some((self.clone(), name.to_owned())) }
    }
}

fn unique(kind: &str) -> String {
    format!("{kind}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

fn template() -> Template {
    match server() {
        None => {
            let dir = tempfile::tempdir().expect("a directory");
            let file: PathBuf = dir.path().join("template.db");
            let url = DatabaseUrl::Sqlite(file.clone());
            drop(Db::open(&url).expect("a migrated database"));
            url.connect().expect("a connection").batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("one file");
            Template::Sqlite(std::fs::read(file).expect("the template"))
        }
        Some(server) => {
            // One template for each process; left to the server, which lives no longer than the tests.
            let name = unique("template");
            server.run(&format!("CREATE DATABASE {name}"));
            drop(Db::open(&DatabaseUrl::parse(&server.at(&name)).expect("an address")).expect("a migrated database"));
            server.run(&format!(
                "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ));
            Template::Postgres(server, name)
        }
    }
}
