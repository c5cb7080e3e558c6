//! Signing in and out, sessions, the limiter, the first run.

#![cfg(test)]

use crate::support::app::{TestApp, email};
use crate::support::database::is_postgres;
use crate::support::dump::dump;
use crate::support::person::{PASSWORD, Person, Reply, sent};
use actix_web::cookie::{Cookie, CookieJar, Key};
use chrono::TimeDelta;
use credenza::crypto::token;
use credenza::model::attempt::{self, Attempt, Limits, Verdict};
use std::net::IpAddr;

/// The session cookie that an answer sets, as `name=value`.
fn cookie(reply: &Reply) -> String {
    let set = reply.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}

async fn with_cookie(app: &TestApp, cookie: &str) -> Reply {
    sent(app.anon().request("GET", "/account").header("Cookie", cookie)).await
}

fn admin_of_acme() -> String {
    email("admin", "acme")
}

#[tokio::test]
async fn t001_signing_in_again_makes_another_session_and_ends_the_first() {
    let app = TestApp::start().await;
    let first = cookie(&app.anon().sign_in(&admin_of_acme()).await.expect(303));
    with_cookie(&app, &first).await.expect(200);
    let form = [("email", admin_of_acme()), ("password", PASSWORD.to_owned())];
    let again = sent(app.anon().request("POST", "/sign-in").header("Cookie", &first).form(&form)).await.expect(303);
    let second = cookie(&again);
    assert_ne!(first, second);
    with_cookie(&app, &second).await.expect(200);
    assert_eq!(with_cookie(&app, &first).await.expect(303).location(), "/sign-in");
}

#[tokio::test]
async fn t001_a_planted_cookie_is_not_taken_over() {
    let app = TestApp::start().await;
    let planted = "sid=planted-by-somebody";
    let form = [("email", admin_of_acme()), ("password", PASSWORD.to_owned())];
    let reply = sent(app.anon().request("POST", "/sign-in").header("Cookie", planted).form(&form)).await.expect(303);
    assert_ne!(cookie(&reply), planted);
    with_cookie(&app, planted).await.expect(303);
}

#[tokio::test]
async fn t002_the_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
    let app = TestApp::builder().var("CREDENZA_PUBLIC_URL", "https://console.example").start().await;
    let reply = app.anon().sign_in(&admin_of_acme()).await.expect(303);
    let set = reply.header("set-cookie").expect("a cookie");
    let parts: Vec<&str> = set.split("; ").collect();
    assert!(parts[0].starts_with("__Host-sid=") && set.len() < 4096);
    for flag in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(parts.contains(&flag), "{flag}: {set}");
    }
    assert!(!set.contains("Domain") && !set.contains("Max-Age") && !set.contains("Expires"));
    let hsts = reply.header("strict-transport-security").expect("HSTS");
    assert!(hsts.starts_with("max-age=31536000"));
}

#[tokio::test]
async fn t004_after_signing_out_the_old_cookie_opens_nothing() {
    let app = TestApp::start().await;
    let kept = cookie(&app.anon().sign_in(&admin_of_acme()).await.expect(303));
    let out = sent(app.anon().request("POST", "/sign-out").header("Cookie", &kept)).await.expect(303);
    assert_eq!(out.header("clear-site-data"), Some("\"cache\", \"storage\""));
    assert!(out.header("set-cookie").expect("the cookie is taken back").contains("Max-Age=0"));
    assert_eq!(with_cookie(&app, &kept).await.expect(303).location(), "/sign-in");
    let actions: Vec<String> = app.instance_events().await.into_iter().map(|e| e.action).collect();
    assert!(actions.ends_with(&["person.signed_in".into(), "person.signed_out".into()]));
}

#[tokio::test]
async fn t005_sessions_end_by_themselves() {
    let app = TestApp::start().await;
    let idle = app.admin().await;
    app.means.clock.advance(TimeDelta::minutes(59));
    idle.get("/account").await.expect(200);
    app.means.clock.advance(TimeDelta::minutes(61));
    idle.get("/account").await.expect(303);
    let busy = app.admin().await;
    for _ in 0..14 {
        app.means.clock.advance(TimeDelta::minutes(50));
        busy.get("/account").await.expect(200);
    }
    app.means.clock.advance(TimeDelta::minutes(21));
    busy.get("/account").await.expect(303);
}

