//! A staged rotation under a storm of readers: each answer is the whole old or the whole new value, never an error.

use crate::support::app::{ACME, TestApp};
use crate::support::bots::Machine;
use chrono::TimeDelta;
use credenza::jobs;
use credenza::model::audit::Outcome;
use credenza::model::bot_token::Scope;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

const OLD: &str = "the old signing secret of a shop";
const NEW: &str = "the new signing secret of a shop";
/// Readers of each kind at once.
const READERS: usize = 8;
/// Times that the rotation is taken back and forth.
const SWAPS: usize = 8;

/// How often each version came with each secret.
type Answers = BTreeMap<(i64, String), usize>;

struct Storm {
    token: String,
    over: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
}

impl Storm {
    /// Readers of an address, until it is over.
    fn read(&self, app: &TestApp, path: &str) -> Vec<JoinHandle<Answers>> {
        let reader = |_| {
            let (machine, path) = (app.machine(&self.token), path.to_owned());
            tokio::spawn(read(machine, path, self.over.clone(), self.count.clone()))
        };
        (0..READERS).map(reader).collect()
    }

    /// Waits until so many more answers came.
    async fn blow(&self, more: usize) {
        let wanted = self.count.load(Ordering::SeqCst) + more;
        while self.count.load(Ordering::SeqCst) < wanted {
            sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn read(machine: Machine, path: String, over: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Answers {
    let mut answers = Answers::new();
    while !over.load(Ordering::SeqCst) {
        let reply = machine.get(&path).await.expect(200);
        let json = reply.json();
        let version = json["version"].as_i64().expect("a number");
        assert_eq!(reply.header("credenza-version"), Some(version.to_string().as_str()));
        let secret = json["values"]["signing_secret"].as_str().expect("a secret").to_owned();
        *answers.entry((version, secret)).or_default() += 1;
        count.fetch_add(1, Ordering::SeqCst);
    }
    answers
}

/// What all readers got together; each of them got something.
async fn ended(readers: Vec<JoinHandle<Answers>>) -> Answers {
    let mut all = Answers::new();
    for reader in readers {
        let answers = reader.await.expect("a reader never gets an error");
        assert!(!answers.is_empty(), "a reader got nothing");
        for (answer, n) in answers {
            *all.entry(answer).or_default() += n;
        }
    }
    all
}

fn kinds(answers: &Answers) -> Vec<(i64, &str)> {
    answers.keys().map(|(version, secret)| (*version, secret.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t141_readers_over_http_get_the_whole_old_or_the_whole_new_value() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", OLD).await;
    let bot = app.bot("Shop worker").await;
    let key = app.block(&bot, "Shop events", "website", Some(&id)).await;
    let token = app.token(&bot, &[Scope::Fetch], None).await.text;
    let storm = Storm { token, over: Arc::default(), count: Arc::default() };
    let secret = "/api/v1/credentials/shop-events/secret";
    let mut live = storm.read(&app, secret);
    live.extend(storm.read(&app, &format!("/api/v1/blocks/{key}/secret")));
    let old = storm.read(&app, &format!("{secret}?version=1"));
    storm.blow(READERS).await;

    let moment = app.means.now().plus(TimeDelta::minutes(5)).utc().format("%Y-%m-%dT%H:%M").to_string();
    let form = [("f.signing_secret", NEW), ("serve", "at"), ("serve_at", moment.as_str()), ("keep_hours", "24")];
    let rotation = format!("/w/acme/credentials/{id}/rotation");
    admin.post(&rotation, &form).await.expect(303);
    storm.blow(READERS).await;
    let machine = app.machine(&storm.token);
    assert_eq!(machine.get(secret).await.expect(200).json()["values"]["signing_secret"], OLD, "not before its moment");
    let early = machine.get(&format!("{secret}?version=2")).await;
    assert_eq!(early.problem(410), "version-gone", "nor for who asks for it");

    app.means.clock.advance(TimeDelta::minutes(6));
    jobs::versions::move_due(&app.state).await.expect("a round");
    let new = storm.read(&app, &format!("{secret}?version=2"));
    assert_eq!(machine.get(secret).await.expect(200).json()["values"]["signing_secret"], NEW, "from its moment on");
    for n in 0..SWAPS {
        storm.blow(READERS).await;
        admin.post(&format!("{rotation}/rollback"), &[]).await.expect(303);
        let expected = if n % 2 == 0 { OLD } else { NEW };
        assert_eq!(machine.get(secret).await.expect(200).json()["values"]["signing_secret"], expected, "swap {n}");
    }
    storm.blow(READERS).await;
    storm.over.store(true, Ordering::SeqCst);

    let (live, old, new) = (ended(live).await, ended(old).await, ended(new).await);
    assert_eq!(kinds(&live), [(1, OLD), (2, NEW)], "whole values, and both were met: {live:?}");
    assert_eq!(kinds(&old), [(1, OLD)], "who asks for the old one gets it all the while: {old:?}");
    assert_eq!(kinds(&new), [(2, NEW)], "and the new one: {new:?}");
    let asked = storm.count.load(Ordering::SeqCst) + 2 + SWAPS;
    let events = app.events(ACME).await;
    let lines = events.iter().filter(|event| event.action == "credential.fetched" && event.outcome == Outcome::Allow);
    assert_eq!(lines.count(), asked, "one line for each value that left");
    app.prove_audit().await;
}
