//! Odd texts in every place that takes text.

use crate::support::app::TestApp;
use crate::support::person::sent;
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
