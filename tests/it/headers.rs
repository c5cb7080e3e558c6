//! What every answer carries, where unsafe requests may come from, and which bodies are read.

#![cfg(test)]

use crate::support::app::TestApp;
use crate::support::person::{Person, Reply, sent};
use crate::support::raw;
use credenza::web::routes::table;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types default";

/// Fails unless an answer has every header that each answer has.
pub fn assert_armoured(reply: &Reply, what: &str) {
    let wanted = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    for (name, value) in wanted {
        assert_eq!(reply.header(name), Some(value), "{what}: {name}");
    }
    if let Some(kind) = reply.header("content-type")
        && !kind.starts_with("image/")
    {
        assert!(kind.ends_with("charset=utf-8"), "{what}: {kind}");
    }
    assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{what}");
    assert_eq!(reply.header("server"), None, "{what}");
}

#[tokio::test]
async fn t058_t061_t066_every_answer_is_armoured() {
    let app = TestApp::start().await;
    let (admin, anon) = (app.admin().await, app.anon());
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    for route in table() {
        let path = ids.address(route.path, "acme");
        for person in [&admin, &anon] {
            if route.path == "/sign-out" || route.path.ends_with("/deletion") && route.method == "POST" {
                continue;
            }
            let request = person.request(route.method.as_str(), &path).header("Origin", "https://evil.example");
            let reply = sent(request).await;
            assert_armoured(&reply, &path);
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    for path in ["/nothing", "/w/acme/nothing", "/static/nothing.css", "/static/css/app.css", "/static/js/app.js"] {
        assert_armoured(&anon.get(path).await, path);
    }
    for (method, path) in [("PUT", "/sign-in"), ("TRACE", "/"), ("OPTIONS", "/sign-in")] {
        assert_armoured(&sent(anon.request(method, path)).await.expect(405), path);
    }
    let refused = sent(Person::bare(&app.base).request("POST", "/sign-in")).await.expect(403);
    assert_armoured(&refused, "another site");
    assert_eq!(refused.attributes("section[data-code]", "data-code"), ["forbidden"], "a page says why");
    let refused = anon.get("/%00").await.expect(400);
    assert_armoured(&refused, "an address with a NUL");
    assert_eq!(refused.attributes("section[data-code]", "data-code"), ["malformed"], "a page says why");
    let large = sent(anon.request("POST", "/sign-in").body("x".repeat(2 << 20))).await;
    assert_armoured(&large, "too large");
}

#[tokio::test]
async fn t062_unsafe_requests_come_from_our_own_pages() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let ids = app.ids(&admin, &id).await;
    let before = app.kept();
    let bad: [&[(&str, &str)]; 9] = [
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[("Sec-Fetch-Site", "cross-site"), ("Origin", &app.base)],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "http://127.0.0.1:1")],
        &[("Referer", &app.base)],
        &[],
    ];
    let signed_in = sent(
        app.anon()
            .request("POST", "/sign-in")
            .form(&[("email", "admin@acme.example"), ("password", crate::support::person::PASSWORD)]),
    )
    .await;
    let cookie = signed_in.header("set-cookie").and_then(|set| set.split(';').next()).expect("a cookie").to_owned();
    for route in table().iter().filter(|route| route.method == "POST") {
        let path = ids.address(route.path, "acme");
        for headers in bad {
            let bare = Person::bare(&app.base).request("POST", &path).header("Cookie", &cookie);
            let request = headers.iter().fold(bare, |request, (name, value)| request.header(*name, *value));
            assert_eq!(sent(request).await.status, 403, "{path} {headers:?}");
        }
    }
    app.assert_kept(&before);
    for (name, value) in [("Sec-Fetch-Site", "same-origin"), ("Origin", app.base.as_str())] {
        let path = format!("/w/acme/credentials/{id}/name");
        let request = Person::bare(&app.base).request("POST", &path).header("Cookie", &cookie).header(name, value);
        sent(request.form(&[("name", "Shop")])).await.expect(303);
    }
    let odd = Person::bare(&app.base).request("POST", "/sign-in").header("Sec-Fetch-Site", "same-origin");
    sent(odd.header("Origin", "null")).await.expect(422);
}

#[tokio::test]
async fn t065_no_other_origin_is_let_in() {
    let app = TestApp::start().await;
    for path in ["/", "/sign-in", "/w/acme/credentials", "/health/live"] {
        let preflight = app
            .anon()
            .request("OPTIONS", path)
            .header("Origin", "https://evil.example")
            .header("Access-Control-Request-Method", "POST");
        let reply = sent(preflight).await.expect(405);
        assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{path}");
    }
}

#[tokio::test]
async fn t124_only_forms_are_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    let body = "integration=website&method=webhook&name=A&f.url=https://a.example&f.signing_secret=0123456789abcdef";
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-7",
        "application/x-www-form-urlencoded; charset=utf-16",
    ] {
        let request = admin.request("POST", "/w/acme/credentials").header("Content-Type", kind).body(body);
        assert_eq!(sent(request).await.status, 415, "{kind}");
    }
    sent(admin.request("POST", "/w/acme/credentials").body(body)).await.expect(415);
    let form = "application/x-www-form-urlencoded";
    let twice = admin.request("POST", "/w/acme/credentials").header("Content-Type", form);
    sent(twice.header("Content-Type", form).body(body)).await.expect(400);
    for bad in ["name=%ED%A0%80", "name=%ff", "name=a&name=b", "email[]=a&email[]=b"] {
        let request = admin.request("POST", "/w/acme/credentials").header("Content-Type", form).body(bad);
        assert_eq!(sent(request).await.status, 400, "{bad}");
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn t128_large_bodies_are_refused_before_they_are_read() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let form = "application/x-www-form-urlencoded";
    let declared = admin.request("POST", "/w/acme/credentials").header("Content-Type", form);
    sent(declared.body("a".repeat((1 << 20) + 1))).await.expect(413);
    // In pieces, of a length that is not told.
    let address = app.base.trim_start_matches("http://");
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {form}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("a head");
    // What is told to be too large is refused before any of it has come.
    for path in ["/sign-in", "/setup"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: {form}\r\n\
             Content-Length: 1048577\r\nConnection: close\r\n\r\n"
        );
        let began = std::time::Instant::now();
        let (status, _) = raw::ask(&app.base, head.as_bytes()).await;
        // Once somebody exists nobody sets up any more.
        assert_eq!(status, if path == "/setup" { 404 } else { 413 });
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "{path} waited for the body");
    }
    let piece = format!("10000\r\n{}\r\n", "a".repeat(1 << 16));
    for _ in 0..17 {
        if socket.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 64];
    let read = socket.read(&mut answer).await.expect("an answer");
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn t128_long_fields_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    let (long_name, long_secret) = ("n".repeat(201), "s".repeat((64 << 10) + 1));
    for (name, secret, url) in [
        (long_name.as_str(), "a signing secret of a shop", "https://www.example.com/"),
        ("Shop events", long_secret.as_str(), "https://www.example.com/"),
        ("Shop events", "a signing secret of a shop", &format!("https://www.example.com/{}", "u".repeat(64 << 10))),
    ] {
        let form = [
            ("integration", "website"),
            ("method", "webhook"),
            ("name", name),
            ("f.url", url),
            ("f.signing_secret", secret),
        ];
        let reply = admin.post("/w/acme/credentials", &form).await.expect(422);
        assert!(!reply.body.contains("a signing secret of a shop") && !reply.body.contains(&long_secret[..99]));
    }
    app.assert_kept(&before);
}
