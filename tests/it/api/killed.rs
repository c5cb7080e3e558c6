//! The program is killed while bots fetch and call: for every secret that left, and every call that was answered, its
//! line is there.
//!
//! A few rounds run with the other tests; the long form takes their number from the environment:
//!
//! ```text
//! FETCH_ROUNDS=200 cargo test --test it a_kill_loses_no_line -- --nocapture
//! ```

use crate::support::person::{Person, sent};
use crate::support::program::{Browser, Home, Serving, webhook};
use credenza::demo::web_server::{Answer, WebServer};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Readers at once.
const READERS: usize = 8;

/// The last word that a command printed.
fn last_word(home: &Home, args: &[&str]) -> String {
    let (code, said) = home.said(args);
    assert_eq!(code, Some(0), "{said}");
    said.lines()
        .find(|line| !line.is_empty())
        .and_then(|line| line.split_whitespace().last())
        .expect("a word")
        .to_owned()
}

/// A token made at the shell for the credentials of these handles.
fn token(home: &Home, handles: &[&str]) -> String {
    let bot = last_word(home, &["bot", "add", "--workspace", "acme", "--name", "Reader"]);
    let mut args = vec!["token", "add", "--workspace", "acme", "--bot", &bot, "--scope", "fetch", "--scope", "use"];
    for handle in handles {
        args.extend(["--credential", handle]);
    }
    last_word(home, &args)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_no_line_of_what_left() {
    let rounds: u64 = std::env::var("FETCH_ROUNDS").map_or(3, |text| text.parse().expect("a number of rounds"));
    let home = Home::set_up_on_any();
    let service = WebServer::start(None, |_| Answer::json(200, &json!({}))).await.expect("a port");
    let base = format!("http://{}", service.addr);
    let serve = || {
        let mut command = home.command();
        command.env("CREDENZA_EGRESS_ALLOW", &base);
        Serving::start(command)
    };
    let serving = serve();
    let browser = Browser::sign_in(&serving.base).await;
    let stored = browser.post("/w/acme/credentials", &webhook("Shop events", "a signing secret of a shop")).await;
    assert_eq!(stored.expect("an answer").status, 303);
    let called = [
        ("integration", "http"),
        ("method", "bearer"),
        ("name", "Order service"),
        ("f.base_url", base.as_str()),
        ("f.check_path", "/me"),
        ("f.token", "token-of-the-service"),
    ];
    assert_eq!(browser.post("/w/acme/credentials", &called).await.expect("an answer").status, 303);
    let token = token(&home, &["shop-events", "order-service"]);
    serving.kill();
    let mut left = 0;
    for round in 1..=rounds {
        let serving = serve();
        let (over, mut tasks) = (Arc::new(AtomicBool::new(false)), Vec::new());
        for reader in 0..READERS {
            let (person, token, over) = (Person::bare(&serving.base), token.clone(), over.clone());
            let path = if reader % 2 == 0 { "shop-events/secret" } else { "order-service/proxy/orders" };
            tasks.push(tokio::spawn(async move {
                let mut got = Vec::new();
                for n in 0.. {
                    let agent = format!("r{round}-{reader}-{n};");
                    let request = person.request("GET", &format!("/api/v1/credentials/{path}")).bearer_auth(&token);
                    let answer = request.header("User-Agent", &agent).send().await;
                    // As soon as the head is there the secret has left, whatever becomes of the rest.
                    match answer {
                        Ok(answer) if answer.status() == 200 => got.push(agent),
                        Ok(answer) => assert_eq!(answer.status(), 429),
                        Err(_) if over.load(Ordering::SeqCst) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                got
            }));
        }
        tokio::time::sleep(Duration::from_millis(300 + 137 * (round % 7))).await;
        over.store(true, Ordering::SeqCst);
        serving.kill();
        let kept: BTreeSet<String> = home
            .rows("SELECT agent AS line FROM audit_events WHERE action IN ('credential.fetched', 'credential.used')")
            .into_iter()
            .collect();
        for task in tasks {
            for agent in task.await.expect("a reader") {
                left += 1;
                assert!(kept.contains(&agent), "round {round}: {agent} left and has no line");
            }
        }
        let (code, said) = home.said(&["audit", "verify"]);
        assert_eq!(code, Some(0), "{said}");
    }
    assert!(left > 20, "{left} secrets left");
    println!("{left} secrets left and calls were answered in {rounds} rounds, and each has its line");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_and_tokens_are_made_at_the_shell() {
    let home = Home::set_up_on_any();
    let serving = home.serve();
    let browser = Browser::sign_in(&serving.base).await;
    let stored = browser.post("/w/acme/credentials", &webhook("Shop events", "a signing secret of a shop")).await;
    assert_eq!(stored.expect("an answer").status, 303);
    let token = token(&home, &["shop-events"]);
    let person = Person::bare(&serving.base);
    let request = person.request("GET", "/api/v1/credentials/shop-events/secret").bearer_auth(&token);
    let got = sent(request).await.expect(200).json();
    assert_eq!(got["values"]["signing_secret"], "a signing secret of a shop");
    let bot = last_word(&home, &["bot", "add", "--workspace", "acme", "--name", "Another"]);
    for (args, word) in [
        (vec!["--bot", &bot, "--scope", "fetch", "--credential", "nothing"], "nothing"),
        (vec!["--bot", &bot, "--scope", "manage"], "manage"),
        (vec!["--scope", "fetch"], "manages does nothing else"),
        (vec!["--bot", "x", "--scope", "fetch"], "no such bot"),
        (vec!["--bot", &bot, "--scope", "fetch", "--days", "0"], "days"),
        (vec!["--bot", &bot, "--scope", "fetch", "--network", "10.0.0"], "not a network"),
    ] {
        let mut all = vec!["token", "add", "--workspace", "acme"];
        all.extend(args);
        let (code, said) = home.said(&all);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(word) && !said.contains("crdz_"), "{word}: {said}");
    }
    let stored = browser.post("/w/acme/settings", &[("name", "Acme"), ("token_days", "30")]).await;
    assert_eq!(stored.expect("an answer").status, 303);
    let usual = ["token", "add", "--workspace", "acme", "--bot", &bot, "--scope", "fetch"];
    last_word(&home, &usual);
    let lines = home.rows("SELECT details AS line FROM audit_events WHERE action = 'token.created' ORDER BY seq");
    assert!(lines.last().is_some_and(|line| line.contains("\"days\":30")), "as many as the workspace allows");
    let (code, said) = home.said(&[&usual[..], &["--days", "31"]].concat());
    assert!(code == Some(2) && said.contains("1 to 30 days"), "{said}");
    let (code, said) = home.said(&["bot", "add", "--workspace", "acme", "--name", "another"]);
    assert!(code == Some(2) && said.contains("exists already"), "{said}");
}
