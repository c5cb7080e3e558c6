//! Odd texts in every place that takes text.

use crate::support::app::TestApp;
use crate::support::person::sent;
use crate::support::raw;
use credenza::db::schema::credentials;
use diesel::prelude::*;

const ODD: [&str; 10] = [
    "' OR 1=1--",
    "\"; DROP TABLE users;--",
    "$1 ? :name %s {0}",
    "{{7*7}} {% raw %}",
    "🔑 clé ключ 鍵",
    "\u{202e}reversed\u{202c}",
    "<svg onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "\" autofocus onfocus=alert(1) x=\"",
    "100% _under\\score",
];

#[tokio::test]
async fn t048_odd_texts_are_kept_as_they_are_and_drawn_as_text() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for odd in ODD {
        let form = [
            ("integration", "website"),
            ("method", "webhook"),
            ("name", odd),
            ("description", odd),
            ("tags", odd),
            ("f.url", "https://www.example.com/"),
            ("f.signing_secret", odd),
        ];
        let id = app.create(&admin, &form).await;
        let row = app.row(&id).await;
        assert_eq!((row.name.as_str(), row.description.as_str()), (odd, odd));
        for path in ["", "/edit", "/name", "/deletion", "/rotation"] {
            let page = admin.get(&format!("/w/acme/credentials/{id}{path}")).await.expect(200);
            assert!(!page.body.contains("<svg onload") && !page.body.contains("<script>alert"), "{odd} {path}");
            assert!(page.attributes("[onfocus]", "onfocus").is_empty(), "{odd} {path}");
        }
        let page = admin.get(&format!("/w/acme/credentials/{id}/name")).await.expect(200);
        assert_eq!(page.attributes("input[name=name]", "value"), [odd]);
    }
    let rows = app.read(|conn| Ok(credentials::table.count().get_result::<i64>(conn)?)).await;
    assert_eq!(rows, i64::try_from(ODD.len()).expect("a number"));
}

#[tokio::test]
async fn t048_odd_searches_find_only_what_they_say() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.website(&admin, "Shop events", "a signing secret of a shop").await;
    let before = app.kept();
    for odd in ODD.into_iter().chain(["\u{0}", "%", "_", "\\", "*"]) {
        for name in ["q", "integration", "status", "environment", "sort", "after", "did", "find"] {
            for path in ["/w/acme/credentials", "/w/acme/credentials/new", "/w/acme/credentials/deleted"] {
                let reply = sent(admin.request("GET", path).query(&[(name, odd)])).await;
                assert!(matches!(reply.status, 200 | 400 | 404), "{path}?{name}={odd}: {}", reply.status);
                assert!(!reply.body.contains("<svg onload") && !reply.body.contains("<script>alert"), "{path} {name}");
            }
        }
        let found = sent(admin.request("GET", "/w/acme/credentials").query(&[("q", odd)])).await;
        assert_eq!(found.status, if odd == "\u{0}" { 400 } else { 200 }, "{odd}");
        let named = !found.texts("a.name").is_empty();
        assert!(!named || odd.chars().all(|c| !c.is_alphanumeric()), "{odd} finds Shop events");
        let path = format!(
            "/w/{}/credentials",
            percent_encoding::utf8_percent_encode(odd, percent_encoding::NON_ALPHANUMERIC)
        );
        let reply = admin.get(&path).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn t048_t050_control_characters_are_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    for bad in ["a\0b", "a\r\nb", "a\nb", "a\rb", "a\u{1b}[2Jb"] {
        for field in ["name", "description", "tags", "environment", "f.url"] {
            let mut form = vec![
                ("integration", "website"),
                ("method", "webhook"),
                ("name", "Shop events"),
                ("f.url", "https://www.example.com/"),
                ("f.signing_secret", "a signing secret of a shop"),
            ];
            form.retain(|(name, _)| *name != field);
            form.push((field, bad));
            let reply = admin.post("/w/acme/credentials", &form).await;
            assert!(matches!(reply.status, 400 | 422), "{field}={bad:?}: {}", reply.status);
        }
    }
    app.assert_kept(&before);
}

