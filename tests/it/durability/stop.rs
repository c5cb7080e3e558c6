//! T158: told to stop, the program answers what it was asked, folds its log in and ends well.

use crate::support::program::{Browser, Home, webhook};
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t158_sigterm_loses_no_acknowledged_write() {
    let home = Home::set_up();
    let mut serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let stopping = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4).map(|client| tokio::spawn(create(admin.clone(), client, stopping.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stopping.store(true, Ordering::SeqCst);
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(Duration::from_secs(35)).code(), Some(0));
    let wal = home.data().join("credenza.db-wal");
    assert!(wal.metadata().map_or(0, |found| found.len()) == 0, "the log was folded into the file");
    let serving = home.serve();
    let admin = admin.moved(&serving.base);
    let mut acknowledged = 0;
    for client in clients {
        for path in client.await.expect("a client") {
            assert_eq!(admin.get(&path).await.expect("an answer").status, 200, "{path}");
            acknowledged += 1;
        }
    }
    assert!(acknowledged > 0);
    assert!(home.run(&["audit", "verify"]).status.success());
}

/// Creates until the other side is gone; the addresses of what was acknowledged.
async fn create(admin: Browser, client: u32, stopping: Arc<AtomicBool>) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0.. {
        let name = format!("client {client} number {number}");
        match admin.post("/w/acme/credentials", &webhook(&name, "a signing secret to keep")).await {
            Ok(answer) if answer.status == 303 => made.push(answer.location),
            Ok(answer) if answer.status == 429 => tokio::time::sleep(Duration::from_millis(10)).await,
            Ok(answer) => panic!("{} {}", answer.status, answer.body),
            Err(_) => {
                assert!(stopping.load(Ordering::SeqCst), "it was not told to stop yet");
                break;
            }
        }
    }
    made
}
