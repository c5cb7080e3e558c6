//! T159: no file can be opened any more.

use crate::support::program::{Browser, Home, Serving, webhook};
use crate::support::raw;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

fn open_files(serving: &Serving) -> u64 {
    std::fs::read_dir(format!("/proc/{}/fd", serving.pid())).expect("a living process").count() as u64
}

fn limit(serving: &Serving, most: u64) {
    let pid = Pid::from_raw(i32::try_from(serving.pid()).expect("an id"));
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(most), maximum }).expect("a limit");
}

/// One request after the other over one connection.
async fn ask(stream: &mut tokio::net::TcpStream, host: &str, path: &str, cookie: &str, patience: Duration) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    String::from_utf8_lossy(&raw::rest(stream, patience).await).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t159_without_a_file_to_open_nothing_breaks_for_good() {
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let host = serving.base.trim_start_matches("http://").to_owned();
    let mut kept = raw::connect(&serving.base).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Fewer than are open already, so that none is left over from what is closed meanwhile.
    limit(&serving, 8);
    // A connection that is there is still answered, if only with the news.
    let answer = ask(&mut kept, &host, "/w/acme/credentials", admin.cookie(), Duration::from_millis(6500)).await;
    assert!(matches!(raw::status(&answer), 200 | 503), "{answer}");
    // A new one waits in the system's queue; nobody is let in.
    let mut waiting = raw::connect(&serving.base).await;
    let answer = ask(&mut waiting, &host, "/health/live", "", Duration::from_secs(1)).await;
    assert_eq!(raw::status(&answer), 0, "{answer}");
    limit(&serving, 1024);
    let began = Instant::now();
    let answer = raw::rest(&mut waiting, Duration::from_secs(3)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "it is let in now: {}", String::from_utf8_lossy(&answer));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(admin.get("/w/acme/credentials").await.expect("an answer").status, 200);
    let made = admin.post("/w/acme/credentials", &webhook("Afterwards", "a signing secret afterwards")).await;
    assert_eq!(made.expect("an answer").status, 303);
    drop(serving);
    assert!(home.run(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t159_more_connections_than_files_leave_enough_for_the_database() {
    let home = Home::set_up();
    // As many as one process may open on a small system.
    let serving = Serving::start(home.command_under("prlimit", &["--nofile=180:180"]));
    let admin = Browser::sign_in(&serving.base).await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(raw::connect(&serving.base).await);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(open_files(&serving) < 175, "{} files are open", open_files(&serving));
    // The crowd says nothing, and in ten seconds the next are let in; the database and the files have what they need.
    let asked = tokio::time::timeout(Duration::from_secs(30), admin.get("/w/acme/credentials")).await;
    assert_eq!(asked.expect("let in in time").expect("an answer").status, 200);
    let form = webhook("In the crowd", "a signing secret in a crowd");
    let made = tokio::time::timeout(Duration::from_secs(30), admin.post("/w/acme/credentials", &form)).await;
    assert_eq!(made.expect("let in in time").expect("an answer").status, 303);
    drop(crowd);
}
