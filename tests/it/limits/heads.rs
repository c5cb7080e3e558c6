//! Heads that no page needs.

use crate::headers::assert_armoured;
use crate::support::app::TestApp;
use crate::support::person::sent;
use crate::support::raw;

fn request(app: &TestApp, path: &str, headers: &str) -> Vec<u8> {
    let host = app.base.trim_start_matches("http://");
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

#[tokio::test]
async fn t131_a_head_has_at_most_16_kib_and_100_headers() {
    let app = TestApp::start().await;
    let many = |n: usize| (0..n).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
    let long = |n: usize| format!("X-Long: {}\r\n", "y".repeat(n));
    let address = |n: usize| format!("/sign-in?next={}", "n".repeat(n));
    for (path, headers, wanted) in [
        ("/sign-in".to_owned(), many(60), 200),
        ("/sign-in".to_owned(), many(99), 431),
        ("/sign-in".to_owned(), many(500), 431),
        ("/sign-in".to_owned(), long(15 << 10), 200),
        ("/sign-in".to_owned(), long(16 << 10), 431),
        ("/sign-in".to_owned(), long(150 << 10), 431),
        ("/sign-in".to_owned(), format!("{}{}", long(9 << 10), long(9 << 10)), 431),
        (address(15 << 10), String::new(), 200),
        (address(17 << 10), String::new(), 431),
        (format!("/static/css/app.css?v={}", "v".repeat(17 << 10)), String::new(), 431),
    ] {
        let (status, _) = raw::ask(&app.base, &request(&app, &path, &headers)).await;
        assert_eq!(status, wanted, "{} and {} bytes", path.len(), headers.len());
    }
    let told = sent(app.anon().request("GET", "/sign-in").header("X-Long", "y".repeat(20 << 10))).await.expect(431);
    assert_armoured(&told, "a head that is too large");
    assert_eq!(told.attributes("[data-code]", "data-code"), ["head_too_large"], "{}", told.body);
}

#[tokio::test]
async fn what_is_no_request_is_answered_400_and_the_connection_closed() {
    let app = TestApp::start().await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        assert_eq!(raw::ask(&app.base, garbage).await.0, 400, "{garbage:?}");
    }
    for twice in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let host = app.base.trim_start_matches("http://");
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n{twice}\r\nabc"
        );
        let (status, _) = raw::ask(&app.base, head.as_bytes()).await;
        assert!((400..500).contains(&status), "{twice:?}: {status}");
    }
}

#[tokio::test]
async fn t133_http_2_is_not_spoken() {
    let app = TestApp::start().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (status, answer) = raw::ask(&app.base, preface).await;
    assert_eq!(status, 400, "{answer:?}");
    let upgrade = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let (status, answer) = raw::ask(&app.base, &request(&app, "/sign-in", upgrade)).await;
    assert!(status == 200 && answer.starts_with("HTTP/1.1 200"), "as if nothing had been asked: {answer:?}");
}
