//! The program at the shell: what it prints, what it refuses, with which exit code.

#![cfg(test)]

use crate::support::app::ROOT_KEY;
use crate::support::database::Database;
use crate::support::dump::{dump, lines};
use crate::support::program::Serving;
use diesel::connection::SimpleConnection;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_credenza");
const PASSWORD: &str = "velvet gravel 77";

/// A directory and a database, and the program beside them.
struct Shell {
    dir: tempfile::TempDir,
    database: Database,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn last_word(&self) -> &str {
        self.out.split_whitespace().last().unwrap_or_default()
    }

    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

impl Shell {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let database = Database::empty(dir.path());
        Self { dir, database }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(args)
            .env_clear()
            .env("CREDENZA_DATA_DIR", self.data())
            .env("CREDENZA_LISTEN", "127.0.0.1:0")
            .env("DATABASE_URL", &self.database.url)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[], "")
    }

    fn run_with(&self, args: &[&str], vars: &[(&str, &str)], input: &str) -> Ended {
        let mut command = self.command(args);
        command.envs(vars.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        // A program that refuses at once does not read.
        drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
        let done = child.wait_with_output().expect("an end");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    fn set_up(&self) -> Ended {
        let args = ["setup", "--workspace", "Orchard & Söhne", "--email", "ana@pears.example", "--password-file", "-"];
        self.run_with(&args, &[], &format!("{PASSWORD}\n"))
    }
}

#[test]
fn setup_workspaces_and_members() {
    let shell = Shell::new();
    let made = shell.set_up().expect(0);
    assert_eq!(made.last_word(), "orchard-sohne");
    assert!(!made.out.contains(PASSWORD) && !made.err.contains(PASSWORD));
    let again = shell.set_up().expect(2);
    assert!(again.err.contains("workspace add") && again.out.is_empty(), "{again:?}");
    assert_eq!(shell.run(&["workspace", "add", "--name", "Second one"]).expect(0).last_word(), "second-one");
    assert_eq!(shell.run(&["workspace", "add", "--name", "Second one"]).expect(0).last_word(), "second-one-2");
    assert_ne!(shell.run(&["workspace", "add", "--name", "API"]).expect(0).last_word(), "api", "is kept for addresses");
    let listed = shell.run(&["workspace", "list"]).expect(0).out;
    assert!(listed.contains("orchard-sohne\tOrchard & Söhne\n") && listed.contains("second-one\tSecond one\n"));
    let file = shell.dir.path().join("password");
    std::fs::write(&file, "velvet gravel 78").expect("a file");
    let file = file.to_string_lossy().into_owned();
    let add = |workspace: &str, email: &str, role: &str, file: Option<&str>| {
        let mut args = vec!["member", "add", "--workspace", workspace, "--email", email, "--role", role];
        args.extend(file.iter().flat_map(|file| ["--password-file", file]));
        shell.run(&args)
    };
    add("second-one", "ben@pears.example", "member", Some(&file)).expect(0);
    add("second-one", "ana@pears.example", "support", None).expect(0);
    assert!(add("second-one", "ben@pears.example", "admin", None).expect(2).err.contains("already"));
    add("no-such-one", "ben@pears.example", "member", None).expect(2);
    add("second-one", "new@pears.example", "member", None).expect(2);
    add("second-one", "no address", "member", Some(&file)).expect(2);
    add("second-one", "new@pears.example", "owner", Some(&file)).expect(2);
    let rows = dump(&mut shell.database.connect());
    assert_eq!((rows["users"].len(), rows["memberships"].len()), (2, 3));
    assert!(shell.run(&["audit", "verify"]).expect(0).out.contains("sound up to event"));
}

#[test]
fn t007_weak_passwords_are_refused_at_the_shell_too() {
    let shell = Shell::new();
    for (password, code) in [("velvet gravel", 2), ("passwordpassword", 2), ("an orchard of pears", 2)] {
        let args = ["setup", "--workspace", "Orchard", "--email", "ana@pears.example", "--password-file", "-"];
        let refused = shell.run_with(&args, &[], password).expect(code);
        assert!(!refused.err.contains(password));
    }
    shell
        .run(&["setup", "--workspace", "Orchard", "--email", "ana@pears.example", "--password-file", "/no/such/file"])
        .expect(2);
    shell.run(&["setup", "--workspace", "Orchard"]).expect(2);
    shell.run(&["no-such-command"]).expect(2);
    assert_eq!(shell.run(&["--version"]).expect(0).last_word(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn t165_a_changed_line_of_the_audit_is_found() {
    let shell = Shell::new();
    shell.set_up().expect(0);
    shell.run(&["audit", "verify"]).expect(0);
    let mut conn = shell.database.connect();
    conn.batch_execute("UPDATE audit_events SET actor_kind = 'person' WHERE chain = 'instance' AND seq = 1")
        .expect("a change");
    drop(conn);
    let found = shell.run(&["audit", "verify"]).expect(1);
    assert!(found.out.contains("instance: BROKEN at event 1"), "{found:?}");
    assert!(found.out.contains("sound up to event"), "the other chain is judged too");
}

#[test]
fn the_catalogue_is_listed_and_linted() {
    let shell = Shell::new();
    let listed = shell.run(&["catalog", "list"]).expect(0).out;
    assert!(["smtp", "openai", "http", "website"].iter().all(|id| listed.contains(id)));
    let lint = shell.run(&["catalog", "lint"]);
    assert!(matches!(lint.code, Some(0 | 1)), "{lint:?}");
    assert_eq!(lint.code == Some(0), lint.out.is_empty());
    let own = shell.dir.path().join("own");
    std::fs::create_dir(&own).expect("a folder");
    std::fs::write(own.join("broken.toml"), "schema = 1\nid = \"broken\"\nunknown_key = 1\n").expect("a file");
    let own = own.to_string_lossy().into_owned();
    let refused = shell.run_with(&["catalog", "lint"], &[("CREDENZA_CATALOG_DIR", &own)], "").expect(2);
    assert!(refused.err.contains("broken"), "{refused:?}");
    shell.run_with(&[], &[("CREDENZA_CATALOG_DIR", &own)], "").expect(2);
    assert!(!shell.data().join("root.key").exists(), "a refused start leaves no key behind");
}

#[test]
fn t176_settings_that_are_not_understood_are_refused() {
    let shell = Shell::new();
    for (name, value) in [
        ("CREDENZA_LISTN", "127.0.0.1:0"),
        ("CREDENZA_LISTEN", "everywhere"),
        ("CREDENZA_PUBLIC_URL", "console.example"),
        ("CREDENZA_PUBLIC_URL", "http://console.example"),
        ("CREDENZA_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("CREDENZA_EGRESS_ALLOW", "no-port"),
        ("CREDENZA_INSECURE_HTTP", "maybe"),
        ("CREDENZA_LOG_FORMAT", "xml"),
        ("CREDENZA_EGRESS_CA_FILE", "/no/such/file"),
        ("DATABASE_URL", "mysql://a/b"),
    ] {
        let refused = shell.run_with(&[], &[(name, value)], "").expect(2);
        assert!(refused.err.contains(name), "{name}={value}: {}", refused.err);
        assert!(!refused.out.contains("Credenza is at"), "{name}={value} is served");
    }
    let typo = shell.run_with(&[], &[("CREDENZA_LISTN", "127.0.0.1:0")], "").expect(2);
    assert!(typo.err.contains("did you mean CREDENZA_LISTEN"), "{}", typo.err);
}

#[test]
fn t176_dangers_are_printed_and_written_down() {
    let shell = Shell::new();
    let mut command = shell.command(&[]);
    command.env("CREDENZA_EGRESS_ALLOW", "10.1.2.3:8443").env("CREDENZA_LOG", "error");
    let serving = Serving::start(command);
    drop(serving);
    let written = dump(&mut shell.database.connect())["audit_events"].join("\n");
    assert!(written.contains("instance.started") && written.contains("10.1.2.3:8443"));
}

#[test]
fn t160_a_key_that_is_no_key_is_refused() {
    let shell = Shell::new();
    let zeros = "A".repeat(43) + "=";
    for key in
        ["short", "", "not base64 at all!!", &zeros, "changeme-changeme-changeme-changeme-changeme", &ROOT_KEY[..40]]
    {
        let refused = shell.run_with(&[], &[("CREDENZA_ROOT_KEY", key)], "");
        // An empty value is as if it were not set in some shells; it must not be taken for a key.
        assert!(matches!(refused.code, Some(2 | 3)), "{key}: {refused:?}");
        assert_eq!(refused.code == Some(2), key.is_empty(), "{key}: {refused:?}");
        assert!(
            !refused.out.contains("Credenza is at") && (key.is_empty() || !refused.err.contains(key)),
            "{refused:?}"
        );
    }
    let file = shell.dir.path().join("key");
    std::fs::write(&file, ROOT_KEY).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let named = file.to_string_lossy().into_owned();
    let refused = shell.run_with(&[], &[("CREDENZA_ROOT_KEY_FILE", &named)], "").expect(3);
    assert!(refused.err.contains("chmod 600"), "{}", refused.err);
    shell.run_with(&[], &[("CREDENZA_ROOT_KEY_FILE", "/no/such/file")], "").expect(3);
    let folder = shell.dir.path().to_string_lossy().into_owned();
    shell.run_with(&[], &[("CREDENZA_ROOT_KEY_FILE", &folder)], "").expect(3);
    assert!(lines(&mut shell.database.connect(), "SELECT 'x' AS line").len() == 1);
}

#[test]
fn t117_t160_a_database_opens_with_its_own_key_only() {
    let shell = Shell::new();
    shell.set_up().expect(0);
    let key = shell.data().join("root.key");
    let text = std::fs::read_to_string(&key).expect("the key");
    assert_eq!(std::fs::metadata(&key).expect("the key").permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(shell.data()).expect("the data").permissions().mode() & 0o777, 0o700);
    let wrong = shell.run_with(&["workspace", "list"], &[("CREDENZA_ROOT_KEY", ROOT_KEY)], "").expect(3);
    let known = lines(&mut shell.database.connect(), "SELECT root_label AS line FROM instance_roots");
    assert!(wrong.err.contains(&known[0]), "names the label {}: {}", known[0], wrong.err);
    assert!(!wrong.err.contains(ROOT_KEY) && !wrong.err.contains(text.trim()));
    std::fs::remove_file(&key).expect("the key goes");
    let missing = shell.run(&["workspace", "list"]).expect(3);
    assert!(missing.err.contains("root.key") && !key.exists(), "none is made: {}", missing.err);
    let refused = shell.run(&[]).expect(3);
    assert!(!refused.out.contains("Credenza is at"));
    shell.run_with(&["workspace", "list"], &[("CREDENZA_ROOT_KEY", text.trim())], "").expect(0);
}

#[test]
fn t162_two_installations_share_no_key() {
    let (one, other) = (Shell::new(), Shell::new());
    one.set_up().expect(0);
    other.set_up().expect(0);
    let key = |shell: &Shell| std::fs::read_to_string(shell.data().join("root.key")).expect("a key");
    assert_ne!(key(&one), key(&other));
    let roots = |shell: &Shell| {
        lines(&mut shell.database.connect(), "SELECT check_value || root_label AS line FROM instance_roots")
    };
    assert_ne!(roots(&one), roots(&other));
}

#[test]
fn t173_a_newer_schema_is_left_alone() {
    let shell = Shell::new();
    shell.set_up().expect(0);
    let mut conn = shell.database.connect();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')").expect("a row");
    let before = dump(&mut conn);
    drop(conn);
    for args in [&[][..], &["workspace", "list"], &["audit", "verify"]] {
        let refused = shell.run(args).expect(2);
        assert!(refused.err.contains("29990101000000"), "{}", refused.err);
    }
    assert_eq!(dump(&mut shell.database.connect()), before);
}

#[tokio::test]
async fn t174_two_that_start_together_make_one_installation() {
    let shell = Shell::new();
    let file = shell.dir.path().join("key");
    std::fs::write(&file, ROOT_KEY).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let command = || {
        let mut command = shell.command(&[]);
        command.env("CREDENZA_ROOT_KEY_FILE", &file).env("CREDENZA_LOG", "error");
        command
    };
    let starts: Vec<_> =
        [command(), command()].map(|one| std::thread::spawn(move || Serving::start(one))).into_iter().collect();
    let serving: Vec<Serving> = starts.into_iter().map(|start| start.join().expect("it serves")).collect();
    for one in &serving {
        let ready = reqwest::get(format!("{}/health/ready", one.base)).await.expect("an answer");
        assert_eq!(ready.status().as_u16(), 200);
    }
    let rows = dump(&mut shell.database.connect());
    assert_eq!((rows["instance"].len(), rows["instance_roots"].len()), (1, 1));
}
