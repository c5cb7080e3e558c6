//! The audit page, its filters and its search in a chain of 5,000,000 events, on SQLite and on PostgreSQL.
//!
//! `cargo bench -- audit`; with `BENCH_POSTGRES_URL=postgres://user@host:port/postgres` on PostgreSQL too, where the
//! bench makes a database of its own and drops it. `--events 200000` behind it for a chain of another length. It needs about
//! 6 GB of disk a database at full length.

use crate::stand::client::Client;
use crate::stand::console::Console;
use crate::stand::database::{self, Database};
use crate::stand::{events, sample};
use anyhow::{Context, Result, ensure};
use std::time::Instant;

/// A page may take so many milliseconds, the slowest one too.
const MOST_MS: f64 = 200.0;
/// Each page is asked for so often.
const SAMPLES: usize = 30;

/// Measures and prints.
pub fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let wanted = match args.iter().position(|arg| arg == "--events") {
        Some(at) => args.get(at + 1).context("--events needs a number")?.parse()?,
        None => 5_000_000,
    };
    println!("machine: {}", sample::machine());
    let console = Console::start(1_000)?;
    let mut met =
        measure("SQLite as it is shipped", &console, wanted, &|| Ok(console.run(console.app.db.checkpoint())?))?;
    drop(console);
    match database::server() {
        None => println!("\nBENCH_POSTGRES_URL is not set: PostgreSQL was not measured"),
        Some(server) => {
            let database = Database::create(&server, "bench_audit")?;
            let console = Console::start_on(1_000, database.ground()?)?;
            met &= measure("PostgreSQL as the address says", &console, wanted, &|| database.settle())?;
        }
    }
    println!("\n{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// Fills the chain of a console, lets its database settle, and asks for every page.
fn measure(name: &str, console: &Console, wanted: i64, settle: &dyn Fn() -> Result<()>) -> Result<bool> {
    let begun = Instant::now();
    let reach = events::fill(console, wanted)?;
    settle()?;
    println!("\n{name}: {wanted} events, written in {:.0} s", begun.elapsed().as_secs_f64());
    println!("{:<44}{:>7}{:>10}{:>10}{:>10}", "", "events", "first ms", "p50 ms", "worst ms");
    let mut met = true;
    for (name, query) in pages(console, wanted, reach) {
        met &= one(console, name, &query)?;
    }
    Ok(met)
}

/// One page: its first answer, the middle one and the slowest.
fn one(console: &Console, name: &str, query: &str) -> Result<bool> {
    let mut client = Client::connect(console.addr)?;
    let target = format!("/w/{}/audit?{query}", console.seeded.slug);
    let request = console.request(&target, &format!("Cookie: {}\r\n", console.cookie));
    let begun = Instant::now();
    let reply = client.send(&request)?;
    let first = begun.elapsed().as_secs_f64() * 1e3;
    ensure!(reply.status == 200, "{name}: status {}", reply.status);
    let drawn = String::from_utf8_lossy(client.body(&reply)?).matches("<tr id=\"event-").count();
    let mut taken = vec![first];
    for _ in 0..SAMPLES {
        taken.push(sample::once(&mut client, &request)? / 1e3);
    }
    let (middle, worst) = (sample::quantile(&mut taken, 0.5)?, sample::quantile(&mut taken, 1.0)?);
    let verdict = sample::verdict(worst <= MOST_MS);
    println!("{name:<44}{drawn:>7}{first:>10.1}{middle:>10.1}{worst:>10.1}  (≤ {MOST_MS}) {verdict}");
    Ok(worst <= MOST_MS)
}

/// Every filter alone, those that meet, and places deep in the chain.
fn pages(console: &Console, wanted: i64, reach: i64) -> Vec<(&'static str, String)> {
    let day = |ago: i64| {
        let at = console.app.means.now().plus(-chrono::TimeDelta::seconds(ago));
        at.utc().format("%Y-%m-%d").to_string()
    };
    let (middle, person, seldom) = (wanted / 2, events::person(7), events::seldom());
    let (credential, rare) = (events::credential(0), events::credential(4_000));
    vec![
        ("newest", String::new()),
        ("deep", format!("before={middle}")),
        ("the first events", "before=30".into()),
        ("person", format!("person={person}")),
        ("person, deep", format!("person={person}&before={middle}")),
        ("person who did little", format!("person={seldom}")),
        ("the operator", "person=operator".into()),
        ("action of half of them", "action=credential.fetched".into()),
        ("rare action", "action=workspace.settings_changed".into()),
        ("action that never was", "action=bot.published".into()),
        ("credential in many events", format!("credential={credential}")),
        ("credential in few events", format!("credential={rare}")),
        ("credential by a name that there is not", "credential=nothing+of+that+name".into()),
        ("refused", "outcome=deny".into()),
        ("failed", "outcome=error".into()),
        ("a day in the middle", format!("from={}&to={}", day(reach / 2), day(reach / 2))),
        ("last 24 hours", "last=24h".into()),
        ("before anything was", "from=2001-01-01&to=2001-01-02".into()),
        ("person and action", format!("person={person}&action=credential.renamed")),
        ("person and an action that is not theirs", format!("person={person}&action=credential.fetched")),
        ("action and outcome that seldom meet", "action=credential.fetched&outcome=error".into()),
        ("action and outcome that never meet", "action=workspace.settings_changed&outcome=error".into()),
        ("person and refused", format!("person={person}&outcome=deny")),
        ("credential and person", format!("credential={credential}&person={person}")),
        (
            "credential, person, action, outcome",
            format!("credential={credential}&person={person}&action=credential.edited&outcome=deny"),
        ),
        ("half of them, failed, in the middle", format!("action=credential.fetched&outcome=error&before={middle}")),
        ("person and action in a year", format!("person={person}&action=credential.rotated&from={}", day(reach / 2))),
        ("the operator, refused", "person=operator&outcome=deny".into()),
    ]
}
