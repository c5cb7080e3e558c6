//! Who sends too much, too slowly or too often is stopped, and everybody else hardly notices.
#![cfg(test)]

mod bodies;
mod checks;
mod files;
mod flood;
mod heads;
mod pools;
mod queue;
mod slow;

use crate::support::program::{Browser, Serving};
use std::time::{Duration, Instant};

/// How many of something a test takes, from the environment or in its short form.
fn many(variable: &str, short: usize) -> usize {
    std::env::var(variable).map_or(short, |text| text.parse().expect("a number"))
}

/// Resident memory of a process in KiB.
fn resident(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.pid())).expect("a living process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Asks for a page again and again, every time with success; how long each took, sorted.
async fn visits(admin: &Browser, path: &str, long: Duration) -> Vec<Duration> {
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < long {
        let asked = Instant::now();
        let answer = admin.get(path).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        took.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    took.sort_unstable();
    took
}

fn p95(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 95 / 100]
}

/// Fails unless pages stay usable: within 300 ms, or near what they take here when all is quiet. The tests run
/// unoptimised and beside each other, so that 300 ms are no measure of the program alone.
fn assert_usable(quiet: &[Duration], busy: &[Duration], peak_kib: u64, grown_kib: u64) {
    let (before, during) = (p95(quiet), p95(busy));
    println!(
        "p95 of {} pages {during:?}, quiet {before:?}; resident at most {peak_kib} KiB, grown by {grown_kib} KiB",
        busy.len()
    );
    assert!(busy.len() > 10, "{} pages", busy.len());
    assert!(during < Duration::from_millis(300).max(before * 5), "p95 {during:?}, quiet {before:?}");
}

/// The largest resident memory while `act` goes on.
async fn peak<T>(serving: &Serving, act: impl Future<Output = T>) -> (T, u64) {
    let mut most = resident(serving);
    let mut act = std::pin::pin!(act);
    loop {
        tokio::select! {
            done = &mut act => return (done, most.max(resident(serving))),
            () = tokio::time::sleep(Duration::from_millis(50)) => most = most.max(resident(serving)),
        }
    }
}
