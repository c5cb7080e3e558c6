//! T148 and T149: a disk without room. Writes are refused with 503 and not done, pages are still read, and
//! with room again everything goes on without a restart.

use crate::storm::ledger::Ledger;
use crate::storm::{drill, persist, read};
use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::permitted::not_run_here;
use crate::support::program::{Browser, Home, Serving, webhook};
use diesel::connection::SimpleConnection;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A small disk of memory that is gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where mounting is not permitted.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=12m", "none"]).arg(dir.path()).output();
        done.is_ok_and(|done| done.status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room there is left but for `left` bytes, or all of it if somebody else writes meanwhile.
    fn fill(&self, left: u64) {
        let free = rustix::fs::statvfs(self.path()).map(|found| found.f_bavail * found.f_frsize).expect("a disk");
        let size = usize::try_from(free.saturating_sub(left)).expect("a size");
        let filled = std::fs::write(self.ballast(), vec![0_u8; size]);
        assert!(filled.is_ok() || filled.is_err_and(|error| error.kind() == ErrorKind::StorageFull), "a full disk");
    }

    fn ballast(&self) -> std::path::PathBuf {
        self.path().join("ballast")
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).expect("a file");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

/// Creates until it is refused with 503 (the log has room left over from before); nothing else may be answered.
async fn until_refused(admin: &Browser, what: &str) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0..2000 {
        let name = format!("{what} {number}");
        let secret = format!("a long secret {}", "x".repeat(3000));
        let answer = admin.post("/w/acme/credentials", &webhook(&name, &secret)).await.expect("an answer");
        match answer.status {
            303 => made.push(answer.location.split('?').next().unwrap_or_default().to_owned()),
            503 => {
                assert_eq!(answer.retry_after, "5");
                assert!(!answer.body.contains("xxxxxxxx"), "the secret came back");
                return made;
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    panic!("the disk never filled");
}

/// While there is no room: writes are refused, one and all, and pages are read.
async fn refuses(admin: &Browser, list: &[String]) {
    for _ in 0..3 {
        let answer = admin.post("/w/acme/credentials", &webhook("never", &"y".repeat(3000))).await.expect("an answer");
        assert_eq!(answer.status, 503, "{}", answer.body);
    }
    for path in ["/w/acme/credentials", "/account", "/w/acme/credentials/new", "/health/live"]
        .into_iter()
        .chain(list.first().map(String::as_str))
    {
        let answer = admin.get(path).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.body.contains("id=\"storage\""), path != "/health/live", "{path} says so");
    }
    let signing_in =
        admin.post("/sign-in", &[("email", "nobody@example.com"), ("password", "wrong")]).await.expect("an answer");
    assert!(matches!(signing_in.status, 422 | 503), "{}: {}", signing_in.status, signing_in.body);
}

/// With room again: no restart is needed, all that was acknowledged is there and nothing of the refused.
async fn recovers(admin: &Browser, made: &[String], home: &Home, serving: Serving) {
    let mut again = admin
        .post("/w/acme/credentials", &webhook("room again", "a signing secret with room"))
        .await
        .expect("an answer");
    if again.status == 503 {
        again = admin
            .post("/w/acme/credentials", &webhook("room again", "a signing secret with room"))
            .await
            .expect("an answer");
    }
    assert_eq!(again.status, 303, "{}", again.body);
    let page = admin.get("/w/acme/credentials").await.expect("an answer");
    assert!(!page.body.contains("id=\"storage\""), "nothing is refused any longer");
    for path in made {
        assert_eq!(admin.get(path).await.expect("an answer").status, 200, "{path} was acknowledged");
    }
    let list = admin.get("/w/acme/credentials?q=never").await.expect("an answer");
    assert!(!list.body.contains(">never<"), "a refused write was done");
    drop(serving);
    let verified = home.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t148_a_full_disk_refuses_and_recovers() {
    let Some(disk) = SmallDisk::mount() else {
        not_run_here("t148", "mounting is not permitted; the limit on file sizes bears witness");
        return t148_a_file_that_may_not_grow().await;
    };
    let home = Home::set_up_in(disk.path());
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let mut made = Vec::new();
    // Once with hardly any room from the start, and once in the middle of a group of pages.
    for (turn, left) in [0, 200_000].into_iter().enumerate() {
        disk.fill(left);
        made.extend(until_refused(&admin, &format!("turn {turn}")).await);
        refuses(&admin, &made).await;
        disk.empty();
        let again =
            admin.post("/w/acme/credentials", &webhook(&format!("between {turn}"), "a signing secret between")).await;
        assert!(matches!(again.expect("an answer").status, 303 | 503));
    }
    recovers(&admin, &made, &home, serving).await;
}

/// Waits until something holds; fails after a minute.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t148_a_storm_while_the_disk_fills_loses_nothing_that_was_acknowledged() {
    let Some(disk) = SmallDisk::mount() else {
        return not_run_here("t148 in a storm", "mounting is not permitted");
    };
    let home = Home::set_up_in(disk.path());
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let (ledger, numbers) = (Arc::new(Ledger::default()), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    // With the one below no more than may be checked at once.
    let writers: Vec<_> =
        (0..3).map(|_| tokio::spawn(persist(admin.clone(), ledger.clone(), numbers.clone(), stop.clone()))).collect();
    let readers: Vec<_> = (0..2).map(|_| tokio::spawn(read(admin.clone(), stop.clone()))).collect();
    for (turn, left) in [0, 200_000].into_iter().enumerate() {
        let before = ledger.acknowledged();
        until("writes with room", || ledger.acknowledged() > before + 10).await;
        disk.fill(left);
        let what = format!("turn {turn}");
        let made = until_refused(&admin, &what).await;
        ledger.tries_to_create(&format!("{what} {}", made.len()));
        for (number, path) in made.iter().enumerate() {
            ledger.also(path, &format!("{what} {number}"));
        }
        let page = admin.get("/w/acme/credentials").await.expect("an answer");
        assert_eq!(page.status, 200, "{}", page.body);
        disk.empty();
    }
    let before = ledger.acknowledged();
    until("writes with room again", || ledger.acknowledged() > before + 10).await;
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("a writer");
    }
    for reader in readers {
        assert!(reader.await.expect("a reader") > 0, "pages were read meanwhile");
    }
    ledger.judge(&home.url());
    drill(&home);
    drop(serving);
    let verified = home.run(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn t148_a_backup_without_room_leaves_nothing_and_is_written_with_room() {
    let Some(disk) = SmallDisk::mount() else {
        return not_run_here("t148 of a backup", "mounting is not permitted");
    };
    let home = Home::set_up();
    let file = disk.path().join("backup.db").display().to_string();
    disk.fill(16 << 10);
    let (code, said) = home.said(&["backup", &file]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("No backup was written") && said.contains("full"), "{said}");
    let entries = std::fs::read_dir(disk.path()).expect("a disk");
    let left: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    assert_eq!(left, [disk.ballast()], "no part of it is left");
    disk.empty();
    let (code, said) = home.said(&["backup", &file]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = home.said(&["drill", &file]);
    assert!(code == Some(0) && said.contains("No fault."), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t148_a_file_that_may_not_grow_refuses_and_recovers() {
    t148_a_file_that_may_not_grow().await;
}

/// The system refuses to make a file larger: an input/output error instead of a full disk.
async fn t148_a_file_that_may_not_grow() {
    let home = Home::set_up();
    // The signal of that limit would end the program; it is told to ignore it, so that the call fails.
    let serving = Serving::start(home.command_under("env", &["--ignore-signal=XFSZ"]));
    let admin = Browser::sign_in(&serving.base).await;
    let pid = Pid::from_raw(i32::try_from(serving.pid()).expect("an id"));
    let limit = |most: Option<u64>| {
        prlimit(pid, Resource::Fsize, Rlimit { current: most, maximum: None }).expect("a limit");
    };
    let wal = home.data().join("credenza.db-wal").metadata().map_or(0, |found| found.len());
    limit(Some(wal + 100_000));
    let made = until_refused(&admin, "limited").await;
    refuses(&admin, &made).await;
    limit(None);
    recovers(&admin, &made, &home, serving).await;
}

#[tokio::test]
async fn t149_a_database_that_only_reads_answers_503_to_writes() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = app.website(&admin, "Kept", "a signing secret to read").await;
    let mut conn = app.database.connect();
    // What a server says on a standby, and a file system that was made read-only.
    let (forbid, allow) = if is_postgres() {
        (
            "CREATE FUNCTION standby() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               RAISE EXCEPTION 'cannot execute UPDATE in a read-only transaction' USING ERRCODE = '25006'; END $$; \
             CREATE TRIGGER standby BEFORE UPDATE ON credentials FOR EACH ROW EXECUTE FUNCTION standby()",
            "DROP TRIGGER standby ON credentials",
        )
    } else {
        (
            "CREATE TRIGGER standby BEFORE UPDATE ON credentials BEGIN \
               SELECT RAISE(ABORT, 'attempt to write a readonly database'); END",
            "DROP TRIGGER standby",
        )
    };
    conn.batch_execute(forbid).expect("a trigger");
    let kept = app.kept();
    for (path, form) in [("name", vec![("name", "Other")]), ("deletion", vec![]), ("checks", vec![])] {
        let refused = admin.post(&format!("/w/acme/credentials/{id}/{path}"), &form).await.expect(503);
        assert_eq!(refused.header("retry-after"), Some("5"));
        for cause in ["read-only transaction", "readonly database", "25006"] {
            assert!(!refused.body.contains(cause), "the cause is for the log");
        }
    }
    assert_eq!(app.kept(), kept);
    for person in [&admin, &app.anon()] {
        let path = format!("/w/acme/credentials/{id}");
        let page = if std::ptr::eq(person, &admin) { person.get(&path) } else { person.get("/sign-in") };
        let page = page.await.expect(200);
        assert_eq!(page.attributes("#storage", "role"), ["alert"], "it is said that nothing can be saved");
    }
    conn.batch_execute(allow).expect("gone");
    admin.post(&format!("/w/acme/credentials/{id}/name"), &[("name", "Other")]).await.expect(303);
    let page = admin.get("/w/acme/credentials").await.expect(200);
    assert!(page.attributes("#storage", "role").is_empty(), "and not any longer");
}

#[tokio::test]
async fn t157_without_sessions_to_read_nobody_is_signed_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut conn = app.database.connect();
    conn.batch_execute("ALTER TABLE sessions RENAME TO lost").expect("gone");
    for path in ["/", "/w/acme/credentials", "/account", "/sign-in"] {
        let refused = admin.get(path).await.expect(503);
        assert_eq!(refused.header("set-cookie"), None, "{path}");
        assert_eq!(refused.header("retry-after"), Some("5"), "{path}");
    }
    let form = [("email", "admin@acme.example"), ("password", crate::support::person::PASSWORD)];
    let refused = app.anon().post("/sign-in", &form).await.expect(503);
    assert_eq!(refused.header("set-cookie"), None);
    conn.batch_execute("ALTER TABLE lost RENAME TO sessions").expect("back");
    admin.get("/w/acme/credentials").await.expect(200);
}