#[tokio::test]
async fn t050_mail_settings_cannot_carry_a_command() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    for bad in ["bots@acme.example\r\nRCPT TO:<x@y.example>", "bots@acme.example\r\n.\r\n", "a\nb@acme.example"] {
        for field in ["f.host", "f.user", "f.from", "f.helo", "f.password"] {
            let mut form = vec![
                ("integration", "smtp"),
                ("method", "password"),
                ("name", "Mail"),
                ("f.host", "mail.acme.example"),
                ("f.tls", "tls"),
                ("f.port", "465"),
                ("f.user", "bots@acme.example"),
                ("f.password", "a password of the mailbox"),
            ];
            form.retain(|(name, _)| *name != field);
            form.push((field, bad));
            let reply = admin.post("/w/acme/credentials", &form).await;
            assert!(matches!(reply.status, 400 | 422), "{field}={bad:?}: {}", reply.status);
        }
    }
    app.assert_kept(&before);
    assert_eq!(app.calls(), (0, 0), "nobody was called");
}

#[tokio::test]
async fn t051_headers_of_the_connection_cannot_be_chosen() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let before = app.kept();
    let names = [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "X-aws-ec2-metadata-token",
        "X-aws-ec2-metadata-token-ttl-seconds",
        "Metadata-Flavor",
        "X-Key\r\nHost: evil.example",
        "X-Key: a",
        "X Key",
        "",
        "X-Kéy",
    ];
    for name in names {
        let form = [
            ("integration", "http"),
            ("method", "header"),
            ("name", "Key in a header"),
            ("f.base_url", crate::support::app::SERVICE),
            ("f.header_name", name),
            ("f.value", "value-of-the-key"),
        ];
        if name.is_empty() {
            // Takes its default.
            continue;
        }
        assert_eq!(admin.post("/w/acme/credentials", &form).await.status, 422, "{name:?}");
    }
    for value in ["a\r\nHost: evil.example", "a\nb", "a\0b"] {
        let form = [
            ("integration", "http"),
            ("method", "header"),
            ("name", "Key in a header"),
            ("f.base_url", crate::support::app::SERVICE),
            ("f.header_name", "X-Key"),
            ("f.value", value),
        ];
        let reply = admin.post("/w/acme/credentials", &form).await;
        assert!(matches!(reply.status, 400 | 422), "{value:?}: {}", reply.status);
    }
    app.assert_kept(&before);
    assert_eq!(app.calls(), (0, 0), "nobody was called");
}

/// Bytes that no text holds: a lone surrogate, half a sign, and one that never comes up in UTF-8.
const BROKEN: [&[u8]; 3] = [b"\xed\xa0\x80", b"\xf0\x9f", b"\xff"];

