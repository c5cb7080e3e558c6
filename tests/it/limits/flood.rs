//! T132: a flood of sign-ins. The long form, 500 a second for half a minute:
//!
//! ```text
//! SIGN_INS=15000 cargo test --test it t132 -- --nocapture
//! ```

use super::{assert_usable, many, peak, resident, visits};
use crate::support::program::{Browser, Home, Serving};
use reqwest::header::ORIGIN;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a client waits for its answer.
const GIVES_UP: Duration = Duration::from_secs(5);
/// What one hash takes, in KiB.
const HASH_KIB: u64 = 64 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t132_a_flood_of_sign_ins_takes_the_memory_of_the_hashing_threads_and_no_more() {
    let attempts = many("SIGN_INS", 400);
    let home = Home::set_up();
    let mut command = home.command();
    // Each attempt comes from another network, so that only what protects everybody is left.
    command.env("CREDENZA_TRUSTED_PROXIES", "127.0.0.0/8");
    let serving = Serving::start(command);
    let admin = Browser::sign_in(&serving.base).await;
    let threads = std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1)) as u64;
    let quiet = visits(&admin, "/w/acme/credentials", Duration::from_secs(1)).await;
    let before = resident(&serving);
    // Whoever still waits behind the hashing threads after that goes away, and is not hashed.
    let client = reqwest::Client::builder().no_proxy().timeout(GIVES_UP).build().expect("a client");
    let flood: Vec<_> = (0..attempts)
        .map(|n| {
            let (client, base) = (client.clone(), serving.base.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(2 * n as u64)).await;
                let began = Instant::now();
                let request = client
                    .post(format!("{base}/sign-in"))
                    .header(ORIGIN, &base)
                    .header("X-Forwarded-For", format!("2001:db8:{:x}:{:x}::1", n >> 16, n & 0xFFFF))
                    .form(&[("email", format!("user{n}@flood.example")), ("password", "a wrong password".into())]);
                let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
                (status, began.elapsed())
            })
        })
        .collect();
    let long = Duration::from_millis(2 * attempts as u64).max(Duration::from_secs(4));
    let (busy, most) = peak(&serving, visits(&admin, "/w/acme/credentials", long)).await;
    let mut answers: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    for one in flood {
        let (status, took) = one.await.expect("a client");
        answers.entry(status).or_default().push(took);
    }
    for (status, took) in &mut answers {
        took.sort_unstable();
        println!("{status}: {} times, at most {:?}", took.len(), took.last());
        assert!(matches!(status, 422 | 429 | 503 | 0), "{status}");
    }
    let refused: Vec<Duration> =
        [429, 503].iter().filter_map(|status| answers.get(status)).flatten().copied().collect();
    // Some wait for a thread, none in vain for long; everybody else is told at once.
    let at_once = refused.iter().filter(|took| **took < Duration::from_secs(2)).count();
    let waiting = usize::try_from(threads).expect("a number") * 64;
    assert!(at_once >= attempts.saturating_sub(waiting + attempts / 4), "{at_once} of {attempts} were told at once");
    let given_up = answers.get(&0).map_or(0, Vec::len);
    assert!(given_up <= waiting + 8, "{given_up} waited in vain");
    assert_usable(&quiet, &busy, most, most.saturating_sub(before));
    assert!(most.saturating_sub(before) < threads * HASH_KIB + (50 << 10), "{before} KiB grew to {most} KiB");
}
