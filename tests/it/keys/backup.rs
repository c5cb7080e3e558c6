//! T154: a backup while the server writes: whole, verified, private, without the root key; and brought back.

use super::Inside;
use crate::support::database::is_postgres;
use crate::support::program::{Browser, Home, told, webhook};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The names in a directory.
fn names(dir: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// Creates until told to stop; the names of what was acknowledged.
async fn create(admin: Browser, client: u32, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("client {client} number {number}");
        let answer = admin.post("/w/acme/credentials", &webhook(&name, &super::secret_of(&name))).await;
        match answer.expect("an answer").status {
            303 => made.push(name),
            429 => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            other => panic!("{other}"),
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t154_a_backup_during_a_storm_of_writers_is_whole_and_comes_back() {
    let home = Home::set_up();
    Inside::of(&home).fill("before", 150).await;
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4).map(|client| tokio::spawn(create(admin.clone(), client, stop.clone()))).collect();
    let outside = tempfile::tempdir().expect("a directory");
    let (mut sizes, key) = (Vec::new(), std::fs::read_to_string(home.data().join("root.key")).expect("a key"));
    for number in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let file = outside.path().join(format!("backup{number}.db"));
        let (code, said) = home.said(&["backup", &file.display().to_string()]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("sha256"), "{said}");
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!bytes.windows(43).any(|part| part == key.trim_end().trim_end_matches('=').as_bytes()));
        assert!(!bytes.windows(16).any(|part| part == b"a signing secret"), "a secret in clear");
        let (code, said) = home.said(&["drill", &file.display().to_string()]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("as “credenza backup” wrote it") && said.contains("No fault."), "{said}");
        sizes.push(bytes.len());
    }
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("a writer"));
    }
    assert!(acknowledged.len() > 10 && sizes[0] < sizes[2], "{} {sizes:?}", acknowledged.len());
    assert_eq!(names(outside.path()), ["backup0.db", "backup1.db", "backup2.db"].map(str::to_owned).into());
    let last = outside.path().join("last.db");
    assert_eq!(home.said(&["backup", &last.display().to_string()]).0, Some(0));
    drop(serving);
    // Nothing that was acknowledged is missing, and it is a database to go on with.
    let mut place = last.as_os_str().to_owned();
    for tail in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{tail}", home.database().display()));
    }
    std::fs::copy(&place, home.database()).expect("restored");
    let mut command = home.command();
    command.args(["serve", "--accept-rollback"]);
    let serving = crate::support::program::Serving::start(command);
    let again = Browser::sign_in(&serving.base).await;
    assert_eq!(again.get("/w/acme/credentials").await.expect("an answer").status, 200);
    drop(serving);
    let found = Inside::of(&home).secrets().await;
    for name in &acknowledged {
        assert_eq!(found.get(name), Some(&super::secret_of(name)), "{name} was acknowledged");
    }
    assert_eq!(home.said(&["audit", "verify"]).0, Some(0));
    // The mark is gone once it was used as a database.
    assert_eq!(home.database().metadata().expect("a file").len() % 4096, 0);
    place.push(".second");
    assert_eq!(home.said(&["backup", &PathBuf::from(&place).display().to_string()]).0, Some(0));
}

