//! Fetching a secret under load, its audit line durable before each answer: against a route that only looks at the
//! token and gives a small constant JSON, with and without the body, and as the log grows.
//!
//! `cargo bench -- secret`; with `BENCH_POSTGRES_URL=postgres://user@host:port/postgres` on that server too, which
//! may be used up; with `--short` behind it a run of seconds that shows whether it works, not how fast.

use crate::stand::bot;
use crate::stand::client::{Client, header};
use crate::stand::console::Console;
use crate::stand::database::{self, Database};
use crate::stand::growth::verdict;
use crate::stand::sample::{self, Round};
use anyhow::{Context, Result, ensure};
use credenza::model::audit;
use credenza::model::bot_token::Scope;
use credenza::model::permission::Actor;
use credenza::model::workspace::Workspace;
use std::collections::BTreeMap;
use std::time::Duration;

/// Connections of every run.
const CONNECTIONS: usize = 64;
/// The part of the constant route's rate that must be reached, where the rate itself is not.
const PART: f64 = 0.5;
/// The rate that is enough by itself.
const RATE: f64 = 5_000.0;
/// How many times slower it may be with a full log.
const GROWTH: f64 = 1.2;
/// Lines of the log that are written in one transaction.
const CHUNK: usize = 1_000;

/// Measures and prints.
pub fn run() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let (rounds, time, uses) =
        if short { (1, Duration::from_millis(500), 2_000) } else { (5, Duration::from_secs(3), 1_000_000) };
    println!("machine: {}, {CONNECTIONS} connections", sample::machine());
    println!("\nSQLite as it is shipped (WAL, synchronous=FULL)");
    let mut met = measure(&Console::start(1_000)?, rounds, time, uses)?;
    if let Some(server) = database::server() {
        println!("\nPostgreSQL as its address says");
        let database = Database::create(&server, "bench_secret")?;
        met &= measure(&Console::start_on(1_000, database.ground()?)?, rounds, time, uses)?;
    }
    let (resident, highest) = sample::memory()?;
    println!("\nmemory at the end: {resident:.0} MiB, at its highest {highest:.0} MiB");
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

fn measure(console: &Console, rounds: usize, time: Duration, uses: usize) -> Result<bool> {
    let plain = [("url", "https://www.example.com/hook")];
    let token = bot::token(console, ("website", "webhook"), &plain, "signing_secret", Scope::Fetch)?;
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let path = format!("{}/secret", bot::CREDENTIAL);
    let secret = console.request(&path, &authorization);
    let constant = console.request("/v1/auth/token/lookup-self", &authorization);
    let mut client = Client::connect(console.addr)?;
    let reply = client.send(&secret)?;
    ensure!(reply.status == 200, "status {}", reply.status);
    let tag = header(client.head(reply.head)?, "etag").context("no tag")?.to_owned();
    let cached = console.request(&path, &format!("{authorization}If-None-Match: {tag}\r\n"));
    println!("{:<34}{:>10}{:>10}{:>10}{:>12}", "", "req/s", "p50 µs", "p99 µs", "cpu µs/req");
    let named = [("token check and constant JSON", &constant), ("secret", &secret), ("secret, 304", &cached)];
    let rates = turns(console, rounds, time, &named)?;
    let rate = |name: &str| rates.get(name).copied().context("no such row");
    let (full, ratio) = (rate("secret")?, rate("secret")? / rate("token check and constant JSON")?);
    let mut met = verdict("secret against constant", ratio, ratio >= PART || full >= RATE, "≥ 0.5, or 5,000/s");
    let unchanged = rate("secret, 304")? / full;
    met &= verdict("304 against 200", unchanged, unchanged >= 0.95, "≥ 0.95");
    console.run(log_uses(console, uses))?;
    println!("with {uses} more lines in the log");
    let later = turns(console, rounds, time, &[("secret, full log", &secret)])?;
    let growth = full / later.get("secret, full log").context("no such row")?;
    met &= verdict("empty log against full", growth, growth <= GROWTH, "≤ 1.2");
    Ok(met)
}

/// Requests in turns, so that whatever else the machine does meets all of them; the median rate of each.
fn turns<'a>(
    console: &Console,
    rounds: usize,
    time: Duration,
    named: &[(&'a str, &Vec<u8>)],
) -> Result<BTreeMap<&'a str, f64>> {
    let mut all: Vec<Vec<Round>> = named.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, request), taken) in named.iter().zip(&mut all) {
            taken.push(sample::load(console.addr, request, CONNECTIONS, time)?);
        }
    }
    let mut rates = BTreeMap::new();
    for ((name, _), taken) in named.iter().zip(&all) {
        let median = |figure: fn(&Round) -> f64| sample::median(taken, figure);
        let (rate, p50, p99) = (median(|r| r.rate)?, median(|r| r.p50)?, median(|r| r.p99)?);
        println!("{name:<34}{rate:>10.0}{p50:>10.0}{p99:>10.0}{:>12.0}", median(|r| r.processor)?);
        rates.insert(*name, rate);
    }
    Ok(rates)
}

/// Writes as many lines of uses as a busy year has.
async fn log_uses(console: &Console, count: usize) -> Result<()> {
    let app = &console.app;
    for _ in 0..count.div_ceil(CHUNK) {
        let means = app.means.clone();
        app.db
            .write(move |tx| {
                let workspace = Workspace::page(tx.conn(), "", 1)?.pop().ok_or(credenza::error::Error::NotFound)?.id;
                let actor = Actor { kind: "bot", ..Actor::operator() };
                for _ in 0..CHUNK {
                    let target = audit::Target::credential("01900000-0000-7000-8000-000000000000");
                    let entry = audit::Entry::allow("credential.fetched", target).detail("version", 1);
                    audit::record(tx, &means, workspace.as_str(), &actor, entry)?;
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}
