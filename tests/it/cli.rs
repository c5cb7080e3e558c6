//! The program at the shell: what it prints, what it refuses, with which exit code.

#![cfg(test)]

use crate::support::app::ROOT_KEY;
use crate::support::database::Database;
use crate::support::dump::{dump, lines};
use crate::support::http_server::{Answer as HttpAnswer, HttpServer};
use crate::support::program::{Browser, Home, Serving};
use crate::support::raw;
use diesel::connection::SimpleConnection;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_credenza");
const PASSWORD: &str = "velvet gravel 77";

/// A directory and a database, and the program beside them.
pub struct Shell {
    pub dir: tempfile::TempDir,
    pub database: Database,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    fn last_word(&self) -> &str {
        self.out.split_whitespace().last().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

impl Shell {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let database = Database::empty(dir.path());
        Self { dir, database }
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn command(&self, args: &[&str]) -> Command {
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

    pub fn run(&self, args: &[&str]) -> Ended {
        self.run_with(args, &[], "")
    }

    pub fn run_with(&self, args: &[&str], vars: &[(&str, &str)], input: &str) -> Ended {
        let mut command = self.command(args);
        command.envs(vars.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        // A program that refuses at once does not read.
        drop(child.stdin.take().expect("a pipe").write_all(input.as_bytes()));
        let done = child.wait_with_output().expect("an end");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    pub fn set_up(&self) -> Ended {
        self.set_up_for("Orchard & Söhne", "ana@pears.example", PASSWORD)
    }

    pub fn set_up_for(&self, workspace: &str, email: &str, password: &str) -> Ended {
        let args = ["setup", "--workspace", workspace, "--email", email, "--password-file", "-"];
        self.run_with(&args, &[], &format!("{password}\n"))
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
    let reset = |email: &str| shell.run(&["member", "reset-second-factor", "--email", email]);
    reset("Ben@Pears.example").expect(0);
    assert!(reset("nobody@pears.example").expect(2).err.contains("Nobody has the address nobody@pears.example"));
    let rows = dump(&mut shell.database.connect());
    assert_eq!((rows["users"].len(), rows["memberships"].len()), (2, 3));
    assert!(shell.run(&["audit", "verify"]).expect(0).out.contains("sound up to event"));
}

#[test]
fn only_commands_that_begin_an_installation_make_a_database() {
    let shell = Shell::new();
    let key = shell.dir.path().join("root2.key");
    std::fs::write(&key, ROOT_KEY).expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let key = key.to_string_lossy().into_owned();
    for args in [
        &["workspace", "list"][..],
        &["member", "list", "--workspace", "acme"],
        &["member", "disable", "--email", "ana@pears.example"],
        &["bot", "add", "--workspace", "acme", "--name", "Reader"],
        &["token", "add", "--workspace", "acme", "--scope", "manage"],
        &["audit", "verify"],
        &["audit", "key"],
        &["audit", "export", "--workspace", "acme"],
        &["keys", "stage", "--file", &key],
        &["keys", "rotate"],
        &["keys", "rotate", "--instance-root"],
        &["keys", "retire", "0123456789abcdef"],
    ] {
        let refused = shell.run(args).expect(2);
        let said = &refused.err;
        assert!(said.contains("There is no installation") && said.contains("config explain"), "{args:?}: {said}");
        assert!(refused.out.is_empty() && !shell.data().exists(), "{args:?}: nothing is made");
        assert!(!shell.dir.path().join("credenza.db").exists(), "{args:?}: no database either");
    }
    assert!(dump(&mut shell.database.connect()).is_empty());
    // Nor is an empty one filled.
    shell.run(&["workspace", "list"]).expect(2);
    assert!(dump(&mut shell.database.connect()).is_empty());
    shell.set_up().expect(0);
    shell.run(&["audit", "verify"]).expect(0);
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
fn t078_an_address_that_cannot_be_used_is_refused_without_its_password() {
    let shell = Shell::new();
    let secret = "kettle-9d81f0c2";
    for url in [
        format!("postgres://credenza:{secret}%zz@127.0.0.1:1/credenza"),
        format!("postgres://credenza:{secret}@127.0.0.1:1/credenza"),
        format!("postgres://credenza:{secret}@127.0.0.1:1/credenza?no_such_option=1"),
        format!("postgres://credenza:{secret}@127.0.0.1:1/credenza?password={secret}&sslmode=%zz"),
        format!("postgres://credenza:{secret}@127.0.0.1:99999/credenza"),
        format!("postgres://credenza:{secret}%00@127.0.0.1:1/credenza"),
        format!("postgres://{secret}%2@127.0.0.1:1/credenza"),
        format!("postgres://credenza:{secret}@db.example/credenza"),
        format!("mysql://credenza:{secret}@127.0.0.1/credenza"),
    ] {
        let vars = [("DATABASE_URL", url.as_str()), ("CREDENZA_ROOT_KEY", ROOT_KEY), ("CREDENZA_LOG", "trace")];
        let refused = shell.run_with(&["workspace", "list"], &vars, "").expect(2);
        assert!(!refused.err.contains(secret) && !refused.out.contains(secret), "{url}: {}", refused.err);
        assert!(refused.err.len() > 20, "and it is said why: {refused:?}");
    }
}

#[test]
fn t081_no_secret_is_an_argument() {
    let shell = Shell::new();
    for args in [&["setup"][..], &["member", "add"], &["workspace", "add"], &["serve"], &[]] {
        let help = shell.run(&[args, &["--help"]].concat()).expect(0).out;
        let options: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
        assert!(!options.is_empty());
        for option in options {
            let takes = ["password", "secret", "token", "key"].iter().any(|word| option.contains(word));
            assert!(!takes || option.ends_with("-file"), "{args:?} takes {option}");
        }
    }
    // What others see of a running process: its arguments, and the variables that it was given.
    let args = ["setup", "--workspace", "Orchard", "--email", "ana@pears.example", "--password-file", "-"];
    let mut command = shell.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(PASSWORD.as_bytes()).expect("a reader");
    // It reads to the end, so that it is still there; its arguments are seen once it runs.
    let arguments = format!("/proc/{}/cmdline", child.id());
    while std::fs::read(&arguments).is_ok_and(|seen| seen.is_empty()) {
        std::thread::yield_now();
    }
    for what in ["cmdline", "environ", "comm"] {
        // A process that is not dumpable shows its environment to nobody.
        if let Ok(seen) = std::fs::read(format!("/proc/{}/{what}", child.id())) {
            let seen = String::from_utf8_lossy(&seen).into_owned();
            assert!(!seen.contains(PASSWORD), "{what}");
            assert!(what != "cmdline" || seen.contains("ana@pears.example"), "{what} was seen: {seen}");
        }
    }
    drop(input);
    assert!(child.wait_with_output().expect("an end").status.success());
}

#[tokio::test]
async fn t071_t082_the_log_at_its_finest_is_one_line_for_each_event_and_holds_no_secret() {
    let service = HttpServer::start(None, Vec::new()).await;
    for format in ["text", "json"] {
        let home = Home::set_up();
        let file = home.data().join("log");
        let mut command = home.command();
        command
            .env("CREDENZA_LOG", "trace")
            .env("CREDENZA_LOG_FORMAT", format)
            .env("CREDENZA_EGRESS_ALLOW", format!("http://{}", service.addr));
        let serving = Serving::start_logging_to(command, std::fs::File::create(&file).expect("a file").into());
        let admin = Browser::sign_in(&serving.base).await;
        let secret = "token-7b1e55d0c4-of-the-service";
        let base = format!("http://{}", service.addr);
        let form = [
            ("integration", "http"),
            ("method", "bearer"),
            ("name", "Logged"),
            ("f.base_url", base.as_str()),
            ("f.check_path", "/me"),
            ("f.token", secret),
        ];
        service.prepare(HttpAnswer::json(200, &serde_json::json!({ "echo": secret })));
        assert_eq!(admin.post("/w/acme/credentials", &form).await.expect("an answer").status, 303);
        service.prepare(HttpAnswer::json(401, &serde_json::json!({ "echo": secret })));
        let never = [&form[..2], &[("name", "Never")], &form[3..]].concat();
        assert_eq!(admin.post("/w/acme/credentials", &never).await.expect("an answer").status, 422);
        let host = serving.base.trim_start_matches("http://");
        for (path, agent) in [
            ("/sign-in?a=%0a%1b[2J%E2%80%A8", "one\x1b[2Jtwo\u{2028}three".as_bytes().to_vec()),
            ("/%0d%0aERROR%20all%20is%20lost/%1b[31m", b"\xff\xfe\x9b31m".to_vec()),
            ("/nothing", vec![b'x'; 8_000]),
        ] {
            let start = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: ");
            let (status, _) = raw::ask(&serving.base, &[start.as_bytes(), &agent, b"\r\n\r\n"].concat()).await;
            assert!(matches!(status, 200 | 400 | 404), "{path}: {status}");
        }
        drop(serving);
        let log = std::fs::read_to_string(&file).expect("a log in UTF-8");
        assert!(
            log.contains("TRACE") && log.contains("answered") && log.contains("actix"),
            "the finest lines are there"
        );
        for text in [secret, crate::support::program::PASSWORD, &format!("Bearer {}", &secret[..9])] {
            assert!(!log.contains(text), "the log holds {text}");
        }
        assert!(log.lines().count() > 50);
        for line in log.lines() {
            assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{line:?}");
            let is_event = match format {
                "json" => {
                    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|event| event["timestamp"].is_string())
                }
                _ => line.starts_with("20") && line.get(10..11) == Some("T"),
            };
            assert!(is_event, "{line:?}");
            assert!(line.len() < 6_000, "{} bytes", line.len());
        }
    }
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
fn an_export_that_is_refused_leaves_no_file_in_its_way() {
    let shell = Shell::new();
    shell.set_up().expect(0);
    let file = shell.dir.path().join("export.jsonl");
    let name = file.to_string_lossy().into_owned();
    let export =
        |slug: &str, vars: &[(&str, &str)]| shell.run_with(&["audit", "export", "--workspace", slug, &name], vars, "");
    assert!(export("orchard-sohn", &[]).expect(2).err.contains("There is no workspace orchard-sohn"));
    assert!(!file.exists());
    export("orchard-sohne", &[("CREDENZA_ROOT_KEY", ROOT_KEY)]).expect(3);
    assert!(!file.exists());
    export("orchard-sohne", &[]).expect(0);
    let written = std::fs::read(&file).expect("an export");
    assert!(export("orchard-sohne", &[]).expect(2).err.contains("cannot be made"));
    assert_eq!(std::fs::read(&file).expect("an export"), written, "it is never overwritten");
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