#[tokio::test]
async fn t048_a_nul_is_refused_wherever_it_stands() {
    let app = TestApp::start().await;
    for form in
        [[("email", "a\0@acme.example"), ("password", PASSWORD)], [("email", "a@b.example"), ("password", "a\0b")]]
    {
        app.anon().post("/sign-in", &form).await.expect(400);
    }
    for path in ["/%00", "/w/%00/credentials", "/sign-in?next=%00", "/static/%00"] {
        app.anon().get(path).await.expect(400);
    }
}

#[tokio::test]
async fn t006_an_unknown_name_is_answered_as_a_wrong_password() {
    let app = TestApp::start().await;
    // The buckets of the network and of everybody are there from now on.
    app.anon().post("/sign-in", &[("email", "first@acme.example"), ("password", "seven red kettles")]).await;
    let mut answers = Vec::new();
    for name in [admin_of_acme(), email("nobody", "acme")] {
        let (before, asked) = (app.hasher.computed(), app.database.asked());
        let wrong = [("email", name.as_str()), ("password", "seven red kettles sing")];
        let reply = app.anon().post("/sign-in", &wrong).await.expect(422);
        let mut headers: Vec<String> = reply.headers.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
        headers.retain(|line| !line.starts_with("date:") && !line.starts_with("content-length:"));
        let (hashes, queries) = (app.hasher.computed() - before, app.database.asked() - asked);
        answers.push((reply.body.replace(&name, "NAME"), headers, hashes, queries));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].2, 1, "one hash each");
    assert!(answers[0].3 > 5, "the queries were counted");
}

async fn set_up(app: &TestApp, password: &str) -> Reply {
    let token = app.setup_token.as_ref().expect("a token").expose().to_owned();
    let form =
        [("token", token.as_str()), ("workspace", "Orchard"), ("email", "ana@pears.example"), ("password", password)];
    app.anon().post("/setup", &form).await
}

#[tokio::test]
async fn t007_passwords_that_are_refused() {
    let app = TestApp::builder().nobody().start().await;
    let long = words(1025);
    let named = ["my orchard is blooming", "we love credenza here"];
    for password in ["", "velvet gravel ", &long, "passwordpassword", "aaaaaaaaaaaaaaaaaaaa"].into_iter().chain(named) {
        let reply = set_up(&app, password).await.expect(422);
        assert_eq!(reply.attributes("#password-error", "data-code"), ["password"], "{password}");
    }
    assert!(dump(&mut app.database.connect())["users"].is_empty());
}

fn words(length: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        text.push_str(["lamp", "river", "stone", "cloud", "fern", "amber"][n % 6]);
        text.push_str(&(n * 37 % 101).to_string());
        if text.len() >= length {
            break;
        }
    }
    text[..length].to_owned()
}

#[tokio::test]
async fn t007_passwords_are_taken_byte_by_byte() {
    for (password, almost) in [
        ("velvet gravel 7", "velvet gravel  7"),
        ("  velvet gravel 77  ", "velvet gravel 77"),
        (&words(64), &words(63)),
        (&words(1024), &words(1023)),
    ] {
        let app = TestApp::builder().nobody().start().await;
        set_up(&app, password).await.expect(303);
        let sign_in = |text: String| {
            let person = app.anon();
            async move { person.post("/sign-in", &[("email", "ana@pears.example"), ("password", &text)]).await.status }
        };
        assert_eq!(sign_in(almost.to_owned()).await, 422);
        assert_eq!(sign_in(password.to_owned()).await, 303);
    }
}

