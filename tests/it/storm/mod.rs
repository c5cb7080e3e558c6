//! T146: the program is killed in the middle of many writes, again and again; what it acknowledged is there,
//! with its audit line, and nothing is there by half.
//!
//! Twenty kills run with the other tests. The long form takes its number from the environment:
//!
//! ```text
//! STORM_ROUNDS=500 cargo test --test it t146 -- --nocapture
//! ```
#![cfg(test)]

pub mod ledger;

use crate::support::program::{Browser, Home, webhook};
use ledger::Ledger;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: u64 = 8;
/// Who reads beside them.
const READERS: u64 = 2;
/// A kill comes at most so long after the first request.
const LONGEST: u32 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t146_what_was_acknowledged_survives_kill_9() {
    let rounds: u32 = std::env::var("STORM_ROUNDS").map_or(20, |text| text.parse().expect("a number of rounds"));
    let home = Home::set_up();
    let (ledger, numbers) = (Arc::new(Ledger::default()), Arc::new(AtomicU64::new(0)));
    let (began, mut browser) = (Instant::now(), None::<Browser>);
    for round in 1..=rounds {
        let serving = home.serve();
        // The first session outlives every kill.
        let admin = match &browser {
            Some(known) => known.moved(&serving.base),
            None => Browser::sign_in(&serving.base).await,
        };
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(storm(admin.clone(), ledger.clone(), numbers.clone()))).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read(admin.clone(), stop.clone()))).collect();
        browser = Some(admin);
        tokio::time::sleep(Duration::from_millis(u64::from(getrandom::u32().expect("a number") % LONGEST))).await;
        serving.kill();
        for client in clients {
            client.await.expect("a client");
        }
        for reader in readers {
            reader.await.expect("a reader");
        }
        // Recovery is the program's own: it starts, and only then the file is looked at.
        drop(home.serve());
        ledger.judge(&home.url());
        let verified = home.run(&["audit", "verify"]);
        assert!(verified.status.success(), "round {round}: {}", String::from_utf8_lossy(&verified.stdout));
    }
    drill(&home);
    let acknowledged = ledger.acknowledged();
    println!("{rounds} kills, {acknowledged} acknowledged writes, all there, in {:?}", began.elapsed());
    assert!(acknowledged > u64::from(rounds), "too few writes were under way to prove anything: {acknowledged}");
}

/// Creates, renames, deletes and restores until the other side is gone.
async fn storm(admin: Browser, ledger: Arc<Ledger>, numbers: Arc<AtomicU64>) {
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if turn(&admin, &ledger, number).await.is_none() {
            return;
        }
    }
}

/// Reads the list until it is told to stop or the other side is gone; how often. Whatever becomes of writes, it comes.
pub async fn read(admin: Browser, stop: Arc<AtomicBool>) -> u64 {
    let mut pages = 0;
    while !stop.load(Ordering::SeqCst) {
        let Ok(answer) = admin.get("/w/acme/credentials").await else { break };
        assert_eq!(answer.status, 200, "{}", answer.body);
        pages += 1;
    }
    pages
}

/// Makes a backup elsewhere and goes through it: nothing may be wrong.
pub fn drill(home: &Home) {
    let outside = tempfile::tempdir().expect("a directory");
    let file = outside.path().join("backup.db").display().to_string();
    for command in ["backup", "drill"] {
        let (code, said) = home.said(&[command, &file]);
        assert_eq!(code, Some(0), "{command}: {said}");
    }
}

/// One credential's life; `None` when an answer did not come.
async fn turn(admin: &Browser, ledger: &Ledger, number: u64) -> Option<()> {
    let name = format!("storm {number}");
    let secret = format!("a signing secret, number {number}");
    let list = "/w/acme/credentials";
    let id = loop {
        ledger.tries_to_create(&name);
        let answer = admin.post(list, &webhook(&name, &secret)).await.ok()?;
        match answer.status {
            303 => break answer.location.strip_prefix(&format!("{list}/"))?.split('?').next()?.to_owned(),
            // Only so many checks run at once: nothing was done.
            429 => ledger.was_refused(&name),
            other => panic!("creating: {other} {}", answer.body),
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    };
    ledger.created(&name, &id);
    let renamed = format!("{name} renamed");
    ledger.tries(&id, Some(&renamed), None);
    done(admin.post(&format!("{list}/{id}/name"), &[("name", renamed.as_str())]).await.ok()?);
    ledger.acknowledge(&id);
    if number.is_multiple_of(3) {
        return Some(());
    }
    ledger.tries(&id, None, Some(true));
    done(admin.post(&format!("{list}/{id}/deletion"), &[("confirm_name", renamed.as_str())]).await.ok()?);
    ledger.acknowledge(&id);
    if number % 3 == 1 {
        ledger.tries(&id, None, Some(false));
        done(admin.post(&format!("{list}/{id}/restoration"), &[("name", "")]).await.ok()?);
        ledger.acknowledge(&id);
    }
    Some(())
}

fn done(answer: crate::support::program::Answer) {
    assert_eq!(answer.status, 303, "{}", answer.body);
}

/// Creates, renames, deletes and restores until it is told to stop. An answer that does not come, and 503, leave
/// open what became of the act; nobody may be signed out by it.
pub async fn persist(admin: Browser, ledger: Arc<Ledger>, numbers: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if life(&admin, &ledger, number).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn life(admin: &Browser, ledger: &Ledger, number: u64) -> Option<()> {
    let list = "/w/acme/credentials";
    let name = format!("storm {number}");
    ledger.tries_to_create(&name);
    let made = certain(admin.post(list, &webhook(&name, "a signing secret of a storm")).await)?;
    if made.status == 429 {
        ledger.was_refused(&name);
        return None;
    }
    assert_eq!(made.status, 303, "{}", made.body);
    let id = made.location.strip_prefix(&format!("{list}/"))?.split('?').next()?.to_owned();
    ledger.created(&name, &id);
    let renamed = format!("{name} renamed");
    for (act, form, name, deleted) in [
        ("name", ("name", renamed.as_str()), Some(renamed.as_str()), None),
        ("deletion", ("confirm_name", renamed.as_str()), None, Some(true)),
        ("restoration", ("name", ""), None, Some(false)),
    ] {
        ledger.tries(&id, name, deleted);
        let done = certain(admin.post(&format!("{list}/{id}/{act}"), &[form]).await)?;
        assert_eq!(done.status, 303, "{act}: {}", done.body);
        assert!(done.location.starts_with("/w/acme"), "{act} led to {}", done.location);
        ledger.acknowledge(&id);
    }
    Some(())
}

/// An answer that says what became of the act.
fn certain(answer: Result<crate::support::program::Answer, reqwest::Error>) -> Option<crate::support::program::Answer> {
    answer.ok().filter(|answer| answer.status != 503)
}
