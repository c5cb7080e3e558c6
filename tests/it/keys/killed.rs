//! T121: a rotation is killed at each of its steps, and at any moment; every secret opens, the keys agree with each
//! other, and a second run completes what the first one left.
//!
//! Each named step once and a few moments run with the other tests. The long form takes the number of moments from
//! the environment:
//!
//! ```text
//! ROTATION_ROUNDS=200 cargo test --test it t121_t175_killed -- --nocapture
//! ```

use super::{Inside, keys, sealed_under, secret_of};
use crate::support::program::Home;
use credenza::model::root_key;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What the command says after each step, once it is committed.
const STEPS: [&str; 5] = ["seals from now on", "100 sealed anew", " 0 left", "is retired", "written anew"];
const CREDENTIALS: usize = 130;

/// Runs a rotation and kills it when it has said `word`, or after so long.
fn kill(home: &Home, word: Option<&str>, after: Duration) {
    let mut child = home
        .command()
        .args(["keys", "rotate"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    match word {
        None => std::thread::sleep(after),
        Some(word) => {
            let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
            let said = lines.map_while(Result::ok).any(|line| line.contains(word));
            assert!(said, "it never said “{word}”");
        }
    }
    child.kill().expect("a child");
    child.wait().expect("an end");
}

/// Everything opens, under keys that are there; exactly one key seals.
async fn judge(home: &Home, what: &str) {
    let inside = Inside::of(home);
    let (faults, counts) = inside.drill().await;
    assert!(faults.is_empty(), "{what}: {faults:#?}");
    let found = inside.secrets().await;
    assert_eq!((found.len(), counts.opened), (CREDENTIALS, CREDENTIALS as i64), "{what}");
    assert!(found.iter().all(|(name, secret)| *secret == secret_of(name)), "{what}");
    let mut conn = home.connect();
    let ring = keys(&mut conn, "acme");
    assert_eq!(ring.iter().filter(|(_, state, _)| state == "active").count(), 1, "{what}: {ring:?}");
    for key in sealed_under(&mut conn).keys() {
        assert!(ring.iter().any(|(version, state, _)| version == key && state != "retired"), "{what}: {ring:?}");
    }
}

/// A second run leaves one key and nothing under any other.
async fn completes(home: &Home, what: &str) {
    let (code, said) = home.said(&["keys", "rotate"]);
    assert_eq!(code, Some(0), "{what}: {said}");
    judge(home, what).await;
    let mut conn = home.connect();
    let ring = keys(&mut conn, "acme");
    let (active, others): (Vec<_>, Vec<_>) = ring.iter().partition(|(_, state, _)| state == "active");
    assert!(others.iter().all(|(_, state, wrapped)| state == "retired" && *wrapped == 0), "{what}: {ring:?}");
    assert_eq!(sealed_under(&mut conn), [(active[0].0, CREDENTIALS)].into(), "{what}");
    assert_eq!(root_key::due_compaction(&mut conn).expect("a time"), None, "{what}");
    let (code, said) = home.said(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{what}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t121_t175_killed_at_each_step_a_rotation_is_completed_by_the_next() {
    let rounds: u32 = std::env::var("ROTATION_ROUNDS").map_or(2, |text| text.parse().expect("a number of rounds"));
    let home = Home::set_up_on_any();
    Inside::of(&home).fill("credential", CREDENTIALS).await;
    for step in STEPS {
        kill(&home, Some(step), Duration::ZERO);
        judge(&home, step).await;
        completes(&home, step).await;
    }
    let began = Instant::now();
    completes(&home, "a whole one").await;
    let whole = u32::try_from(began.elapsed().as_millis()).expect("a time");
    for round in 1..=rounds {
        let after = Duration::from_millis(u64::from(getrandom::u32().expect("a number") % whole));
        let what = format!("round {round}, after {after:?}");
        if round.is_multiple_of(2) {
            kill(&home, None, after);
        } else {
            // The server goes on with what was begun at the shell, and is killed at that.
            assert_eq!(home.said(&["keys", "rotate", "--background"]).0, Some(0), "{what}");
            let serving = home.serve();
            std::thread::sleep(after);
            serving.kill();
        }
        judge(&home, &what).await;
        completes(&home, &what).await;
    }
    println!("{} steps and {rounds} moments of a rotation of {CREDENTIALS} credentials", STEPS.len());
}
