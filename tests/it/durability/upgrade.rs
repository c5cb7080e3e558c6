//! T172 and T174: a start that brings an older schema up is killed in the middle of it, or happens twice at once.
//!
//! The long form:
//!
//! ```text
//! UPGRADE_ROUNDS=50 cargo test --test it t172 -- --nocapture
//! ```

use crate::support::database::is_postgres;
use crate::support::dump::{dump, lines};
use crate::support::program::{Browser, Home, Serving, webhook};
use credenza::db::{AnyConnection, DatabaseUrl};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn rounds() -> u32 {
    std::env::var("UPGRADE_ROUNDS").map_or(4, |text| text.parse().expect("a number of rounds"))
}

const VERSIONS: &str = "SELECT version AS line FROM __diesel_schema_migrations ORDER BY version";

/// A home with some credentials, whose schema is that of the first release.
async fn older() -> Home {
    let home = Home::set_up();
    let serving = home.serve();
    let admin = Browser::sign_in(&serving.base).await;
    for number in 0..5 {
        let form = webhook("", "a signing secret from before");
        let name = format!("Before {number}");
        let form: Vec<_> =
            form.iter().map(|(field, text)| (*field, if *field == "name" { name.as_str() } else { *text })).collect();
        assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
    }
    drop(serving);
    let AnyConnection::Sqlite(mut conn) = home.url().connect().expect("the database") else {
        panic!("a home lies in a file")
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let migrations = || FileBasedMigrations::from_path(&folder).expect("migrations");
    while conn.applied_migrations().expect("versions").len() > 1 {
        conn.revert_last_migration(migrations()).expect("a way back");
    }
    // Something to copy and to analyse, so that a kill finds it at work.
    let more = "INSERT INTO sign_in_attempts \
                WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 40000) \
                SELECT 'network:' || hex(randomblob(90)), 1, 1, created_at, created_at, created_at FROM many, instance";
    let mut conn = AnyConnection::Sqlite(conn);
    use diesel::connection::SimpleConnection;
    conn.batch_execute(more).expect("rows");
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").expect("one file");
    home
}

/// The copies that were made before upgrades.
fn copies(home: &Home) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.data()).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.to_string_lossy().contains(".before-")).collect()
}

