//! The list page under load: against a constant page of the same bytes, and as the number of credentials grows.
//!
//! `cargo bench --bench list`; with `-- --short` a run of seconds that shows whether it works, not how fast.

mod stand;

use anyhow::{Context, Result, ensure};
use stand::client::Client;
use stand::console::{self, Console};
use stand::sample::{self, Round};
use std::time::Duration;

/// What a request for the same page with another encoding says.
const GZIP: &str = "Accept-Encoding: gzip\r\n";
/// The list must reach these parts of the constant page's rate, at one connection and at eight.
const RATIOS: [(usize, f64); 2] = [(1, 0.3), (8, 0.2)];
/// The middle latency at the largest size may be so many times that at the smallest.
const GROWTH: f64 = 1.3;

/// How long things are measured.
struct Effort {
    rounds: usize,
    time: Duration,
    samples: usize,
}

fn main() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let effort = match short {
        true => Effort { rounds: 3, time: Duration::from_millis(400), samples: 40 },
        false => Effort { rounds: 5, time: Duration::from_secs(3), samples: 400 },
    };
    println!("machine: {}", sample::machine());
    println!("database: SQLite as it is shipped (WAL, synchronous=FULL), 50 rows a page\n");
    let consoles: Vec<(usize, Console)> = [1_000, 10_000, 100_000]
        .into_iter()
        .map(|rows| Console::start(rows).map(|console| (rows, console)))
        .collect::<Result<_>>()?;
    let (resident, _) = sample::memory()?;
    println!("memory with three consoles filled: {resident:.0} MiB\n");
    let middle = &consoles.get(1).context("no console")?.1;
    let page = middle.page("", 50..=50)?;
    println!("the page is {} bytes", page.len());
    let length = page.len();
    console::set_constant(page)?;
    let mut client = Client::connect(middle.addr)?;
    let reply = client.send(&middle.constant(""))?;
    ensure!(reply.body == length, "the constant page has {} bytes", reply.body);
    let mut met = against_constant(middle, &effort)?;
    met &= as_rows_grow(&consoles, &effort)?;
    let (resident, highest) = sample::memory()?;
    println!("\nmemory at the end: {resident:.0} MiB, at its highest {highest:.0} MiB");
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// Constant and list in turns, so that whatever else the machine does meets both.
fn against_constant(console: &Console, effort: &Effort) -> Result<bool> {
    println!("\nlist of 10,000 against a constant page of the same bytes (median of {} rounds)", effort.rounds);
    println!("{:<34}{:>10}{:>10}{:>10}{:>12}", "", "req/s", "p50 µs", "p99 µs", "cpu µs/req");
    let mut met = true;
    for (encoding, accept) in [("identity", ""), ("gzip", GZIP)] {
        for (connections, wanted) in RATIOS {
            let (mut constant, mut list) = (Vec::new(), Vec::new());
            for _ in 0..effort.rounds {
                constant.push(sample::load(console.addr, &console.constant(accept), connections, effort.time)?);
                list.push(sample::load(console.addr, &console.list("", accept), connections, effort.time)?);
            }
            line(&format!("constant, {connections} conn., {encoding}"), &constant)?;
            line(&format!("list, {connections} conn., {encoding}"), &list)?;
            let ratio = sample::median(&list, |r| r.rate)? / sample::median(&constant, |r| r.rate)?;
            met &= verdict(
                &format!("ratio at {connections} ({encoding})"),
                ratio,
                ratio >= wanted,
                &format!("≥ {wanted}"),
            );
        }
    }
    Ok(met)
}

fn line(name: &str, rounds: &[Round]) -> Result<()> {
    let median = |figure: fn(&Round) -> f64| sample::median(rounds, figure);
    println!(
        "{name:<34}{:>10.0}{:>10.0}{:>10.0}{:>12.0}",
        median(|r| r.rate)?,
        median(|r| r.p50)?,
        median(|r| r.p99)?,
        median(|r| r.processor)?
    );
    Ok(())
}

/// Each page at each size, request by request in turns; the p50 of three parts, and of those the median.
fn as_rows_grow(consoles: &[(usize, Console)], effort: &Effort) -> Result<bool> {
    println!("\np50 in µs as the number of credentials grows (one connection, sizes in turns)");
    println!("{:<26}{:>10}{:>10}{:>10}", "", "1,000", "10,000", "100,000");
    let mut met = true;
    for (name, query, after, rows) in pages() {
        let mut clients = Vec::new();
        for (_, console) in consoles {
            let cursor = after.and_then(|order| console.seeded.middle.get(order));
            let query = cursor.map_or_else(|| query.to_owned(), |cursor| format!("{query}&after={cursor}"));
            console.page(&query, rows..=rows)?;
            clients.push((Client::connect(console.addr)?, console.list(&query, ""), Vec::new()));
        }
        for _ in 0..effort.rounds {
            let mut round = vec![Vec::new(); clients.len()];
            for _ in 0..effort.samples / effort.rounds {
                for ((client, request, _), taken) in clients.iter_mut().zip(&mut round) {
                    taken.push(sample::once(client, request)?);
                }
            }
            for ((_, _, medians), mut taken) in clients.iter_mut().zip(round) {
                medians.push(sample::quantile(&mut taken, 0.5)?);
            }
        }
        let p50s: Vec<f64> =
            clients.iter_mut().map(|(_, _, medians)| sample::quantile(medians, 0.5)).collect::<Result<_>>()?;
        let shown: String = p50s.iter().map(|p50| format!("{p50:>10.0}")).collect();
        let growth = p50s.last().context("no size")? / p50s.first().context("no size")?;
        met &= verdict(&format!("{name:<26}{shown}"), growth, growth <= GROWTH, &format!("≤ {GROWTH}"));
    }
    Ok(met)
}

/// Name, query, the order whose middle row to continue behind, and how many rows are drawn.
type Page = (&'static str, &'static str, Option<&'static str>, usize);

fn pages() -> Vec<Page> {
    vec![
        ("first page", "", None, 50),
        ("deep page", "?sort=newest", Some("newest"), 50),
        ("by name", "?sort=name", None, 50),
        ("by name, deep", "?sort=name", Some("name"), 50),
        ("by status", "?sort=status", None, 50),
        ("by status, deep", "?sort=status", Some("status"), 50),
        ("by last use", "?sort=last_used", None, 50),
        ("by last use, deep", "?sort=last_used", Some("last_used"), 50),
        ("status filter", "?status=broken", None, 50),
        ("search, rare word", "?q=zephyr", None, 5),
        ("search, medium word", "?q=campaign", None, 50),
        ("search, common word", "?q=bots", None, 50),
        ("search, two words", "?q=bots+campaign", None, 50),
        ("search in a filter", "?q=campaign&status=working", None, 50),
        ("search by name order", "?q=campaign&sort=name", None, 50),
    ]
}

fn verdict(name: &str, ratio: f64, met: bool, wanted: &str) -> bool {
    println!("{name:<36} ratio {ratio:.2} ({wanted}) {}", if met { "PASS" } else { "FAIL" });
    met
}
