//! The exporter of metrics: what it counts, and what it never names.

use super::{serve, set_up};
use crate::support::program::{Browser, EMAIL, webhook};
use diesel::connection::SimpleConnection;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Every sample by its name and labels.
type Samples = BTreeMap<String, f64>;

async fn text(address: &str) -> String {
    let answer = reqwest::get(address).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("a text")
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn t085_what_happens_is_counted_and_nobody_is_named() {
    const CANARY: &str = "quaint-heron-5521";
    let shell = set_up();
    let serving = serve(&shell, &[("CREDENZA_METRICS_LISTEN", "127.0.0.1:0")]);
    let metrics = serving.printed("Metrics:");
    let admin = Browser::sign_in(&serving.base).await;
    let secret = format!("{CANARY}-as-a-signing-secret");
    let name = format!("Named {CANARY}");
    let made = admin.post("/w/acme/credentials", &webhook(&name, &secret)).await.expect("an answer");
    assert_eq!(made.status, 303);
    admin.get("/w/acme/credentials").await.expect("a page");
    admin.get(&format!("/w/acme/credentials?q={CANARY}")).await.expect("a page");
    admin.get(&format!("/{CANARY}")).await.expect("a page");
    // Nobody by that name, until the limiter says so.
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 20 {
        let form = [("email", "nobody@canary.example"), ("password", CANARY)];
        statuses.push(admin.post("/sign-in", &form).await.expect("an answer").status);
    }
    // The session was last used ten minutes ago.
    let earlier = credenza::clock::Clock::system().now().plus(-chrono::TimeDelta::minutes(10));
    let earlier = earlier.utc().format("%F %T%.6f");
    let update = format!("UPDATE sessions SET seen_at = '{earlier}'");
    shell.database.connect().batch_execute(&update).expect("a change");
    admin.get("/w/acme/credentials").await.expect("a page");
    // Housekeeping ran at the start.
    let began = Instant::now();
    let text = loop {
        let text = text(&metrics).await;
        if text.contains("job=\"denials\"") || began.elapsed() > Duration::from_secs(20) {
            break text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let samples = samples(&text);
    for (name, least) in [
        ("credenza_http_requests_total{route=\"/w/{slug}/credentials\",method=\"GET\",status=\"2xx\"}", 3.0),
        ("credenza_http_requests_total{route=\"/w/{slug}/credentials\",method=\"POST\",status=\"3xx\"}", 1.0),
        ("credenza_http_requests_total{route=\"/sign-in\",method=\"POST\",status=\"4xx\"}", 2.0),
        ("credenza_http_requests_total{route=\"(none)\",method=\"GET\",status=\"4xx\"}", 1.0),
        ("credenza_http_request_seconds_count{route=\"/w/{slug}/credentials\",method=\"GET\"}", 3.0),
        ("credenza_http_request_seconds_sum{route=\"/sign-in\",method=\"POST\"}", 0.001),
        ("credenza_checks_total{integration=\"website\",outcome=\"untested\"}", 1.0),
        ("credenza_check_seconds_count{integration=\"website\"}", 1.0),
        ("credenza_password_hash_seconds_count", 2.0),
        ("credenza_commit_group_units_count", 5.0),
        ("credenza_commit_seconds_sum", 0.000_001),
        ("credenza_database_wait_seconds_count{for=\"read\"}", 5.0),
        ("credenza_database_wait_seconds_count{for=\"write\"}", 5.0),
        ("credenza_database_connections_max", 4.0),
        ("credenza_audit_events_total", 3.0),
        ("credenza_audit_lag_seconds_count", 3.0),
        ("credenza_sessions_touched_total", 1.0),
        ("credenza_limiter_refusals_total{limiter=\"sign_in\"}", 1.0),
        ("credenza_jobs_total{job=\"denials\",result=\"done\"}", 1.0),
        ("credenza_uptime_seconds", 0.1),
        ("process_resident_memory_bytes", 1e6),
    ] {
        let found = samples.get(name).copied();
        assert!(found >= Some(least), "{name} is {found:?}, wanted {least}\n{text}");
    }
    for name in ["credenza_writer_queue", "credenza_password_hashes_waiting", "credenza_database_connections_in_use"] {
        assert_eq!(samples.get(name), Some(&0.0), "{name}: nothing is under way");
    }
    for name in
        ["credenza_commits_failed_total", "credenza_database_refusals_total", "credenza_password_hashes_refused_total"]
    {
        assert_eq!(samples.get(name), Some(&0.0), "{name}");
    }
    let id = made.location.rsplit('/').next().expect("an id");
    for word in [CANARY, "acme", "Acme", EMAIL, "example", id, env!("CARGO_PKG_VERSION")] {
        assert!(!text.contains(word), "{word} is in the metrics");
    }
}

#[tokio::test]
async fn a_rotation_of_keys_is_counted() {
    let shell = set_up();
    let serving = serve(&shell, &[]);
    let admin = Browser::sign_in(&serving.base).await;
    for name in ["One", "Another"] {
        let form = webhook(name, "a signing secret to be sealed anew");
        assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
    }
    drop(serving);
    shell.run(&["keys", "rotate", "--background"]).expect(0);
    let serving = serve(&shell, &[("CREDENZA_METRICS_LISTEN", "127.0.0.1:0")]);
    let metrics = serving.printed("Metrics:");
    let began = Instant::now();
    let text = loop {
        let text = text(&metrics).await;
        if text.contains("job=\"key rotation\"") || began.elapsed() > Duration::from_secs(20) {
            break text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let samples = samples(&text);
    assert_eq!(samples.get("credenza_keys_resealed_total"), Some(&2.0), "{text}");
    assert_eq!(samples.get("credenza_keys_under_old"), Some(&0.0), "{text}");
    for job in ["key check", "key rotation", "anchor"] {
        let done = format!("credenza_jobs_total{{job=\"{job}\",result=\"done\"}}");
        assert!(samples.get(&done) >= Some(&1.0), "{job}: {text}");
    }
}

#[tokio::test]
async fn metrics_have_one_address_of_their_own() {
    let shell = set_up();
    let serving = serve(&shell, &[("CREDENZA_METRICS_LISTEN", "127.0.0.1:0")]);
    let metrics = serving.printed("Metrics:");
    let root = metrics.strip_suffix("/metrics").expect("its path");
    let client = reqwest::Client::new();
    for path in ["/", "/sign-in", "/health/live", "/metrics/more"] {
        assert_eq!(
            client.get(format!("{root}{path}")).send().await.expect("an answer").status().as_u16(),
            404,
            "{path}"
        );
    }
    let posted = client.post(&metrics).body("x").send().await.expect("an answer");
    assert_eq!((posted.status().as_u16(), posted.headers()["allow"].as_bytes()), (405, &b"GET"[..]));
    let here = client.get(format!("{}/metrics", serving.base)).send().await.expect("an answer");
    assert_eq!(here.status().as_u16(), 404, "not where people are");
    // Taken already: refused, and told by name.
    let taken = root.strip_prefix("http://").expect("an address");
    let refused = shell.run_with(&[], &[("CREDENZA_METRICS_LISTEN", taken)], "").expect(2);
    assert!(refused.err.contains(taken) && !refused.out.contains("Credenza is at"), "{refused:?}");
    drop(serving);
    let quiet = serve(&shell, &[]);
    let here = client.get(format!("{}/metrics", quiet.base)).send().await.expect("an answer");
    assert_eq!(here.status().as_u16(), 404, "off unless asked for");
}
