//! The list page under load: against a constant page of the same bytes, and as the number of credentials grows.
//!
//! `cargo bench -- list`; with `--short` behind it a run of seconds that shows whether it works, not how fast.

use crate::stand::client::Client;
use crate::stand::console::{self, Console};
use crate::stand::growth::{self, verdict};
use crate::stand::sample::{self, Round};
use anyhow::{Context, Result, ensure};
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

/// Measures and prints.
pub fn run() -> Result<()> {
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
    let sizes: Vec<(&str, &Console)> =
        ["1,000", "10,000", "100,000"].into_iter().zip(consoles.iter().map(|(_, console)| console)).collect();
    for changing in [false, true] {
        met &= growth::measure(&sizes, effort.rounds, effort.samples, changing, GROWTH)?;
    }
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
