//! The pages of the list as the number of credentials grows.

use super::client::Client;
use super::console::Console;
use super::sample;
use anyhow::{Context, Result};

/// Each page at each size, request by request in turns; the p50 of three parts, and of those the median. With
/// `changing` something in the workspace changes before each request, so that nothing that was kept serves.
/// The last size may take `most` times as long as the first.
pub fn measure(
    consoles: &[(&str, &Console)],
    rounds: usize,
    samples: usize,
    changing: bool,
    most: f64,
) -> Result<bool> {
    let when = if changing { "each request after a change" } else { "nothing changes in between" };
    println!("\np50 in µs as the number of credentials grows (one connection, sizes in turns, {when})");
    let sizes: String = consoles.iter().map(|(size, _)| format!("{size:>12}")).collect();
    println!("{:<26}{sizes}", "");
    let mut met = true;
    for (name, query, after, rows) in pages() {
        let mut clients = Vec::new();
        for (_, console) in consoles {
            let cursor = after.and_then(|order| console.seeded.middle.get(order));
            let query = cursor.map_or_else(|| query.to_owned(), |cursor| format!("{query}&after={cursor}"));
            console.page(&query, rows..=rows)?;
            clients.push((Client::connect(console.addr)?, console.list(&query, ""), Vec::new()));
        }
        for _ in 0..rounds {
            let mut round = vec![Vec::new(); clients.len()];
            for _ in 0..samples / rounds {
                for (((client, request, _), taken), (_, console)) in clients.iter_mut().zip(&mut round).zip(consoles) {
                    if changing {
                        console.change()?;
                    }
                    taken.push(sample::once(client, request)?);
                }
            }
            for ((_, _, medians), mut taken) in clients.iter_mut().zip(round) {
                medians.push(sample::quantile(&mut taken, 0.5)?);
            }
        }
        let p50s: Vec<f64> =
            clients.iter_mut().map(|(_, _, medians)| sample::quantile(medians, 0.5)).collect::<Result<_>>()?;
        let shown: String = p50s.iter().map(|p50| format!("{p50:>12.0}")).collect();
        let growth = p50s.last().context("no size")? / p50s.first().context("no size")?;
        met &= verdict(&format!("{name:<26}{shown}"), growth, growth <= most, &format!("≤ {most}"));
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

/// Prints a ratio with what was wanted; hands back whether that was met.
pub fn verdict(name: &str, ratio: f64, met: bool, wanted: &str) -> bool {
    println!("{name:<36} ratio {ratio:.2} ({wanted}) {}", sample::verdict(met));
    met
}