#[tokio::test]
async fn t008_parallel_guesses_are_counted_before_they_are_hashed() {
    let app = TestApp::start().await;
    let open = app.admin().await;
    let before = app.hasher.computed();
    let guesses = (0..200).map(|n| {
        let person = app.anon();
        async move {
            let guess = format!("seven red kettles {n}");
            person.post("/sign-in", &[("email", &admin_of_acme()), ("password", &guess)]).await
        }
    });
    let replies = futures_util::future::join_all(guesses).await;
    let hashed = app.hasher.computed() - before;
    // Five are free; each pause that ends while the storm lasts lets one more through.
    assert!((5..=8).contains(&hashed), "{hashed} hashes");
    let waiting = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(waiting as u64, 200 - hashed);
    let told = replies.iter().find(|reply| reply.status == 429).and_then(|reply| reply.header("retry-after"));
    assert!(told.is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|s| s >= 1)));
    for _ in 0..4 {
        app.means.clock.advance(TimeDelta::seconds(11));
        app.anon().post("/sign-in", &[("email", &admin_of_acme()), ("password", "seven red kettles")]).await;
    }
    app.anon().sign_in(&admin_of_acme()).await.expect(429);
    open.get("/account").await.expect(200);
    app.means.clock.advance(TimeDelta::seconds(11));
    app.anon().sign_in(&admin_of_acme()).await.expect(303);
}