#[tokio::test]
async fn t048_odd_bytes_in_headers_and_cookies_are_kept_as_text_or_refused() {
    let app = TestApp::start().await;
    let reply = app.anon().sign_in("admin@acme.example").await.expect(303);
    let session = reply.header("set-cookie").and_then(|set| set.split(';').next()).expect("a session").to_owned();
    let before = app.kept();
    let texts = ODD.iter().map(|odd| odd.as_bytes()).chain(BROKEN).chain([&b"a\tb"[..]]);
    let headers = [
        "User-Agent",
        "Referer",
        "X-Forwarded-For",
        "Accept-Language",
        "Accept",
        "HX-Current-URL",
        "HX-Target",
        "HX-Trigger",
        "If-None-Match",
        "X-Request-Id",
    ];
    for odd in texts {
        let line = |name: &str| [name.as_bytes(), b": ", odd, b"\r\n"].concat();
        let odd_headers: Vec<u8> = headers.iter().flat_map(|name| line(name)).collect();
        let cookies =
            ["sid", "theme", "said", "next"].iter().flat_map(|name| [b"; ", name.as_bytes(), b"=", odd].concat());
        let cookies: Vec<u8> = session.bytes().chain(cookies).collect();
        for (head, cookie, wanted) in [
            (&odd_headers, session.clone().into_bytes(), [200, 200]),
            // Of two session cookies either counts, and bytes that are no text make the whole line unread.
            (&Vec::new(), cookies, [200, 303]),
        ] {
            let start = format!("GET /w/acme/credentials HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", host(&app));
            let request = [start.as_bytes(), head, b"Cookie: ", &cookie, b"\r\n\r\n"].concat();
            let (status, text) = raw::ask(&app.base, &request).await;
            assert!(wanted.contains(&status), "{}: {status}", String::from_utf8_lossy(odd));
            assert!(!text.contains("<svg onload") && !text.contains("<script>alert"));
        }
    }
    for refused in [&b"a\0b"[..], b"a\rb", b"a\nb"] {
        let start = format!("GET /sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: ", host(&app));
        let (status, _) = raw::ask(&app.base, &[start.as_bytes(), refused, b"\r\n\r\n"].concat()).await;
        assert_eq!(status, 400, "{refused:?}");
    }
    app.assert_kept(&before);
    app.prove_audit().await;
}

fn host(app: &TestApp) -> &str {
    app.base.trim_start_matches("http://")
}

#[tokio::test]
async fn t048_what_somebody_signs_in_with_is_written_down_as_text() {
    let app = TestApp::start().await;
    for odd in ODD.iter().map(|odd| odd.as_bytes()).chain(BROKEN) {
        let body = "email=nobody%40acme.example&password=seven+red+kettles";
        let start = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nUser-Agent: ",
            host(&app),
            body.len()
        );
        let request = [start.as_bytes(), odd, b"\r\n\r\n", body.as_bytes()].concat();
        app.means.clock.advance(chrono::TimeDelta::minutes(20));
        assert_eq!(raw::ask(&app.base, &request).await.0, 422);
        let line = app.instance_events().await.pop().expect("a line");
        assert_eq!(line.agent, String::from_utf8_lossy(odd));
    }
    app.prove_audit().await;
}

#[tokio::test]
async fn t048_odd_names_of_people_and_workspaces_are_kept_or_refused() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for odd in ODD {
        let form = [("name", odd), ("theme", "dark")];
        admin.post("/account", &form).await.expect(303);
        let page = admin.get("/account").await.expect(200);
        assert_eq!(page.attributes("input[name=name]", "value"), [odd]);
        assert!(!page.body.contains("<svg onload") && !page.body.contains("<script>alert"), "{odd}");
        for (field, theme) in [("theme", odd), ("shortcuts", odd)] {
            let reply = admin.post("/account", &[("name", "Ada"), (field, theme)]).await;
            assert!(matches!(reply.status, 303 | 400 | 422), "{field}={odd}: {}", reply.status);
        }
        for (email, password) in [(odd, "seven red kettles"), ("nobody@acme.example", odd)] {
            app.means.clock.advance(chrono::TimeDelta::minutes(20));
            let reply = app.anon().post("/sign-in", &[("email", email), ("password", password), ("next", odd)]).await;
            assert_eq!(reply.status, 422, "{odd}");
            assert!(!reply.body.contains("<svg onload") && !reply.body.contains("<script>alert"), "{odd}");
        }
        let first = TestApp::builder().nobody().start().await;
        let token = first.setup_token.as_ref().expect("a token").expose().to_owned();
        let form = [
            ("token", token.as_str()),
            ("workspace", odd),
            ("email", "ana@pears.example"),
            ("password", "velvet gravel 77"),
        ];
        let reply = first.anon().post("/setup", &form).await.expect(303);
        assert!(reply.location().starts_with("/w/") && reply.location().is_ascii(), "{odd}: {}", reply.location());
        assert!(first.kept()["workspaces"].len() == 1 && first.kept()["users"].len() == 1);
    }
    app.prove_audit().await;
}
