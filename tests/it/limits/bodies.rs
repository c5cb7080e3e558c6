//! Floods of large bodies. The long form:
//!
//! ```text
//! LARGE_BODIES=1000 cargo test --test it t131_a_flood_of_large -- --nocapture
//! ```

use super::{assert_usable, many, peak, resident, visits};
use crate::support::program::{Browser, Home, webhook};
use crate::support::raw;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const FORM: &str = "application/x-www-form-urlencoded";
/// Just below the largest form.
const LARGE: usize = (1 << 20) - 64;

/// What so many bodies at the same time may take, in KiB: the large ones that are read, and what a connection takes while
/// it is answered, however large its body is.
fn flat(bodies: usize) -> u64 {
    (96 << 10) + bodies as u64 * 60
}

/// A form of which all but the last byte has been sent.
async fn held(base: &str, path: &str, cookie: &str) -> TcpStream {
    let mut stream = raw::connect(base).await;
    let host = base.trim_start_matches("http://");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n\
         Content-Type: {FORM}\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    let mut body = vec![b'x'; LARGE - 1];
    body[..5].copy_from_slice(b"name=");
    // A server that has no room answers before all of it was sent.
    drop(tokio::time::timeout(Duration::from_secs(2), stream.write_all(&body)).await);
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t131_a_flood_of_large_forms_takes_bounded_memory_and_keeps_no_small_one_out() {
    let bodies = many("LARGE_BODIES", 90);
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let quiet = visits(&admin, "/w/acme/credentials", Duration::from_secs(1)).await;
    let before = resident(&serving);
    let flood = async {
        let held: Vec<_> = (0..bodies)
            .map(|_| {
                let (base, cookie) = (serving.base.clone(), admin.cookie().to_owned());
                tokio::spawn(async move { held(&base, "/w/acme/credentials", &cookie).await })
            })
            .collect();
        let mut streams = Vec::new();
        for one in held {
            streams.push(one.await.expect("a client"));
        }
        // While all of them are held: small forms are taken, pages are drawn.
        let made = admin.post("/w/acme/credentials", &webhook("Small", "a small signing secret")).await;
        assert_eq!(made.expect("an answer").status, 303, "a small form was kept out");
        let busy = visits(&admin, "/w/acme/credentials", Duration::from_secs(1)).await;
        let mut statuses = Vec::new();
        for mut stream in streams {
            drop(stream.write_all(b"x").await);
            let answer = String::from_utf8_lossy(&raw::rest(&mut stream, Duration::from_secs(15)).await).into_owned();
            statuses.push(raw::status(&answer));
            if raw::status(&answer) == 503 {
                assert!(answer.to_lowercase().contains("retry-after: 5"), "{answer}");
            }
        }
        (busy, statuses)
    };
    let ((busy, statuses), most) = peak(&serving, flood).await;
    assert_usable(&quiet, &busy, most, most.saturating_sub(before));
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    println!(
        "{} read to their end, {} without room, {} given up as too slow, {} cut off",
        count(422),
        count(503),
        count(408),
        count(0)
    );
    // A name as long as that is refused; a client whose answer came while it was sending may see only the end.
    assert!(statuses.iter().all(|status| matches!(status, 422 | 503 | 408 | 0)), "{statuses:?}");
    assert!(count(422) + count(408) >= 8 && count(503) + count(0) >= bodies - 20, "{statuses:?}");
    // The forms themselves, what is decoded of those that are judged, and what the connections hold.
    assert!(most.saturating_sub(before) < flat(bodies), "{before} KiB grew to {most} KiB");
    let again = held(&serving.base, "/w/acme/credentials", admin.cookie()).await;
    let mut again = again;
    again.write_all(b"x").await.expect("room again");
    let answer = raw::rest(&mut again, Duration::from_secs(15)).await;
    assert!(answer.starts_with(b"HTTP/1.1 422"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t131_nobody_from_outside_makes_the_server_keep_a_large_body() {
    let home = Home::set_up();
    let serving = home.serve();
    let before = resident(&serving);
    let flood = async {
        let clients: Vec<_> = (0..many("LARGE_BODIES", 60))
            .map(|n| {
                let (base, path) =
                    (serving.base.clone(), ["/sign-in", "/w/acme/credentials", "/nothing", "/sign-out"][n % 4]);
                tokio::spawn(async move {
                    let mut stream = held(&base, path, "").await;
                    let answer = raw::rest(&mut stream, Duration::from_secs(15)).await;
                    (path, raw::status(&String::from_utf8_lossy(&answer)))
                })
            })
            .collect();
        let mut answers = Vec::new();
        for client in clients {
            answers.push(client.await.expect("a client"));
        }
        answers
    };
    let (answers, most) = peak(&serving, flood).await;
    println!("{} answered from outside; {before} KiB, {most} KiB at most", answers.len());
    for (path, status) in &answers {
        let wanted = match *path {
            "/sign-in" => 413,
            "/nothing" => 404,
            _ => 303,
        };
        // An answer that comes while the body is still being sent may be lost with the connection.
        assert!(*status == wanted || *status == 0, "{path}: {status}");
    }
    assert!(answers.iter().filter(|(_, status)| *status != 0).count() > answers.len() / 4, "{answers:?}");
    assert!(most.saturating_sub(before) < 64 << 10, "{before} KiB grew to {most} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_small_pieces_is_read_whole() {
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let host = serving.base.trim_start_matches("http://");
    // The sizes of the pieces take far more than what is taken in ahead of the reader.
    for (path, cookie, pieces, length) in [
        ("/sign-in", "", 5_000, 1),
        ("/w/acme/credentials", admin.cookie(), 10_000, 90),
        ("/w/acme/credentials", admin.cookie(), 9, 100_000),
    ] {
        let mut stream = raw::connect(&serving.base).await;
        let mut text = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n\
             Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nname=\r\n"
        );
        let piece = format!("{length:x}\r\n{}\r\n", "x".repeat(length));
        text.push_str(&piece.repeat(pieces));
        text.push_str("0\r\n\r\n");
        let began = Instant::now();
        stream.write_all(text.as_bytes()).await.expect("a body");
        let answer = String::from_utf8_lossy(&raw::rest(&mut stream, Duration::from_secs(15)).await).into_owned();
        assert_eq!(raw::status(&answer), 422, "{path} in {pieces} pieces of {length}: {answer}");
        assert!(began.elapsed() < Duration::from_secs(8), "{path} in {pieces} pieces: {:?}", began.elapsed());
    }
}
