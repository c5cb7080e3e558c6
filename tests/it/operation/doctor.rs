//! `credenza doctor` and `credenza config explain`, as an operator runs them.

use super::set_up;
use crate::cli::{Ended, Shell};
use crate::support::app::ROOT_KEY;
use crate::support::database::is_postgres;
use crate::support::dump::dump;
use diesel::connection::SimpleConnection;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

/// The lines of one level, without it.
fn told<'a>(ended: &'a Ended, level: &str) -> Vec<&'a str> {
    ended.out.lines().filter_map(|line| line.strip_prefix(level)).map(str::trim).collect()
}

/// The command fails, and says so of this.
#[track_caller]
fn fails(ended: Ended, about: &str, why: &str) {
    let ended = ended.expect(1);
    let failed = told(&ended, "FAIL");
    assert!(failed.iter().any(|line| line.starts_with(about) && line.contains(why)), "{ended:?}");
}

#[test]
fn before_the_first_start_there_is_little_to_see_and_nothing_is_made() {
    let shell = Shell::new();
    let ended = shell.run(&["doctor"]).expect(0);
    let warned = told(&ended, "WARN");
    for about in ["data directory:", "root key:", "key place:"] {
        assert!(warned.iter().any(|line| line.starts_with(about)), "{about} {ended:?}");
    }
    let empty = if is_postgres() { "schema: is empty" } else { "database: is not there yet" };
    assert!(warned.iter().any(|line| line.starts_with(empty)), "{ended:?}");
    let made: Vec<_> = std::fs::read_dir(shell.dir.path()).expect("a directory").collect();
    assert!(made.is_empty(), "{made:?}");
    if is_postgres() {
        assert!(dump(&mut shell.database.connect()).is_empty(), "no table either");
    }
}

#[test]
fn a_sound_installation_passes_and_stays_as_it_is() {
    let shell = set_up();
    let before = dump(&mut shell.database.connect());
    let ended = shell.run(&["doctor"]).expect(0);
    let fine = told(&ended, "OK");
    for about in [
        "data directory:",
        "root key: can be read",
        "root key: opens this database",
        "file locks:",
        "catalogue:",
        "clock: says",
        "clock: not before the newest audit line",
        "database:",
        "schema: up to date",
        "public address:",
        "metrics: off",
        "egress: public addresses",
        "authorities:",
    ] {
        assert!(fine.iter().any(|line| line.starts_with(about)), "{about} {ended:?}");
    }
    let database = if is_postgres() { "database: PostgreSQL" } else { "durability: synchronous FULL, foreign keys on" };
    assert!(fine.iter().any(|line| line.starts_with(database)), "{ended:?}");
    let warned = told(&ended, "WARN");
    assert!(warned.iter().any(|line| line.starts_with("key place: in the data directory")), "{ended:?}");
    // How full the disk is that the tests run on is not theirs to say.
    assert!(fine.iter().chain(&warned).any(|line| line.starts_with("disk space:")), "{ended:?}");
    assert!(ended.out.lines().last().expect("a line").ends_with(", 0 failed"), "{ended:?}");
    assert_eq!(dump(&mut shell.database.connect()), before);
    let key = std::fs::read_to_string(shell.data().join("root.key")).expect("the key");
    assert!(!ended.out.contains(key.trim()) && !ended.err.contains(key.trim()));
}