/// A copy is whole, private, and of the schema before.
fn judge_copy(copy: &Path, credentials: usize) {
    assert_eq!(std::fs::metadata(copy).expect("a copy").permissions().mode() & 0o777, 0o600);
    let mut conn = DatabaseUrl::Sqlite(copy.to_owned()).connect_for_reading().expect("a database");
    assert_eq!(lines(&mut conn, "SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
    assert_eq!(lines(&mut conn, VERSIONS).len(), 1, "the schema before");
    assert_eq!(lines(&mut conn, "SELECT id AS line FROM credentials").len(), credentials);
}

/// Starts serving and kills it after `pause`.
fn killed_after(home: &Home, pause: Duration) {
    let mut child =
        home.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    std::thread::sleep(pause);
    child.kill().expect("a process");
    child.wait().expect("an end");
}

/// A pause that is different each time, and in the end covers all of `most`.
fn pause(round: u32, most: Duration) -> Duration {
    // The golden ratio spreads points evenly, however many there are.
    // Squared, they fall into the beginning more often, which is where a schema changes.
    most.mul_f64((f64::from(round) * 0.618_033_988_75).fract().powi(2))
}

fn restored(from: &Path, home: &Home) {
    for ending in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{ending}", home.database().display())));
    }
    std::fs::copy(from, home.database()).expect("the database as it was");
    // The heads of the chains that the program remembers belong to the state that is given up.
    for remembered in ["anchor", "checkpoints"] {
        drop(std::fs::remove_file(home.data().join(remembered)));
    }
    for copy in copies(home) {
        std::fs::remove_file(copy).expect("a copy");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t172_an_upgrade_that_is_killed_is_finished_by_the_next_start() {
    let home = older().await;
    let kept = home.data().join("kept");
    std::fs::copy(home.database(), &kept).expect("a copy for each round");
    let before = dump(&mut home.url().connect().expect("the database"));
    // How long an undisturbed upgrade takes.
    let began = Instant::now();
    drop(home.serve());
    let most = began.elapsed();
    let current = home.rows(VERSIONS);
    assert!(current.len() > 1);
    let mut found_at_work = 0;
    for round in 1..=rounds() {
        restored(&kept, &home);
        killed_after(&home, pause(round, most));
        let in_between = copies(&home);
        found_at_work += u32::from(!in_between.is_empty());
        for copy in in_between.iter().filter(|copy| copy.extension().is_some_and(|ending| ending == "db")) {
            judge_copy(copy, 5);
        }
        let serving = home.serve();
        let admin = Browser::sign_in(&serving.base).await;
        let list = admin.get("/w/acme/credentials").await.expect("an answer");
        assert!(list.status == 200 && list.body.contains("Before 4"), "round {round}");
        drop(serving);
        assert_eq!(home.rows(VERSIONS), current, "round {round}");
        assert_eq!(home.rows("SELECT integrity_check AS line FROM pragma_integrity_check"), ["ok"]);
        let after = dump(&mut home.url().connect().expect("the database"));
        for table in ["credentials", "credential_versions", "users", "workspaces", "instance", "workspace_keys"] {
            assert_eq!(after[table].len(), before[table].len(), "round {round}: {table}");
        }
        assert!(home.run(&["audit", "verify"]).status.success(), "round {round}");
        let copies = copies(&home);
        assert_eq!(copies.len(), 1, "one copy of the state before, and nothing half done: {copies:?}");
        judge_copy(&copies[0], 5);
    }
    println!("{} rounds, {found_at_work} kills came after the copy was begun; a start takes {most:?}", rounds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t172_a_first_start_that_is_killed_is_finished_by_the_next() {
    let began = Instant::now();
    let home = Home::empty();
    drop(home.serve());
    let most = began.elapsed();
    let mut served = 0;
    for round in 1..=rounds() {
        let home = Home::empty();
        killed_after(&home, pause(round, most));
        // The key is made before the database, so that a database never waits for a key that is lost.
        assert!(!home.database().exists() || home.data().join("root.key").exists(), "round {round}");
        let serving = home.serve();
        assert_eq!(reqwest::get(format!("{}/health/ready", serving.base)).await.expect("an answer").status(), 200);
        drop(serving);
        assert_eq!(home.rows("SELECT id AS line FROM instance").len(), 1);
        assert!(home.run(&["audit", "verify"]).status.success(), "round {round}");
        assert!(copies(&home).is_empty(), "there was nothing to copy");
        served += 1;
    }
    assert_eq!(served, rounds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t172_without_room_for_a_copy_nothing_is_upgraded() {
    let home = older().await;
    // A folder in the way stands for whatever keeps a copy from being made.
    let name = home.database().with_extension(format!("before-{}.part", second_version()));
    std::fs::create_dir(&name).expect("a folder");
    std::fs::write(name.join("in the way"), "x").expect("a file");
    let before = dump(&mut home.url().connect().expect("the database"));
    let refused = home.run(&[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("No copy of the database could be made"), "{said}");
    assert_eq!(home.rows(VERSIONS).len(), 1, "the schema is what it was");
    assert_eq!(dump(&mut home.url().connect().expect("the database")), before);
    std::fs::remove_dir_all(name).expect("out of the way");
    drop(home.serve());
    assert!(home.rows(VERSIONS).len() > 1);
}

fn second_version() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let mut stamps: Vec<String> = std::fs::read_dir(folder)
        .expect("migrations")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.split_once('_').map(|(stamp, _)| stamp.to_owned()))
        .collect();
    stamps.sort();
    stamps[1].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t174_two_that_start_together_on_an_older_schema_bring_it_up_once() {
    let home = older().await;
    let both = [home.command(), home.command()].map(|command| std::thread::spawn(move || Serving::start(command)));
    let both = both.map(|start| start.join().expect("it serves"));
    for serving in &both {
        let admin = Browser::sign_in(&serving.base).await;
        assert!(admin.get("/w/acme/credentials").await.expect("an answer").body.contains("Before 4"));
    }
    drop(both);
    let versions = home.rows(VERSIONS);
    assert!(versions.len() > 1 && versions.is_sorted());
    assert_eq!(copies(&home).len(), 1);
    judge_copy(&copies(&home)[0], 5);
    assert!(home.run(&["audit", "verify"]).status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t172_on_a_server_a_first_start_that_is_killed_is_finished_by_the_next() {
    if !is_postgres() {
        println!("not on SQLite: the tests beside this one are about its file");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    for round in 1..=rounds() {
        let database = crate::support::database::Database::empty(dir.path());
        let home = Home::empty_on(&database.url);
        killed_after(&home, pause(round, Duration::from_millis(1500)));
        let serving = home.serve();
        assert_eq!(reqwest::get(format!("{}/health/ready", serving.base)).await.expect("an answer").status(), 200);
        drop(serving);
        assert_eq!(home.rows("SELECT id AS line FROM instance").len(), 1);
        assert!(home.run(&["audit", "verify"]).status.success(), "round {round}");
    }
}
