//! The list on PostgreSQL: against SQLite in the same run, and as 10,000 workspaces come to stand beside.
//!
//! `BENCH_POSTGRES_URL=postgres://user@host:port/postgres cargo bench --bench postgres`, a server that may be used up:
//! the bench makes databases of its own there and drops them. `-- --short` shows whether it works, not how fast.

#[allow(dead_code, reason = "each bench takes what it needs")]
mod stand;

use anyhow::{Context, Result};
use credenza::crypto::hasher::Settings;
use credenza::db::DatabaseUrl;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use stand::console::Console;
use stand::growth::{self, verdict};
use stand::sample;
use std::time::Duration;

/// What the list on PostgreSQL must reach of its rate on SQLite.
const AGAINST_SQLITE: f64 = 0.6;
/// The middle latency among 1,000,000 credentials may be so many times that among 1,000.
const GROWTH: f64 = 1.5;

fn main() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (rounds, samples, time, workspaces) =
        if short { (3, 30, Duration::from_millis(400), 100) } else { (5, 400, Duration::from_secs(3), 10_000) };
    let server = std::env::var("BENCH_POSTGRES_URL").context("BENCH_POSTGRES_URL is not set")?;
    println!("machine: {}", sample::machine());
    println!("PostgreSQL as the address says, SQLite as it is shipped; 50 rows a page\n");
    let mut met = true;
    {
        let database = Database::create(&server, "bench_list")?;
        let postgres = Console::start_on(10_000, Settings::for_testing(), Some(database.url()?))?;
        let sqlite = Console::start(10_000)?;
        for connections in [1, 8] {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                one.push(sample::load(sqlite.addr, &sqlite.list("", ""), connections, time)?);
                other.push(sample::load(postgres.addr, &postgres.list("", ""), connections, time)?);
            }
            let (one, other) = (sample::median(&one, |r| r.rate)?, sample::median(&other, |r| r.rate)?);
            println!("list of 10,000, {connections} connections: SQLite {one:.0} req/s, PostgreSQL {other:.0} req/s");
            let ratio = other / one;
            met &= verdict("against SQLite", ratio, ratio >= AGAINST_SQLITE, &format!("≥ {AGAINST_SQLITE}"));
        }
    }
    let (small, large) = (Database::create(&server, "bench_small")?, Database::create(&server, "bench_large")?);
    let alone = Console::start_on(1_000, Settings::for_testing(), Some(small.url()?))?;
    let among = Console::start_on(1_000, Settings::for_testing(), Some(large.url()?))?;
    large.crowd(workspaces)?;
    small.settle()?;
    let name = format!("{} more", workspaces * 100);
    for changing in [false, true] {
        met &= growth::measure(&[("1,000", &alone), (&name, &among)], rounds, samples, changing, GROWTH)?;
    }
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// A database of one console; dropped at the end.
struct Database {
    server: String,
    name: &'static str,
}

impl Database {
    fn create(server: &str, name: &'static str) -> Result<Self> {
        let mut conn = PgConnection::establish(server)?;
        conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        conn.batch_execute(&format!("CREATE DATABASE {name}"))?;
        Ok(Self { server: server.to_owned(), name })
    }

    fn address(&self) -> Result<String> {
        let mut url = url::Url::parse(&self.server)?;
        url.set_path(self.name);
        Ok(url.to_string())
    }

    fn url(&self) -> Result<DatabaseUrl> {
        DatabaseUrl::parse(&self.address()?).map_err(|refused| anyhow::anyhow!("{refused}"))
    }

    /// Puts so many workspaces beside the first one, each with a hundred copies of its credentials.
    fn crowd(&self, workspaces: usize) -> Result<()> {
        let mut conn = PgConnection::establish(&self.address()?)?;
        conn.batch_execute("SET synchronous_commit = off")?;
        conn.batch_execute(&format!(
            "CREATE TABLE crowd AS
                 SELECT w AS row, md5(n::text) AS id, n FROM workspaces w, generate_series(1, {workspaces}) n;
             INSERT INTO workspaces
                 SELECT (jsonb_populate_record(row, jsonb_build_object('id', id, 'slug', 'crowd-' || n))).* FROM crowd;
             CREATE TABLE taken AS
                 SELECT c.*, row_number() OVER (ORDER BY c.id) AS n FROM credentials c WHERE deleted_at IS NULL
                 ORDER BY c.id DESC LIMIT 100"
        ))?;
        for table in ["credentials", "credential_words", "credential_versions"] {
            let id = if table == "credentials" { "id" } else { "credential_id" };
            conn.batch_execute(&format!(
                "INSERT INTO {table}
                     SELECT (jsonb_populate_record(t, jsonb_build_object('workspace_id', crowd.id))).*
                     FROM crowd, {table} t
                     WHERE t.workspace_id = (crowd.row).id AND t.{id} IN (SELECT id FROM taken)"
            ))?;
        }
        conn.batch_execute("DROP TABLE crowd; DROP TABLE taken")?;
        self.settle()
    }

    /// Lets the planner know what there is, as a server does by itself after a while.
    fn settle(&self) -> Result<()> {
        let mut conn = PgConnection::establish(&self.address()?)?;
        Ok(conn.batch_execute("VACUUM ANALYZE").or_else(|_| conn.batch_execute("ANALYZE"))?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = PgConnection::establish(&self.server).map_err(|error| error.to_string()).and_then(|mut conn| {
            let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            conn.batch_execute(&drop).map_err(|error| error.to_string())
        });
        if let Err(error) = dropped {
            eprintln!("{} stays: {error}", self.name);
        }
    }
}
