//! Exports, checkpoints, and what they find.

use super::{Scene, execute};
use crate::support::app::{ACME, TestApp};
use crate::support::http_server::Answer;
use crate::support::person::PASSWORD;
use chrono::TimeDelta;
use credenza::crypto::signer::PublicKey;
use credenza::jobs::checkpoint::{Signed, sign};
use credenza::model::audit_file;
use std::path::Path;
use std::process::{Command, Stdio};

fn keys(app: &TestApp) -> Vec<PublicKey> {
    app.means.keyring.public_keys()
}

/// The program without any setting; it must need none to prove an export.
fn verify(file: &Path, key: &str) -> (Option<i32>, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_credenza"))
        .args(["audit", "verify", &file.to_string_lossy(), "--public-key", key])
        .env_clear()
        .env("CREDENZA_DATA_DIR", "/nowhere/at/all")
        .stdin(Stdio::null())
        .output()
        .expect("the program");
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[tokio::test]
async fn t170_an_export_verifies_elsewhere_with_the_public_key_alone() {
    let scene = Scene::play().await;
    let reply = scene.admin.get("/w/acme/audit.jsonl").await.expect(200);
    assert!(reply.header("content-disposition").expect("a name").starts_with("attachment; filename=\"acme-audit-"));
    let last = scene.app.events(ACME).await;
    assert_eq!(
        (last.last().expect("lines").action.as_str(), reply.body.lines().count()),
        ("audit.exported", last.len() + 2)
    );
    let file = scene.app.dir.path().join("export.jsonl");
    std::fs::write(&file, &reply.body).expect("a file");
    let key = keys(&scene.app)[0].to_string();
    let (code, said) = verify(&file, &key);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("sound up to event {}", last.len())), "{said}");
    // What the shell exports is the same, up to its own time of signing.
    let (code, printed) = scene.run(&["audit", "key"]);
    assert_eq!((code, printed.trim()), (Some(0), key.as_str()));
    let other = scene.app.dir.path().join("other.jsonl");
    let (code, _) = scene.run(&["audit", "export", "--workspace", ACME, &other.to_string_lossy()]);
    assert_eq!(code, Some(0));
    let text = std::fs::read_to_string(&other).expect("a file");
    assert!(text.lines().zip(reply.body.lines()).take(last.len() + 1).all(|(a, b)| a == b));
    assert_eq!(verify(&other, &key).0, Some(0));
    let stranger = TestApp::start().await;
    let (code, said) = verify(&file, &keys(&stranger)[0].to_string());
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(verify(&file, "no-key").0, Some(2));
}

#[tokio::test]
async fn t165_no_byte_line_or_end_of_an_export_can_be_changed() {
    let scene = Scene::play().await;
    let body = scene.admin.get("/w/acme/audit.jsonl").await.expect(200).body;
    let keys = keys(&scene.app);
    let judge = |text: &[u8]| audit_file::verify(text, &keys);
    assert!(judge(body.as_bytes()).is_ok());
    let starts: Vec<usize> = std::iter::once(0).chain(body.match_indices('\n').map(|(at, _)| at + 1)).collect();
    for place in (0..body.len()).step_by(3) {
        let mut bytes = body.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let broken = judge(&bytes).expect_err("a changed byte");
        let line = starts.iter().filter(|start| **start <= place).count() as i64 - 1;
        let events = starts.len() as i64 - 3;
        assert!(broken.0 <= line.min(events) + 1 && broken.0 + 1 >= line.min(events), "line {line}: {broken}");
    }
    let lines: Vec<&str> = body.lines().collect();
    for n in 1..lines.len() {
        let mut cut = lines.clone();
        cut.remove(n);
        assert!(judge((cut.join("\n") + "\n").as_bytes()).is_err(), "without line {n}");
        assert!(judge((lines[..n].join("\n") + "\n").as_bytes()).is_err(), "cut at {n}");
        let mut swapped = lines.clone();
        swapped.swap(n - 1, n);
        assert!(judge((swapped.join("\n") + "\n").as_bytes()).is_err(), "swapped at {n}");
        assert!(judge((lines[..n].join("\n") + "\n" + lines[n - 1] + "\n").as_bytes()).is_err(), "twice {n}");
    }
    for odd in ["", "\n", "{}", "[]\n", "\u{feff}", "{\"credenza_audit\":2,\"chain\":\"x\"}\n", &"[".repeat(100_000)] {
        assert!(judge(odd.as_bytes()).is_err());
    }
    let doubled = body.replacen("\"seq\":1,", "\"seq\":1,\"seq\":1,", 1);
    assert_eq!(judge(doubled.as_bytes()).expect_err("a key twice").0, 1);
}

#[tokio::test]
async fn t126_a_sheet_holds_the_filtered_lines_and_no_formula() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "=cmd|' /C calc'!A0", "a signing secret of a shop").await;
    app.website(&admin, "Other", "a signing secret of another").await;
    admin.post("/account", &[("name", "@SUM(1)"), ("theme", "system")]).await.expect(303);
    let reply = admin.get(&format!("/w/acme/audit.csv?credential={id}")).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(reply.body.lines().count(), 2, "{}", reply.body);
    assert!(reply.body.contains("'@SUM(1)") && !reply.body.contains(",@SUM"), "{}", reply.body);
    assert!(!reply.body.contains("signing secret"));
    let all = admin.get("/w/acme/audit.csv").await.expect(200).body;
    assert_eq!(all.lines().count(), app.events(ACME).await.len() + 1);
    admin.get("/w/acme/audit.csv?credential=none").await.expect(400);
}

