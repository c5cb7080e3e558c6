//! The log of the real program: objects a line, and ids that lead from a page to it and to the audit.

use super::{logged, serve, set_up};
use crate::support::app::TestApp;
use crate::support::dump::{dump, lines};
use crate::support::program::{Browser, webhook};
use credenza::jobs;
use credenza::model::audit;
use credenza::model::audit_verify;
use diesel::connection::SimpleConnection;
use regex::Regex;
use serde_json::Value;
use std::sync::atomic::Ordering;

fn objects(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[tokio::test]
async fn a_request_is_found_by_one_id_on_its_page_in_the_log_and_in_the_audit() {
    let shell = set_up();
    let serving = serve(&shell, &[("CREDENZA_LOG_FORMAT", "json"), ("CREDENZA_LOG", "debug")]);
    let admin = Browser::sign_in(&serving.base).await;
    let form = webhook("Order events", "the signing secret of a shop");
    assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
    let mut conn = shell.database.connect();
    conn.batch_execute("ALTER TABLE credentials RENAME TO credentials_gone").expect("a change");
    let broken = admin.get("/w/acme/credentials").await.expect("an answer");
    assert!(broken.status >= 500, "{}", broken.status);
    let incident = Regex::new(r#"<code id="incident">([0-9a-f]{16})</code>"#).expect("a pattern");
    let id = &incident.captures(&broken.body).expect("an incident number")[1];
    let all = objects(&logged(&shell));
    let told: Vec<&Value> = all.iter().filter(|line| line["request"] == id).collect();
    assert!(told.iter().any(|line| line["level"] == "ERROR" || line["level"] == "WARN"), "the cause: {told:?}");
    let answered = told.iter().find(|line| line["message"] == "answered").expect("the answer");
    assert_eq!((&answered["path"], &answered["method"]), (&"/w/acme/credentials".into(), &"GET".into()));
    assert_eq!(answered["status"], broken.status);
    assert!(answered["ms"].is_u64() && answered["timestamp"].is_string() && answered["target"].is_string());
    // Each line belongs to a request, to a job, or to the run of the program.
    assert!(all.iter().all(|line| line["request"].is_string() || line["run"].is_string()), "{all:?}");
    assert!(all.iter().any(|line| line["job"] == "purge" && line["run"].is_string()), "jobs have runs");
    let created = all
        .iter()
        .find(|line| line["method"] == "POST" && line["path"] == "/w/acme/credentials")
        .expect("the line of the creation");
    let query = "SELECT request_id AS line FROM audit_events WHERE action = 'credential.created'";
    assert_eq!(lines(&mut conn, query), [created["request"].as_str().expect("an id")]);
    let started = "SELECT request_id AS line FROM audit_events WHERE action = 'instance.started'";
    let run = all.iter().find(|line| line["job"].is_null() && line["run"].is_string()).expect("a line of the start");
    assert_eq!(lines(&mut conn, started), [run["run"].as_str().expect("an id")]);
}

#[tokio::test]
async fn t082_what_is_sent_cannot_write_lines_of_the_log() {
    let shell = set_up();
    for format in ["text", "json"] {
        let serving = serve(&shell, &[("CREDENZA_LOG_FORMAT", format)]);
        let path = format!("{}/a%0Ab%1B[2J{}", serving.base, "x".repeat(8000));
        let agent = "b\t\u{1}c".repeat(500);
        let sent = reqwest::Client::new().get(&path).header("user-agent", agent.replace('\u{1}', " ")).send().await;
        assert_eq!(sent.expect("an answer").status().as_u16(), 404);
        let lines = logged(&shell);
        let line = lines.iter().find(|line| line.contains("a%0Ab")).expect("the line");
        assert!(line.contains("answered") && line.len() < 3000, "{}", line.len());
        assert!(!lines.iter().any(|line| line.contains('\u{1b}')));
    }
}

#[test]
fn a_start_that_fails_says_so_in_the_format_that_is_read() {
    let shell = set_up();
    std::fs::write(shell.data().join("root.key"), "rubbish").expect("a file");
    let vars = [("CREDENZA_LOG_FORMAT", "json"), ("CREDENZA_LOG", "off")];
    let failed = shell.run_with(&[], &vars, "").expect(3);
    let said = objects(&failed.err.lines().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!((said.len(), &said[0]["level"]), (1, &"ERROR".into()));
    assert!(said[0]["message"].as_str().expect("a text").contains("root key"), "{said:?}");
    let failed = shell.run(&[]).expect(3);
    assert!(failed.err.lines().last().expect("a line").starts_with("credenza: the root key"), "{}", failed.err);
}

#[tokio::test]
async fn a_round_of_a_job_has_an_id_in_the_audit() {
    let app = TestApp::start().await;
    app.denials.store(3, Ordering::SeqCst);
    jobs::keep_house(&app.state).await.expect("a kept house");
    let rows = dump(&mut app.database.connect());
    let written = rows["audit_events"].iter().find(|row| row.contains("limiter")).expect("a line");
    assert!(Regex::new(r"\b[0-9a-f]{16}\b").expect("a pattern").is_match(written), "{written}");
    let keyring = app.means.keyring.clone();
    let sound = app.read(move |conn| audit_verify::chain(conn, &keyring, audit::INSTANCE)).await;
    assert!(matches!(sound, audit_verify::Verdict::Sound(_)));
}