#[test]
fn a_backup_is_never_written_over_anything_and_leaves_nothing_behind() {
    let home = Home::set_up();
    let outside = tempfile::tempdir().expect("a directory");
    let file = outside.path().join("backup.db");
    let named = file.display().to_string();
    std::fs::write(&file, "something precious").expect("a file");
    let (code, said) = home.said(&["backup", &named]);
    assert!(code == Some(2) && said.contains("never overwritten"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "something precious");
    std::fs::remove_file(&file).expect("gone");
    std::os::unix::fs::symlink("/nowhere/at/all", &file).expect("a link");
    assert_eq!(home.said(&["backup", &named]).0, Some(2), "nor through a link");
    std::fs::remove_file(&file).expect("gone");
    assert_eq!(home.said(&["backup", "/no/such/directory/backup.db"]).0, Some(2));
    assert_eq!(home.said(&["backup"]).0, Some(2));
    // No room: the file may not grow.
    let mut command =
        home.command_under("env", &["--ignore-signal=XFSZ", "sh", "-c", "ulimit -f 100; exec \"$0\" \"$@\""]);
    let (code, said) = told(command.args(["backup", &named]));
    assert_eq!(code, Some(2), "{said}");
    // A database that is not sound, or not there, is not backed up.
    let mut conn = home.connect();
    super::execute(&mut conn, "UPDATE audit_events SET actor_id = 'somebody else' WHERE seq = 1");
    let (code, said) = home.said(&["backup", &named]);
    assert!(code == Some(1) && said.contains("FAULT audit chain"), "{said}");
    let empty = tempfile::tempdir().expect("a directory");
    let (code, said) = told(home.command().env("CREDENZA_DATA_DIR", empty.path()).args(["backup", &named]));
    assert!(code == Some(2) && said.contains("no installation"), "{said}");
    assert!(names(empty.path()).is_empty(), "nothing was made");
    assert!(names(outside.path()).is_empty(), "{:?}", names(outside.path()));
    let (code, _) = told(home.command().env("CREDENZA_ROOT_KEY", super::OTHER_KEY).args(["backup", &named]));
    assert_eq!(code, Some(3));
}

#[test]
fn a_backup_is_written_down() {
    let home = Home::set_up();
    let file = home.data().join("../backup.db").display().to_string();
    let (_, said) = home.said(&["backup", &file]);
    let digest = said.split("sha256 ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a digest");
    let written = crate::support::dump::dump(&mut home.connect())["audit_events"].join("\n");
    assert!(written.contains("instance.backed_up") && written.contains(digest), "{said}");
    let summed = Command::new("sha256sum").arg(&file).output().expect("sha256sum");
    assert!(String::from_utf8_lossy(&summed.stdout).starts_with(digest));
}

/// The directory of PostgreSQL's own programs.
fn postgres_bin() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|dirs| dirs.filter_map(|dir| Some(dir.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    found.sort();
    found.pop().filter(|dir| dir.join("pg_dump").exists()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_it_says_what_to_run_and_a_drill_goes_through_the_restored_one() {
    let home = Home::set_up_on_any();
    Inside::of(&home).fill("kept", 20).await;
    let outside = tempfile::tempdir().expect("a directory");
    let file = outside.path().join("backup");
    let (code, said) = home.said(&["backup", &file.display().to_string()]);
    if !is_postgres() {
        assert_eq!(code, Some(0), "{said}");
        return;
    }
    assert!(code == Some(2) && said.contains("pg_dump --format=custom") && said.contains("credenza drill"), "{said}");
    let credenza::db::DatabaseUrl::Postgres(url) = home.url() else { panic!("not PostgreSQL") };
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(create(admin, 1, stop.clone()));
    let run = |program: &str, args: &[&str]| {
        let done = Command::new(postgres_bin().join(program)).args(args).output().expect("a program of PostgreSQL");
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run("pg_dump", &["--format=custom", "--no-owner", &format!("--file={}", file.display()), &url]);
    stop.store(true, Ordering::SeqCst);
    writer.await.expect("a writer");
    let restored = crate::support::database::Database::empty(outside.path());
    run(
        "pg_restore",
        &["--no-owner", "--exit-on-error", &format!("--dbname={}", restored.url), &file.display().to_string()],
    );
    let before = crate::support::dump::dump(&mut restored.connect());
    let (code, said) = home.said(&["drill", &restored.url]);
    assert!(code == Some(0) && said.contains("No fault."), "{said}");
    assert_eq!(crate::support::dump::dump(&mut restored.connect()), before, "nothing was changed");
    super::execute(
        &mut restored.connect(),
        "DELETE FROM credential_versions WHERE version = 1 AND credential_id = (SELECT min(id) FROM credentials)",
    );
    let (code, said) = home.said(&["drill", &restored.url]);
    assert!(code == Some(1) && said.contains("the version in use is missing"), "{said}");
    // The one in use is drilled too, while it is written to.
    assert_eq!(home.said(&["drill", &url]).0, Some(0));
}
