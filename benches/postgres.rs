//! The list on PostgreSQL: against SQLite in the same run, and as 10,000 workspaces come to stand beside.
//!
//! `BENCH_POSTGRES_URL=postgres://user@host:port/postgres cargo bench -- postgres`, a server that may be used up:
//! the bench makes databases of its own there and drops them. `--short` behind it shows whether it works, not how fast.

use crate::stand::console::Console;
use crate::stand::database::{self, Database};
use crate::stand::growth::{self, verdict};
use crate::stand::sample;
use anyhow::{Context, Result};
use std::time::Duration;

/// What the list on PostgreSQL must reach of its rate on SQLite.
const AGAINST_SQLITE: f64 = 0.6;
/// The middle latency among 1,000,000 credentials may be so many times that among 1,000.
const GROWTH: f64 = 1.5;

/// Measures and prints.
pub fn run() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (rounds, samples, time, workspaces) =
        if short { (3, 30, Duration::from_millis(400), 100) } else { (5, 400, Duration::from_secs(3), 10_000) };
    let server = database::server().context("BENCH_POSTGRES_URL is not set")?;
    println!("machine: {}", sample::machine());
    println!("PostgreSQL as the address says, SQLite as it is shipped; 50 rows a page\n");
    let mut met = true;
    {
        let database = Database::create(&server, "bench_list")?;
        let postgres = Console::start_on(10_000, database.ground()?)?;
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
    let alone = Console::start_on(1_000, small.ground()?)?;
    let among = Console::start_on(1_000, large.ground()?)?;
    large.crowd(workspaces)?;
    small.settle()?;
    let name = if short { "10,000" } else { "1,000,000" };
    for changing in [false, true] {
        met &= growth::measure(&[("1,000", &alone), (name, &among)], rounds, samples, changing, GROWTH)?;
    }
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}
