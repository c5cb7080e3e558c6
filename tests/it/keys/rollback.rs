//! T155, T166: a database that was put back to an older state, or whose end was cut, does not pass unnoticed.

use super::{Inside, execute};
use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::dump::{dump, lines};
use crate::support::person::{Person, sent};
use crate::support::program::{Browser, Home, Serving, told};
use credenza::anchor::{Anchor, Known};
use credenza::db::AnyConnection;
use credenza::jobs::anchor as job;
use std::process::{Command, Stdio};
use std::time::Duration;

fn anchor(home: &Home) -> Known {
    Anchor::within(&home.data()).load().expect("an anchor").expect("an anchor")
}

/// Waits until the anchor knows each chain's last line.
async fn settled(home: &Home) {
    let heads = |home: &Home| {
        let query = "SELECT chain || ' ' || seq AS line FROM audit_heads ORDER BY chain";
        let mut all = lines(&mut home.connect(), query);
        all.sort();
        all
    };
    for _ in 0..100 {
        let known: Vec<String> =
            anchor(home).heads.iter().map(|(chain, head)| format!("{chain} {}", head.seq)).collect();
        if known == heads(home) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the anchor did not follow: {:?}", anchor(home));
}

fn serve_accepting(home: &Home) -> Serving {
    let mut command = home.command();
    command.args(["serve", "--accept-rollback"]);
    Serving::start(command)
}

fn refused(home: &Home) -> String {
    let (code, said) = home.said(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(!said.contains("Credenza is at") && said.contains("--accept-rollback"), "{said}");
    said
}

/// Takes the last lines off a chain and sets its head back: sound by itself.
fn cut(conn: &mut AnyConnection, chain: &str, lines_off: u32) {
    for _ in 0..lines_off {
        let last = format!("(SELECT seq FROM audit_heads WHERE chain = '{chain}')");
        execute(conn, &format!("DELETE FROM audit_events WHERE chain = '{chain}' AND seq = {last}"));
        execute(
            conn,
            &format!(
                "UPDATE audit_heads SET seq = seq - 1, hash = (SELECT hash FROM audit_events e \
                 WHERE e.chain = audit_heads.chain AND e.seq = audit_heads.seq - 1) WHERE chain = '{chain}'"
            ),
        );
    }
}

/// The status and the body of a call of the machine API.
async fn call(base: &str, token: &str, path: &str) -> (u16, String) {
    let reply = sent(Person::bare(base).request("GET", path).bearer_auth(token)).await;
    (reply.status, reply.body)
}

/// What a command prints on its standard output, as its last word.
fn made(home: &Home, args: &[&str]) -> String {
    let done = home.run(args);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).split_whitespace().last().expect("a word").to_owned()
}

#[tokio::test]
async fn t155_an_older_backup_is_served_only_when_the_operator_accepts_it() {
    let home = Home::set_up();
    let outside = tempfile::tempdir().expect("a directory");
    let file = outside.path().join("backup.db");
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    Inside::of(&home).fill("old", 2).await;
    let bot = made(&home, &["bot", "add", "--workspace", "acme", "--name", "Reader"]);
    let add = ["token", "add", "--workspace", "acme", "--scope"];
    let fetching = made(&home, &[&add[..], &["fetch", "--bot", &bot, "--credential", "old-0"]].concat());
    let managing = made(&home, &[&add[..], &["manage"]].concat());
    for token in [&fetching, &managing] {
        assert_eq!(call(&serving.base, token, "/api/v1/credentials").await.0, 200);
    }
    let asked = [("email", "nina@acme.example"), ("role", "member")];
    assert_eq!(admin.post("/w/acme/invitations", &asked).await.expect("an answer").status, 303);
    let wanted = [("email", crate::support::program::EMAIL)];
    assert_eq!(admin.post("/password/forgot", &wanted).await.expect("an answer").status, 303);
    let (code, said) = home.said(&["backup", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    let form = crate::support::program::webhook("younger", "a signing secret after the backup");
    assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
    settled(&home).await;
    drop(serving);
    for tail in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{tail}", home.database().display()));
    }
    // Without any database: none is made in its place.
    let said = refused(&home);
    assert!(said.contains("There is no database") && !home.database().exists(), "{said}");
    std::fs::copy(&file, home.database()).expect("restored");
    let before = dump(&mut home.connect());
    let said = refused(&home);
    let workspace = lines(&mut home.connect(), "SELECT id AS line FROM workspaces").remove(0);
    assert!(said.contains(&format!("{workspace} ends at event")) && said.contains("instance ends at event"), "{said}");
    assert!(dump(&mut home.connect()) == before, "nothing was changed");
    let (code, said) = home.said(&["audit", "verify"]);
    assert!(code == Some(1) && said.contains(&format!("{workspace}: BROKEN at event")), "{said}");
    assert_eq!(before["sessions"].len(), 1);
    let known = anchor(&home);
    let heard = outside.path().join("log");
    let mut command = home.command();
    command.args(["serve", "--accept-rollback"]).env("CREDENZA_LOG", "warn");
    let log = std::fs::File::create(&heard).expect("a file");
    let serving = Serving::start_logging_to(command, Stdio::from(log));
    assert!(anchor(&home).heads[&workspace].seq < known.heads[&workspace].seq, "the anchor went back with it");
    let heard = std::fs::read_to_string(&heard).expect("a text");
    assert!(heard.contains("Make new tokens") && heard.contains("review who is a member"), "{heard}");
    let counts = "SELECT (SELECT count(*) FROM sessions) || ' ' || \
                  (SELECT count(*) FROM bot_tokens WHERE revoked_at IS NULL) || ' ' || \
                  (SELECT count(*) FROM invitations WHERE withdrawn_at IS NULL) || ' ' || \
                  (SELECT count(*) FROM password_resets) AS line";
    assert_eq!(lines(&mut home.connect(), counts), ["0 0 0 0"]);
    // A token may have been revoked after the backup: none opens anything any more.
    for token in [&fetching, &managing] {
        let (status, body) = call(&serving.base, token, "/api/v1/credentials").await;
        assert!(status == 401 && body.contains("token-revoked"), "{status} {body}");
    }
    let (status, body) = call(&serving.base, &fetching, "/api/v1/credentials/old-0/secret").await;
    assert!(status == 401 && !body.contains(&super::secret_of("old 0")), "{status} {body}");
    let answer = admin.moved(&serving.base).get("/w/acme/credentials").await.expect("an answer");
    assert!(answer.status == 303 && answer.location.starts_with("/sign-in"), "signed out: {}", answer.status);
    let again = Browser::sign_in(&serving.base).await;
    assert_eq!(again.get("/w/acme/credentials").await.expect("an answer").status, 200);
    let written = dump(&mut home.connect())["audit_events"].join("\n");
    assert!(written.contains("instance.rollback_accepted") && written.contains("ends at event"), "it is written down");
    for (name, n) in [("sessions_ended", 1), ("tokens_revoked", 2), ("invitations_withdrawn", 1), ("begun_ended", 1)] {
        assert!(written.contains(&format!(r#""{name}":{n}"#)), "{name}: {written}");
    }
    settled(&home).await;
    drop(serving);
    drop(home.serve());
    assert_eq!(home.said(&["audit", "verify"]).0, Some(0));
    // The flag alone does no harm.
    drop(serve_accepting(&home));
    let sessions = lines(&mut home.connect(), "SELECT count(*) || '' AS line FROM sessions");
    assert_eq!(sessions, ["1"], "nobody was signed out for nothing");
}

#[tokio::test]
async fn t155_nothing_is_made_in_the_place_of_a_database_that_was_lost() {
    let home = Home::set_up_on_any();
    let outside = tempfile::tempdir().expect("a directory");
    let empty = crate::support::database::Database::empty(outside.path());
    let (code, said) = told(home.command().env("DATABASE_URL", &empty.url));
    assert!(code == Some(2) && said.contains("restore its backup"), "{said}");
    assert!(dump(&mut empty.connect()).is_empty(), "no table was made");
    // To begin anew is said aloud; the key stays the same.
    let mut command = home.command();
    command.env("DATABASE_URL", &empty.url).args(["serve", "--accept-rollback"]);
    drop(Serving::start(command));
    assert_eq!(dump(&mut empty.connect())["instance"].len(), 1);
    let (code, said) = told(home.command().env("DATABASE_URL", &empty.url).args(["audit", "verify"]));
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn t166_an_end_that_was_cut_with_its_head_set_back_is_found() {
    let home = Home::set_up_on_any();
    Inside::of(&home).fill("kept", 3).await;
    let serving = home.serve();
    settled(&home).await;
    drop(serving);
    let mut conn = home.connect();
    let workspace = lines(&mut conn, "SELECT id AS line FROM workspaces").remove(0);
    assert_eq!(home.said(&["audit", "verify"]).0, Some(0));
    let known = anchor(&home).heads[&workspace].seq;
    // What is signed finds it as well; here the anchor is to find it alone.
    drop(std::fs::remove_file(home.data().join("checkpoints")));
    cut(&mut conn, &workspace, 1);
    execute(&mut conn, "DELETE FROM credentials WHERE id = (SELECT max(id) FROM credentials)");
    let (code, said) = home.said(&["audit", "verify"]);
    assert_eq!(code, Some(1), "{said}");
    let wanted =
        format!("{workspace}: BROKEN at event {known}: the end of the chain is missing; it once had {known} events");
    assert!(said.contains(&wanted), "{said}");
    assert!(said.contains("instance: sound"), "the other chain is still judged: {said}");
    assert!(refused(&home).contains(&format!("{workspace} ends at event {}", known - 1)));
    // More lines behind the cut do not hide it: the one that was anchored is another one now.
    let (code, said) = home.said(&["keys", "rotate"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = home.said(&["audit", "verify"]);
    assert!(code == Some(1) && said.contains("it once had another event of that number"), "{said}");
    assert!(refused(&home).contains("another event"));
    // A chain that is gone as a whole.
    let kept = anchor(&home);
    execute(&mut conn, &format!("DELETE FROM audit_heads WHERE chain = '{workspace}'"));
    let (code, said) = home.said(&["audit", "verify"]);
    assert!(code == Some(1) && said.contains(&format!("{workspace} is not there")), "{said}");
    assert_eq!(anchor(&home), kept);
}

#[tokio::test]
async fn t166_an_end_that_is_cut_beneath_a_running_server_is_not_anchored_over() {
    let app = TestApp::start().await;
    job::anchor_all(&app).await.expect("an anchor");
    let admin = app.admin().await;
    let shop = app.website(&admin, "Shop", "the first signing secret").await;
    admin.post(&format!("/w/acme/credentials/{shop}/name"), &[("name", "Renamed")]).await.expect(303);
    job::anchor_news(&app).await.expect("an anchor");
    let known = || Anchor::within(app.dir.path()).load().expect("an anchor").expect("an anchor").heads;
    let (workspace, before) = (app.workspace(crate::support::app::ACME).await.to_string(), known());
    cut(&mut app.database.connect(), &workspace, 1);
    app.website(&admin, "Form", "a secret of the other one").await;
    app.anon().sign_in("somebody@acme.example").await;
    app.website(&admin, "Third", "a secret of the third one").await;
    job::anchor_news(&app).await.expect("the other chains");
    job::anchor_all(&app).await.expect("the other chains");
    assert_eq!(known()[&workspace], before[&workspace], "what was known of it stays known");
    assert!(known()["instance"].seq > before["instance"].seq, "the other chains go on");
    let (code, said) = super::shell(&app, &["audit", "verify"]);
    assert!(
        code == Some(1) && said.contains(&format!("{workspace}: BROKEN at event {}", before[&workspace].seq)),
        "{said}"
    );
}

#[tokio::test]
async fn another_installation_or_a_changed_anchor_is_not_served() {
    let home = Home::set_up_on_any();
    drop(home.serve());
    let file = Anchor::within(&home.data()).path();
    let text = std::fs::read_to_string(&file).expect("a text");
    let instance = anchor(&home).instance;
    let other = text.replace(&instance, "01a1f8e0-0000-7000-8000-000000000000");
    std::fs::write(&file, &other).expect("a file");
    assert!(refused(&home).contains("another installation"));
    // What a command writes down meanwhile leaves it as it is.
    assert_eq!(home.said(&["workspace", "add", "--name", "Second"]).0, Some(0));
    assert_eq!(std::fs::read_to_string(&file).expect("a text"), other);
    std::fs::write(&file, text.replace("instance", "inst ance")).expect("a file");
    assert!(refused(&home).contains("cannot be read"));
    assert_eq!(home.said(&["audit", "verify"]).0, Some(1));
    let serving = serve_accepting(&home);
    settled(&home).await;
    drop(serving);
    // Without one, as on another machine, it is made anew.
    std::fs::remove_file(&file).expect("gone");
    let (code, said) = home.said(&["audit", "verify"]);
    assert!(code == Some(0) && said.contains("no anchor"), "{said}");
    let serving = home.serve();
    for _ in 0..50 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    settled(&home).await;
    drop(serving);
}

#[tokio::test]
async fn what_a_command_writes_down_is_anchored_when_it_ends() {
    let home = Home::set_up_on_any();
    settled(&home).await;
    let before = anchor(&home);
    assert_eq!(home.said(&["workspace", "add", "--name", "Second"]).0, Some(0));
    settled(&home).await;
    assert_eq!(anchor(&home).heads.len(), before.heads.len() + 1);
    let reading = std::fs::metadata(Anchor::within(&home.data()).path()).expect("a file").modified().expect("a time");
    assert_eq!(home.said(&["workspace", "list"]).0, Some(0));
    let after = std::fs::metadata(Anchor::within(&home.data()).path()).expect("a file").modified().expect("a time");
    assert_eq!(reading, after, "reading moves nothing");
}

#[tokio::test]
async fn only_what_is_committed_is_anchored() {
    let app = TestApp::start().await;
    job::anchor_all(&app).await.expect("an anchor");
    let admin = app.admin().await;
    app.website(&admin, "Shop", "the first signing secret").await;
    let known = || Anchor::within(app.dir.path()).load().expect("an anchor").expect("an anchor").heads;
    let workspace = app.workspace(crate::support::app::ACME).await.to_string();
    let before = known()[&workspace].seq;
    job::anchor_news(&app).await.expect("an anchor");
    let after = known()[&workspace].seq;
    assert!(after > before);
    // A unit that is rolled back, as a whole or in part, leaves no mark.
    let means = app.means.clone();
    let refused: credenza::error::Result<()> = app
        .db
        .write(move |tx| {
            use credenza::model::audit::{self, Entry, Target};
            use credenza::model::permission::Actor;
            let line = |tx: &mut credenza::db::Tx<'_>| {
                let entry = Entry::allow("instance.started", Target::instance());
                audit::record(tx, &means, &workspace, &Actor::operator(), entry)
            };
            let inner: credenza::error::Result<()> = tx.savepoint(|tx| {
                line(tx)?;
                Err(credenza::error::Error::NotFound)
            });
            assert!(inner.is_err());
            line(tx)?;
            Err(credenza::error::Error::NotFound)
        })
        .await;
    assert!(refused.is_err());
    assert!(app.db.committed().take().is_empty());
    assert_eq!(known()[&app.workspace(crate::support::app::ACME).await.to_string()].seq, after);
    // A directory that cannot be written loses nothing: it is tried again.
    app.website(&admin, "Form", "a secret of the other one").await;
    let file = Anchor::within(app.dir.path()).path();
    std::fs::remove_file(&file).expect("gone");
    std::fs::create_dir(&file).expect("in the way");
    job::anchor_news(&app).await.expect_err("it cannot be written");
    std::fs::remove_dir(&file).expect("gone");
    job::anchor_news(&app).await.expect("an anchor");
    assert!(known().values().any(|head| head.seq > after));
}

#[test]
fn no_request_waits_for_the_anchor() {
    // The lock of the anchor is held by another process for as long as this test: requests are answered.
    let home = Home::set_up_on_any();
    let mut holder = Command::new("flock").arg(home.data()).args(["sleep", "60"]).spawn().expect("flock of util-linux");
    std::thread::sleep(Duration::from_millis(200));
    let serving = home.serve();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let admin = Browser::sign_in(&serving.base).await;
        for number in 0..5 {
            let name = format!("not waiting {number}");
            let form = crate::support::program::webhook(&name, "a signing secret in no hurry");
            let began = std::time::Instant::now();
            assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    });
    drop(serving);
    holder.kill().expect("a child");
    holder.wait().expect("an end");
    let (code, said) = told(home.command().args(["audit", "verify"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(is_postgres() || home.database().exists());
}