#[tokio::test]
async fn attempts_at_the_same_time_do_not_close_each_others_buckets() {
    let app = TestApp::start().await;
    let (now, limits) = (app.means.now(), Limits::default());
    let (first, second) = (now.plus(TimeDelta::milliseconds(5)), now);
    let person = |name: &str| Attempt::new(Some(name), "", Some(IpAddr::from([198, 51, 100, 7])), limits);
    let (one, other) = (person("one"), person("other"));
    app.write(move |tx| {
        // The one that began later comes to the database first.
        assert_eq!(attempt::reserve(tx, &one, first)?, Verdict::Go);
        assert_eq!(attempt::reserve(tx, &other, second)?, Verdict::Go);
        attempt::succeeded(tx, &one, first)?;
        assert_eq!(attempt::reserve(tx, &one, second)?, Verdict::Go);
        attempt::withdrawn(tx, &other, first)?;
        assert_eq!(attempt::reserve(tx, &other, second)?, Verdict::Go);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn t009_a_flood_of_unknown_names_neither_grows_nor_clears_anything() {
    // That a hundred thousand share their buckets is looked at beside the code; here is what that comes to in rows.
    let names = if is_postgres() { 5_000 } else { 25_000 };
    let app = TestApp::start().await;
    let wrong = [("email", admin_of_acme()), ("password", "seven red kettles".to_owned())];
    sent(app.anon().request("POST", "/sign-in").form(&wrong)).await.expect(422);
    let now = app.means.now();
    let limits = Limits { account: 5, network: i32::MAX, everybody: i32::MAX };
    app.write(move |tx| {
        for n in 0..names {
            let name = format!("user{n}@flood.example");
            attempt::reserve(tx, &Attempt::new(None, &name, Some(IpAddr::from([198, 51, 100, 7])), limits), now)?;
        }
        Ok(())
    })
    .await;
    let rows = dump(&mut app.database.connect()).remove("sign_in_attempts").expect("buckets");
    let bytes: usize = rows.iter().map(String::len).sum();
    // Those of unknown names, and of the admin, two networks and everybody.
    assert!(rows.len() <= 64 + 4 && bytes < 1 << 20, "{} buckets, {bytes} bytes", rows.len());
    let bucket = format!("account:{}", app.user(&admin_of_acme()).await);
    assert_eq!(app.read(move |conn| attempt::failures(conn, &bucket)).await, 1);
}

#[tokio::test]
async fn t009_networks_are_forgotten_soon_and_accounts_after_a_day() {
    let app = TestApp::start().await;
    let now = app.means.now();
    let limits = Limits { everybody: i32::MAX, ..Limits::default() };
    app.write(move |tx| {
        for n in 0..1000_u32 {
            let address = IpAddr::from(std::net::Ipv6Addr::from(u128::from(n) << 64 | 1));
            attempt::reserve(tx, &Attempt::new(Some("an admin's id"), "", Some(address), limits), now)?;
            attempt::reserve(tx, &Attempt::new(Some(&n.to_string()), "", Some(address), limits), now)?;
        }
        Ok(())
    })
    .await;
    let buckets = |app: &TestApp| dump(&mut app.database.connect()).remove("sign_in_attempts").expect("buckets");
    assert_eq!(buckets(&app).len(), 1000 + 1000 + 1 + 1);
    let later = now.plus(TimeDelta::minutes(16));
    app.write(move |tx| attempt::sweep(tx, later)).await;
    let left = buckets(&app);
    assert!(left.len() == 1002 && left.iter().all(|row| !row.contains("network:")), "{}", left.len());
    let bucket = "account:an admin's id";
    assert_eq!(app.read(move |conn| attempt::failures(conn, bucket)).await, 5, "closed, and still counted");
    app.write(move |tx| attempt::sweep(tx, now.plus(TimeDelta::hours(25)))).await;
    assert!(buckets(&app).is_empty());
}

async fn fail_from(app: &TestApp, forwarded: &str) -> u16 {
    // A name for each, so that no account comes into it.
    let name = format!("{}@x.example", forwarded.bytes().map(|b| format!("{b:02x}")).collect::<String>());
    let wrong = [("email", name), ("password", "seven red kettles".into())];
    let request = app.anon().request("POST", "/sign-in").header("X-Forwarded-For", forwarded).form(&wrong);
    sent(request).await.status
}

#[tokio::test]
async fn t010_a_64_is_one_network_and_only_trusted_proxies_are_believed() {
    let app = TestApp::builder().var("CREDENZA_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let mut answers = Vec::new();
    for n in 1..=64 {
        answers.push(fail_from(&app, &format!("203.0.113.{n}, 2001:db8:1:2:{n:x}::{n:x}")).await);
    }
    let judged = answers.iter().filter(|status| **status == 422).count();
    let counted = app.read(|conn| attempt::failures(conn, "network:2001:db8:1:2::/64")).await;
    // Thirty are free; a pause that ends meanwhile lets one more through.
    assert!((30..=34).contains(&judged) && answers.iter().all(|status| matches!(status, 422 | 429)), "{answers:?}");
    assert_eq!(usize::try_from(counted).expect("a number"), judged);
    assert_eq!(fail_from(&app, "2001:db8:1:3::1").await, 422, "its neighbour is another network");
    let plain = TestApp::start().await;
    for n in 1..=3 {
        assert_eq!(fail_from(&plain, &format!("2001:db8:{n}::1")).await, 422);
    }
    assert_eq!(plain.read(|conn| attempt::failures(conn, "network:127.0.0.1")).await, 3);
}

#[tokio::test]
async fn t010_nobody_borrows_an_address_by_writing_nonsense_before_their_own() {
    let app = TestApp::builder().var("CREDENZA_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    for n in 1..=3 {
        assert_eq!(fail_from(&app, &format!("198.51.100.{n}, x, 203.0.113.9")).await, 422);
    }
    let counted = async |bucket: &'static str| app.read(move |conn| attempt::failures(conn, bucket)).await;
    assert_eq!(counted("network:203.0.113.9").await, 3);
    assert_eq!(counted("network:198.51.100.1").await, 0);
}

#[tokio::test]
async fn t020_nobody_sets_the_password_of_somebody_else() {
    let app = TestApp::start().await;
    let (admin, other) = (app.admin().await, app.user(&email("member", "acme")).await);
    let before = app.kept()["users"].clone();
    for path in ["/account".to_owned(), format!("/w/acme/members/{other}"), format!("/w/acme/members/{other}/password")]
    {
        let id = other.to_string();
        let form = [
            ("user", id.as_str()),
            ("id", &id),
            ("name", "admin"),
            ("theme", "system"),
            ("password", "velvet gravel 77"),
        ];
        admin.post(&path, &form).await;
    }
    let hash = |rows: &[String]| rows.iter().map(|row| row.matches("argon2id").count()).sum::<usize>();
    let after = app.kept()["users"].clone();
    assert_eq!(hash(&before), hash(&after));
    app.person(&email("member", "acme")).await;
    let refused = [("email", email("member", "acme")), ("password", "velvet gravel 77".to_owned())];
    sent(app.anon().request("POST", "/sign-in").form(&refused)).await.expect(422);
}

#[tokio::test]
async fn t021_the_table_of_sessions_holds_no_key() {
    let app = TestApp::start().await;
    let cookie = cookie(&app.anon().sign_in(&admin_of_acme()).await.expect(303));
    let key = Key::from(app.means.keyring.cookie_key());
    let jar = CookieJar::new();
    let sealed = Cookie::parse_encoded(cookie.clone()).expect("a cookie").into_owned();
    let raw = jar.private(&key).decrypt(sealed).expect("our cookie").value().to_owned();
    let rows = dump(&mut app.database.connect())["sessions"].join("\n");
    let value = cookie.split_once('=').expect("a value").1;
    assert!(rows.contains(&token::digest(&raw)), "the hash is there");
    assert!(!rows.contains(&raw) && !rows.contains(value) && !rows.contains(PASSWORD));
}

#[tokio::test]
async fn t022_the_first_run_needs_its_token_and_works_once() {
    let app = TestApp::builder().nobody().start().await;
    assert!(app.kept()["users"].is_empty() && app.kept()["workspaces"].is_empty(), "no default account");
    for guess in ["admin", "password", ""] {
        app.anon().post("/sign-in", &[("email", "admin@example.com"), ("password", guess)]).await.expect(422);
    }
    let page = app.anon().get("/sign-in").await.expect(200);
    assert_eq!(page.attributes("#banner", "data-code"), ["not_set_up"]);
    let form = [("workspace", "Orchard"), ("email", "ana@pears.example"), ("password", "velvet gravel 77")];
    for token in ["", "wrong"] {
        let mut form = form.to_vec();
        form.push(("token", token));
        let reply = app.anon().post("/setup", &form).await.expect(422);
        assert_eq!(reply.attributes("#token-error", "data-code"), ["setup_token"]);
    }
    assert!(app.kept()["users"].is_empty());
    let reply = set_up(&app, "velvet gravel 77").await.expect(303);
    assert_eq!(reply.location(), "/w/orchard/credentials");
    set_up(&app, "velvet gravel 78").await.expect(404);
    app.anon().get("/setup").await.expect(404);
    assert_eq!(app.kept()["users"].len(), 1);
    app.prove_audit().await;
}

#[tokio::test]
async fn t162_a_cookie_of_one_installation_means_nothing_to_another() {
    let (one, other) = (TestApp::start().await, TestApp::start().await);
    assert!(one.means.keyring.cookie_key() != other.means.keyring.cookie_key(), "though the root key is the same");
    let cookie = cookie(&one.anon().sign_in(&admin_of_acme()).await.expect(303));
    with_cookie(&one, &cookie).await.expect(200);
    with_cookie(&other, &cookie).await.expect(303);
}

#[tokio::test]
async fn a_sign_in_leads_back_to_the_page_with_what_it_was_asked_for() {
    let app = TestApp::start().await;
    let admin = admin_of_acme();
    let long = format!("/w/acme/credentials?q={}", "q".repeat(2000));
    for (asked, kept) in [
        ("/w/acme/credentials/new?integration=smtp&method=password", None),
        ("/w/acme/credentials?q=a%20b&environment=test", None),
        ("/w/acme/credentials?q=https%3A%2F%2Fevil.example%2F", None),
        ("/w/acme/credentials?", Some("/w/acme/credentials")),
        (long.as_str(), Some("/w/acme/credentials")),
        ("/account?token=abc", Some("/account")),
    ] {
        let person = app.anon();
        assert_eq!(person.get(asked).await.expect(303).location(), "/sign-in");
        let page = person.get("/sign-in").await.expect(200);
        let next = page.attributes("input[name=next]", "value").concat();
        assert_eq!(next, kept.unwrap_or(asked));
        let form = [("email", admin.as_str()), ("password", PASSWORD), ("next", next.as_str())];
        assert_eq!(person.post("/sign-in", &form).await.expect(303).header("location"), Some(&*next));
    }
    let elsewhere = app.anon();
    elsewhere.get("//evil.example/w/?a=b").await;
    assert!(elsewhere.get("/sign-in").await.expect(200).attributes("input[name=next]", "value").is_empty());
}

#[tokio::test]
async fn t066_nobody_is_signed_in_by_another_site() {
    let app = TestApp::start().await;
    let form = [("email", admin_of_acme()), ("password", PASSWORD.to_owned())];
    for site in ["cross-site", "same-site", "none"] {
        let person = Person::bare(&app.base);
        let reply = sent(person.request("POST", "/sign-in").header("Sec-Fetch-Site", site).form(&form)).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{site}");
    }
}