#[test]
fn what_is_wrong_is_named_one_by_one() {
    let shell = set_up();
    let key = shell.data().join("root.key");
    mode(&key, 0o644);
    fails(shell.run(&["doctor"]), "root key:", "chmod 600");
    mode(&key, 0o600);
    mode(&shell.data(), 0o777);
    fails(shell.run(&["doctor"]), "data directory:", "can be changed by other users");
    mode(&shell.data(), 0o750);
    let open = shell.run(&["doctor"]).expect(0);
    assert!(told(&open, "WARN").iter().any(|line| line.starts_with("data directory:")), "{open:?}");
    mode(&shell.data(), 0o700);
    let with = |name: &str, value: &str| shell.run_with(&["doctor"], &[(name, value)], "");
    fails(with("CREDENZA_ROOT_KEY", ROOT_KEY), "root key:", "sealed under");
    fails(with("CREDENZA_EGRESS_ALLOW", "no-port"), "egress:", "no-port");
    fails(with("CREDENZA_EGRESS_CA_FILE", "/no/such/file"), "authorities:", "/no/such/file");
    fails(with("DATABASE_URL", "postgres://kim:hunter2@127.0.0.1:1/x"), "database:", "cannot be opened");
    let own = shell.dir.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("broken.toml"), "schema = 1\nid = \"broken\"\n").expect("a file");
    fails(with("CREDENZA_CATALOG_DIR", &own.to_string_lossy()), "catalogue:", "broken");
    let ended = with("DATABASE_URL", "postgres://kim:hunter2@127.0.0.1:1/x");
    assert!(!format!("{ended:?}").contains("hunter2"));
    std::fs::rename(&key, shell.dir.path().join("away")).expect("the key goes");
    fails(shell.run(&["doctor"]), "root key:", "is missing");
    assert!(!key.exists(), "none is made");
}

#[test]
fn what_is_wrong_in_the_database_is_named() {
    let shell = set_up();
    let run = |sql: &str| shell.database.connect().batch_execute(sql).expect(sql);
    run("UPDATE audit_events SET at = '2999-01-01 00:00:00.000000' WHERE chain = 'instance'");
    fails(shell.run(&["doctor"]), "clock:", "before the newest audit line (2999-01-01");
    run("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
    fails(shell.run(&["doctor"]), "schema:", "newer Credenza (migration 29990101000000)");
    run("DELETE FROM __diesel_schema_migrations WHERE version LIKE '2026%' OR version LIKE '2999%'");
    let older = shell.run(&["doctor"]).expect(0);
    assert!(told(&older, "WARN").iter().any(|line| line.starts_with("schema:")), "{older:?}");
}

#[test]
fn a_configuration_that_is_refused_is_refused_here_too() {
    let shell = Shell::new();
    for command in [&["doctor"][..], &["config", "explain"]] {
        let refused = shell.run_with(command, &[("CREDENZA_PUBLIC_URL", "https://console.example")], "").expect(2);
        assert!(refused.err.contains("CREDENZA_ROOT_KEY_FILE") && refused.out.is_empty(), "{refused:?}");
        let typo = shell.run_with(command, &[("CREDENZA_LISTN", "x")], "").expect(2);
        assert!(typo.err.contains("did you mean CREDENZA_LISTEN"), "{typo:?}");
    }
    assert!(!shell.data().exists());
}

#[test]
fn settings_are_explained_without_their_secrets() {
    let shell = Shell::new();
    let file = shell.dir.path().join("url");
    std::fs::write(&file, "postgres://kim:hunter2@localhost:5433/vault\n").expect("a file");
    let mut command = shell.command(&["config", "explain"]);
    command
        .env_remove("DATABASE_URL")
        .env("DATABASE_URL_FILE", &file)
        .env("CREDENZA_ROOT_KEY", ROOT_KEY)
        .env("CREDENZA_LISTEN", "127.0.0.1:8081")
        .env("CREDENZA_SUPPORT_CONTACT", "help@acme.example");
    let done = command.output().expect("an end");
    let out = String::from_utf8(done.stdout).expect("UTF-8");
    assert_eq!(done.status.code(), Some(0), "{out}");
    for line in [
        "CREDENZA_LISTEN = 127.0.0.1:8081  [environment]".to_owned(),
        "CREDENZA_PUBLIC_URL = http://127.0.0.1:8081/  [default]".to_owned(),
        "CREDENZA_ROOT_KEY = (hidden)  [environment]".to_owned(),
        "CREDENZA_METRICS_LISTEN = (not set)  [default]".to_owned(),
        format!(
            "DATABASE_URL = postgres://localhost:5433/vault (user, password and options hidden)  [file {}]",
            file.display()
        ),
    ] {
        assert!(out.lines().any(|l| l == line), "{line}\n{out}");
    }
    assert!(out.contains("Unset: 127.0.0.1:8080."), "{out}");
    assert!(!out.contains("hunter2") && !out.contains("kim") && !out.contains(ROOT_KEY), "{out}");
    assert!(!shell.data().exists(), "nothing is made");
}
