//! T158: told to stop, the program answers what it was asked, folds its log in and ends well.

use crate::support::http_server::{Answer, HttpServer};
use crate::support::program::{Browser, Home, Serving, webhook};
use crate::support::raw;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

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

/// A console that may call a service which answers after `late`, and a check of it that is under way.
async fn waiting(home: &Home, late: Duration) -> (Serving, HttpServer, tokio::task::JoinHandle<Option<u16>>) {
    let later = Answer::Late(late, Box::new(Answer::json(200, &serde_json::json!({}))));
    let service = HttpServer::start(None, vec![later]).await;
    let mut command = home.command();
    command.env("CREDENZA_EGRESS_ALLOW", format!("http://{}", service.addr));
    let serving = Serving::start(command);
    let admin = Browser::sign_in(&serving.base).await;
    let base = format!("http://{}", service.addr);
    let asking = tokio::spawn(async move {
        let form = [
            ("integration", "http"),
            ("method", "bearer"),
            ("name", "Under way"),
            ("f.base_url", base.as_str()),
            ("f.check_path", "/me"),
            ("f.token", "token-of-the-service"),
        ];
        admin.post("/w/acme/credentials", &form).await.ok().map(|answer| answer.status)
    });
    while service.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (serving, service, asking)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t158_what_is_under_way_is_finished_and_nobody_new_is_let_in() {
    for signal in [Signal::TERM, Signal::INT] {
        let home = Home::set_up();
        let (mut serving, _service, asking) = waiting(&home, Duration::from_millis(1200)).await;
        serving.signal(signal);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let address = serving.base.trim_start_matches("http://").to_owned();
        let late = tokio::net::TcpStream::connect(&address).await;
        assert!(late.is_err(), "somebody new was let in");
        assert_eq!(asking.await.expect("a request"), Some(303), "what was under way was finished");
        assert_eq!(serving.wait(Duration::from_secs(35)).code(), Some(0));
        assert_eq!(home.rows("SELECT name AS line FROM credentials"), ["Under way"]);
        assert!(home.run(&["audit", "verify"]).status.success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t158_the_second_signal_does_not_wait() {
    let home = Home::set_up();
    let (mut serving, _service, asking) = waiting(&home, Duration::from_secs(9)).await;
    serving.signal(Signal::TERM);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(Duration::from_secs(35)).code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(asking.await.expect("a request"), None, "cut off, not answered");
    assert!(home.rows("SELECT name AS line FROM credentials").is_empty());
    assert!(home.run(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t158_connections_that_are_only_kept_open_hold_nothing_up() {
    let home = Home::set_up();
    let mut serving = home.serve();
    let host = serving.base.trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = raw::connect(&serving.base).await;
        let request = format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let answer = raw::rest(&mut stream, Duration::from_secs(1)).await;
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        idle.push(stream);
    }
    let began = Instant::now();
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(Duration::from_secs(35)).code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
