//! T131: clients that send or take next to nothing. The long form:
//!
//! ```text
//! SLOW_CLIENTS=1000 cargo test --test it t131_a_thousand -- --nocapture
//! ```

use super::{assert_usable, many, peak, resident, visits};
use crate::support::program::{Browser, Home};
use crate::support::raw;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Ten seconds, and what a busy machine adds to them.
const CLOSED_WITHIN: Duration = Duration::from_secs(14);

/// One way to be slow: what is sent at once, and what then comes a byte at a time.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Connects and says nothing.
    Silent,
    /// A head that never ends.
    Head,
    /// One good request, then a head that never ends.
    SecondHead,
    /// The same, its beginning sent together with the good request.
    Pipelined,
    /// The body of a form for whoever has not signed in.
    Body,
    /// The body of a form in a workspace.
    BodyInside,
    /// A body in pieces for an address where nothing is.
    BodyNobodyReads,
}

const WAYS: [Slow; 7] =
    [Slow::Silent, Slow::Head, Slow::SecondHead, Slow::Body, Slow::BodyInside, Slow::BodyNobodyReads, Slow::Pipelined];

impl Slow {
    fn begins(self, host: &str, cookie: &str) -> String {
        let head = format!("Host: {host}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n");
        let form = format!("{head}Content-Type: application/x-www-form-urlencoded\r\n");
        match self {
            Self::Silent => String::new(),
            Self::Head => format!("GET /sign-in HTTP/1.1\r\n{head}X-Slow: "),
            Self::SecondHead => format!("GET /health/live HTTP/1.1\r\n{head}\r\n"),
            Self::Pipelined => format!("GET /health/live HTTP/1.1\r\n{head}\r\nGET /health/live HTT"),
            Self::Body => format!("POST /sign-in HTTP/1.1\r\n{form}Content-Length: 10000\r\n\r\nemail="),
            Self::BodyInside => {
                format!("POST /w/acme/credentials HTTP/1.1\r\n{form}Content-Length: 10000\r\n\r\nname=")
            }
            Self::BodyNobodyReads => {
                format!("POST /nothing HTTP/1.1\r\n{form}Transfer-Encoding: chunked\r\n\r\n")
            }
        }
    }

    /// What comes then, every half a second.
    fn drip(self) -> &'static [u8] {
        match self {
            Self::Silent | Self::Pipelined => b"",
            Self::BodyNobodyReads => b"1\r\nx\r\n",
            _ => b"G",
        }
    }
}

/// How long it took until the other side gave up, from the first slow byte.
async fn endures(base: String, cookie: String, way: Slow) -> Duration {
    let mut stream = raw::connect(&base).await;
    stream.write_all(way.begins(base.trim_start_matches("http://"), &cookie).as_bytes()).await.expect("a beginning");
    if matches!(way, Slow::SecondHead | Slow::Pipelined) {
        let mut answer = [0; 2048];
        assert!(stream.read(&mut answer).await.expect("an answer") > 0);
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
    let began = Instant::now();
    let mut buffer = [0; 4096];
    loop {
        // Whatever is answered meanwhile is read and waited behind: only the end counts.
        match tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return began.elapsed(),
            Ok(Ok(_)) => {}
            Err(_) if stream.write_all(way.drip()).await.is_err() => return began.elapsed(),
            Err(_) => {}
        }
        assert!(began.elapsed() < Duration::from_secs(100), "{way:?} was endured for {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t131_a_thousand_slow_clients_are_closed_and_others_served() {
    let clients = many("SLOW_CLIENTS", 60);
    // What stands in the server's buffer already is as quiet as a connection that is kept open, and kept as long (75 s);
    // then it is a head that must end in ten seconds.
    let ways = if clients < 1000 { &WAYS[..6] } else { &WAYS };
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let quiet = visits(&admin, "/w/acme/credentials", Duration::from_secs(1)).await;
    let before = resident(&serving);
    let untaken = tokio::spawn(untaken(admin.clone(), serving.base.clone()));
    let slow: Vec<_> = (0..clients)
        .map(|n| {
            let (way, base, cookie) = (ways[n % ways.len()], serving.base.clone(), admin.cookie().to_owned());
            tokio::spawn(async move { (way, endures(base, cookie, way).await) })
        })
        .collect();
    let (busy, most) = peak(&serving, visits(&admin, "/w/acme/credentials", Duration::from_secs(12))).await;
    assert_usable(&quiet, &busy, most, most.saturating_sub(before));
    for one in slow {
        let (way, took) = one.await.expect("a client");
        let limit = if matches!(way, Slow::Pipelined) { Duration::from_secs(88) } else { CLOSED_WITHIN };
        assert!(took < limit, "{way:?} was endured for {took:?}");
    }
    let took = untaken.await.expect("a client");
    assert!(took < Duration::from_secs(20), "an answer that nobody takes was held for {took:?}");
    assert!(most.saturating_sub(before) < 64 << 10, "{before} KiB grew to {most} KiB");
}

/// Asks for far more than the system's buffers hold and takes none of it; how long until the other side gave up.
async fn untaken(admin: Browser, base: String) -> Duration {
    let page = admin.get("/account").await.expect("a page").body;
    let script = page.split('"').find(|part| part.contains("htmx-")).expect("the largest file").to_owned();
    let host = base.trim_start_matches("http://");
    let mut stream = raw::connect(&base).await;
    let asked = format!("GET {script} HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(400);
    let (began, mut sent) = (Instant::now(), 0);
    while sent < asked.len() {
        match tokio::time::timeout(Duration::from_secs(1), stream.write(&asked.as_bytes()[sent..])).await {
            Ok(Ok(n)) => sent += n,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    loop {
        // A byte more is refused once the other side has given up.
        match tokio::time::timeout(Duration::from_secs(1), stream.write(b"G")).await {
            Ok(Err(_)) => return began.elapsed(),
            _ if began.elapsed() > Duration::from_secs(40) => return began.elapsed(),
            _ => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}
