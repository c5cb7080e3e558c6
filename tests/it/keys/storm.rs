//! Writers and readers go on while keys rotate, three times over, and while backups are taken: nothing that was
//! acknowledged is lost, nothing is unreadable for a moment, no retired key is used.

use super::{Inside, keys, sealed_under};
use crate::support::database::is_postgres;
use crate::support::dump::lines;
use crate::support::program::{Browser, Home, webhook};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIST: &str = "/w/acme/credentials";

/// What was acknowledged: the secret of each credential by name, and where its page is.
#[derive(Default)]
struct Ledger {
    secrets: Mutex<BTreeMap<String, String>>,
    pages: Mutex<Vec<String>>,
    stop: AtomicBool,
    reads: AtomicU64,
}

impl Ledger {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn note(&self, name: &str, secret: &str) {
        self.secrets.lock().expect("a ledger").insert(name.to_owned(), secret.to_owned());
    }
}

/// Sends until it is let in: only so many checks run at once.
async fn send(admin: &Browser, path: &str, form: &[(&str, &str)]) -> String {
    loop {
        let answer = admin.post(path, form).await.expect("an answer");
        match answer.status {
            303 => return answer.location,
            429 => tokio::time::sleep(Duration::from_millis(10)).await,
            other => panic!("{path}: {other}: {}", answer.body),
        }
    }
}

/// Creates credentials and gives each a second secret.
async fn write(admin: Browser, client: u32, ledger: Arc<Ledger>) {
    let mut number = 0;
    while ledger.goes_on() {
        let (name, first) = (format!("client {client} number {number}"), format!("the first of {client} {number}"));
        let page = send(&admin, LIST, &webhook(&name, &first)).await.split('?').next().expect("a path").to_owned();
        ledger.note(&name, &first);
        let second = format!("the second of {client} {number}");
        send(&admin, &format!("{page}/rotation"), &[("f.signing_secret", &second)]).await;
        ledger.note(&name, &second);
        ledger.pages.lock().expect("a ledger").push(page);
        number += 1;
    }
}

/// Looks at lists and pages and has stored values opened.
async fn read(admin: Browser, ledger: Arc<Ledger>) {
    while ledger.goes_on() {
        let list = admin.get(LIST).await.expect("an answer");
        assert_eq!(list.status, 200, "{}", list.body);
        let page = {
            let pages = ledger.pages.lock().expect("a ledger");
            pages.get(getrandom::u32().expect("a number") as usize % pages.len().max(1)).cloned()
        };
        if let Some(page) = page {
            assert_eq!(admin.get(&page).await.expect("an answer").status, 200);
            send(&admin, &format!("{page}/checks"), &[]).await;
        }
        ledger.reads.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t121_writers_and_readers_go_on_while_keys_rotate_and_backups_are_taken() {
    let home = Home::set_up_on_any();
    Inside::of(&home).fill("before", 120).await;
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let ledger = Arc::new(Ledger::default());
    let mut clients: Vec<_> = (0..3).map(|client| tokio::spawn(write(admin.clone(), client, ledger.clone()))).collect();
    clients.extend((0..2).map(|_| tokio::spawn(read(admin.clone(), ledger.clone()))));
    let outside = tempfile::tempdir().expect("a directory");
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (code, said) = home.said(&["keys", "rotate"]);
        assert!(code == Some(0) && said.contains("is retired"), "round {round}: {said}");
        if !is_postgres() {
            let file = outside.path().join(format!("{round}.db")).display().to_string();
            let (code, said) = home.said(&["backup", &file]);
            assert_eq!(code, Some(0), "round {round}: {said}");
            let (code, said) = home.said(&["drill", &file]);
            assert_eq!(code, Some(0), "round {round}: {said}");
        }
    }
    ledger.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("a client");
    }
    drop(serving);
    let (faults, _) = Inside::of(&home).drill().await;
    assert!(faults.is_empty(), "{faults:#?}");
    let mut conn = home.connect();
    let ring: Vec<String> = keys(&mut conn, "acme").into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(ring, ["retired", "retired", "retired", "active"]);
    assert_eq!(sealed_under(&mut conn).into_keys().collect::<Vec<_>>(), [4]);
    let statuses = lines(&mut conn, "SELECT DISTINCT status AS line FROM credentials");
    assert_eq!(statuses, ["unverified"], "nothing was taken for unreadable");
    let found = Inside::of(&home).secrets().await;
    let acknowledged = std::mem::take(&mut *ledger.secrets.lock().expect("a ledger"));
    for (name, secret) in &acknowledged {
        let stored = &found[name];
        // A client that was stopped between the two.
        assert!(stored == secret || *stored == secret.replace("first", "second"), "{name}: {stored}");
    }
    let reads = ledger.reads.load(Ordering::Relaxed);
    assert!(acknowledged.len() > 10 && reads > 10, "{} written, {reads} read", acknowledged.len());
    assert_eq!(home.said(&["audit", "verify"]).0, Some(0));
    for entry in
        std::fs::read_dir(home.data()).expect("a directory").chain(std::fs::read_dir(outside.path()).expect("one"))
    {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for needle in ["the second of", "a signing secret"] {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle.as_bytes()), "{} tells", path.display());
        }
    }
    println!("{} credentials written and {reads} rounds of reading during 3 rotations", acknowledged.len());
}