#[tokio::test]
async fn t018_t030_an_export_is_for_admins_and_support_and_asks_again_who_it_is() {
    let app = TestApp::start().await;
    let (admin, support) = (app.admin().await, app.support().await);
    for path in ["/w/acme/audit.jsonl", "/w/acme/audit.csv"] {
        support.get(path).await.expect(200);
        app.member().await.get(path).await.expect(403);
        app.foreign_admin().await.get(path).await.expect(404);
    }
    app.means.clock.advance(TimeDelta::minutes(11));
    let lines = app.events(ACME).await.len();
    let asked = admin.get("/w/acme/audit.jsonl").await.expect(401);
    assert_eq!(asked.header("hx-redirect"), Some("/confirm?next=%2Fw%2Facme%2Faudit.jsonl"));
    let asked = admin.get("/w/acme/audit.csv?outcome=deny").await.expect(401);
    let next = asked.attributes("input[name=next]", "value").remove(0);
    assert_eq!(next, "/w/acme/audit.csv?outcome=deny", "the filters are kept");
    assert_eq!(app.events(ACME).await.len(), lines, "nothing was exported");
    let there = admin.post("/confirm", &[("current_password", PASSWORD), ("next", &next)]).await.expect(303);
    admin.get(there.location()).await.expect(200);
    admin.get("/w/acme/audit.jsonl").await.expect(200);
}

#[tokio::test]
async fn t166_a_cut_end_whose_head_was_set_back_is_found_by_a_checkpoint() {
    let scene = Scene::play().await;
    let app = &scene.app;
    let file = app.dir.path().join("checkpoints");
    assert!(sign(app, &mut Signed::default()).await.expect("a round") >= 3);
    let text = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(text.matches("\n\n— ").count(), 3, "a note a chain: {text}");
    let (code, said) = scene.run(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 signed checkpoints were compared"), "{said}");
    // Whoever has the database takes the last line away and sets the head back; no anchor was written here.
    let mut conn = app.database.connect();
    let chain = &scene.chain;
    let last = app.events(ACME).await.len();
    assert!(execute(
        &mut conn,
        &format!(
            "DELETE FROM audit_events WHERE chain = '{chain}' AND seq = {last}; \
             UPDATE audit_heads SET seq = {}, hash = (SELECT hash FROM audit_events WHERE chain = '{chain}' AND seq = {}) \
             WHERE chain = '{chain}'",
            last - 1,
            last - 1
        )
    ));
    let (code, said) = scene.run(&["audit", "verify"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("{chain}: BROKEN at event {last}")) || said.contains(&format!("it once had {last}")),
        "{said}"
    );
    // It is not signed over, and goes on to be found.
    sign(app, &mut Signed::default()).await.expect("a round");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), text);
    // A copy that was kept elsewhere finds it, too; a note that was changed is told.
    let copy = app.dir.path().join("copy");
    std::fs::rename(&file, &copy).expect("moved");
    let with = ["audit", "verify", "--checkpoints", &copy.to_string_lossy()];
    assert_eq!(scene.run(&with).0, Some(1));
    std::fs::write(&copy, text.replacen("credenza-", "credenzb-", 1)).expect("a file");
    let (code, said) = scene.run(&with);
    assert_eq!(code, Some(1));
    assert!(said.contains("1 notes in"), "{said}");
}

#[tokio::test]
async fn a_deleted_credential_row_is_found() {
    let scene = Scene::play().await;
    let mut conn = scene.app.database.connect();
    assert!(execute(&mut conn, &format!("DELETE FROM credentials WHERE id = '{}'", scene.shop)));
    let (code, said) = scene.run(&["audit", "verify"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&scene.shop) && said.contains("it is missing, and nobody removed it"), "{said}");
}

#[tokio::test]
async fn t151_checkpoints_are_sent_wait_while_nobody_takes_them_and_stay_few() {
    let app = TestApp::builder().var("CREDENZA_CHECKPOINT_URL", "https://witness.service.example/notes").start().await;
    let admin = app.admin().await;
    let mut signed = Signed::default();
    app.service.prepare(Answer::json(503, &serde_json::json!({})));
    assert!(sign(&app, &mut signed).await.is_err(), "told as a job that did not finish");
    app.website(&admin, "Shop", "a secret of the shop's hook").await;
    app.means.clock.advance(TimeDelta::minutes(16));
    app.service.prepare(Answer::json(200, &serde_json::json!({})));
    sign(&app, &mut signed).await.expect("a round");
    let sent = app.service.requests();
    assert_eq!(sent.len(), 2, "one group each");
    let body = String::from_utf8_lossy(&sent[1].body).into_owned();
    assert_eq!(body.matches("\n\n— ").count(), 3, "the newest note of each chain: {body}");
    for note in credenza::model::checkpoint::notes(&body) {
        assert!(credenza::model::checkpoint::Checkpoint::open(&keys(&app), &note).is_some(), "{note}");
    }
    app.website(&admin, "Form", "a secret of the form's hook").await;
    assert_eq!(sign(&app, &mut signed).await.expect("a round"), 0, "not before its time");
}
