//! MariaDB itself, which speaks MySQL's protocol: who is let in, who is not, and what is said about it.

use super::shipped;
use super::stage::{Told, check};
use crate::support::daemon::{Daemon, Ground, program};
use credenza::check::report::{Outcome, Report, StepResult};
use credenza::demo::authority::Authority;
use credenza::egress::lead::Lead;
use rustix::process::Signal;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const HOST: &str = "db.example.test";
const PASSWORD: &str = "c4nary of a MariaDB sign-in";
/// The operator's entry.
const NAMED: &str = "db.example.test:3306";

/// One statement a line.
fn users() -> String {
    let user = |name: &str, more: &str| format!("CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' {more};\n");
    [
        "CREATE DATABASE shop;\nCREATE DATABASE closed;\n".to_owned(),
        user("bots", ""),
        "GRANT SELECT ON shop.* TO bots@'127.0.0.1';\n".to_owned(),
        user("everywhere", ""),
        "GRANT SELECT ON *.* TO everywhere@'127.0.0.1';\n".to_owned(),
        user("tls_only", "REQUIRE SSL"),
        user("locked", "ACCOUNT LOCK"),
        user("lapsed", "PASSWORD EXPIRE"),
        user("hourly", "WITH MAX_CONNECTIONS_PER_HOUR 1"),
        "CREATE USER by_socket@'127.0.0.1' IDENTIFIED VIA unix_socket;\n".to_owned(),
        format!("CREATE USER elsewhere@'203.0.113.1' IDENTIFIED BY '{PASSWORD}';\n"),
    ]
    .concat()
}

/// A server with its users, and who signed its certificate.
struct Server {
    daemon: Daemon,
    ground: Ground,
    authority: Arc<Authority>,
}

impl Server {
    fn start() -> Self {
        let (ground, authority) = (Ground::new(), Arc::new(Authority::new().expect("an authority")));
        let mut init = ground.command(&program("mariadb-install-db", "mariadb-server-core"));
        let data = format!("--datadir={}", ground.path().join("data").display());
        init.args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]);
        ground.run(init);
        let (certificate, key) = authority.pem(HOST).expect("a certificate");
        ground.write("server.crt", &certificate);
        ground.write("server.key", &key);
        ground.write("users.sql", &users());
        let daemon = serve(&ground, &["--ssl-cert=server.crt", "--ssl-key=server.key", "--init-file=users.sql"]);
        Self { daemon, ground, authority }
    }

    /// The same data, without a certificate and with few connections.
    fn restarted(self, options: &[&str]) -> Self {
        let Self { daemon, ground, authority } = self;
        drop(daemon);
        Self { daemon: serve(&ground, options), ground, authority }
    }

    async fn call(&self, case: Case<'_>) -> Report {
        let integration = shipped().get("mysql").expect("an integration");
        let method = integration.method("password").expect("a method");
        let typed = [
            ("host", HOST),
            ("port", "3306"),
            ("tls", case.tls),
            ("database", case.database),
            ("user", case.user),
            ("password", case.password),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let authority = if case.stranger { &Authority::new().expect("an authority") } else { self.authority.as_ref() };
        let lead = Lead::to(self.daemon.addr);
        let (report, dialled) =
            check(integration, method, Told { typed: &typed, ..Told::default() }, (lead, case.allow), authority).await;
        assert_eq!(dialled, 1, "one try and no second: {report:?}");
        let text = format!("{report:?}");
        assert!(!text.contains(PASSWORD) && !text.contains("Access denied"), "{text}");
        report
    }
}

/// Relative names of files are meant from the data's folder, so that they are written out here.
fn serve(ground: &Ground, options: &[&str]) -> Daemon {
    let whole = |option: &&str| match option.split_once('=') {
        Some((name, file)) if ground.path().join(file).is_file() => {
            format!("{name}={}", ground.path().join(file).display())
        }
        _ => (*option).to_owned(),
    };
    let with = |port: u16| {
        let mut server = ground.command(&program("mariadbd", "mariadb-server-core"));
        let place = |option: &str, name: &str| format!("--{option}={}", ground.path().join(name).display());
        server
            .arg("--no-defaults")
            .arg(place("datadir", "data"))
            .arg(place("socket", "s"))
            .arg(place("pid-file", "pid"));
        server.arg(format!("--port={port}")).args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
        server.args(["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"]);
        server.args(options.iter().map(whole));
        server
    };
    ground.start(Signal::TERM, with, greets)
}

/// Whether a server says hello: the first byte behind a packet's head is the protocol.
fn greets(addr: SocketAddr) -> bool {
    first_byte(addr).is_some_and(|(byte, _)| byte == 10)
}

fn first_byte(addr: SocketAddr) -> Option<(u8, TcpStream)> {
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    Some((head[4], stream))
}

/// One sign-in.
#[derive(Clone, Copy)]
struct Case<'a> {
    tls: &'a str,
    database: &'a str,
    user: &'a str,
    password: &'a str,
    allow: &'a str,
    stranger: bool,
}

const GOOD: Case<'static> =
    Case { tls: "verify", database: "shop", user: "bots", password: PASSWORD, allow: "", stranger: false };

fn came(report: &Report) -> (Outcome, &str) {
    (report.outcome, report.code.as_str())
}

#[tokio::test]
async fn mariadb_itself_lets_the_right_ones_in_and_says_why_not() {
    let server = Server::start();
    let report = server.call(GOOD).await;
    assert_eq!(came(&report), (Outcome::Ok, "ok"), "{report:?}");
    let identity = report.identity.as_deref().unwrap_or_default();
    assert!(regex::Regex::new(r"^bots @ shop \(MariaDB \d+(\.\d+)+\)$").expect("a pattern").is_match(identity));
    assert!(report.steps.iter().all(|step| step.result == StepResult::Ok) && report.steps.len() == 6, "{report:?}");
    signs_in(&server).await;
    refuses(&server).await;
    let server = server.restarted(&["--max-connections=10"]);
    let report = server.call(GOOD).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "tls_error"), "{report:?}");
    assert!(report.hint.contains("does not offer encryption"), "{report:?}");
    is_full(&server).await;
    let addr = server.daemon.addr;
    drop(server);
    assert!(TcpStream::connect(addr).is_err(), "the server is gone");
}

async fn signs_in(server: &Server) {
    for user in ["bots", "tls_only"] {
        let database = if user == "bots" { "shop" } else { "" };
        let report = server.call(Case { user, database, ..GOOD }).await;
        assert_eq!(came(&report), (Outcome::Ok, "ok"), "{user}: {report:?}");
        let report = server.call(Case { user, database, password: "a wrong password", ..GOOD }).await;
        assert_eq!(came(&report), (Outcome::Invalid, "sql_1045"), "{user}: {report:?}");
        let failed: Vec<_> = report.steps.iter().filter(|step| step.result == StepResult::Failed).collect();
        assert_eq!((failed.len(), failed[0].label.as_str()), (1, "Sign in"));
        assert_eq!(failed[0].note, "1045 (28000) refused");
    }
    let plain = Case { tls: "none", allow: NAMED, ..GOOD };
    assert_eq!(came(&server.call(plain).await), (Outcome::Ok, "ok"));
    let report = server.call(Case { user: "tls_only", database: "", ..plain }).await;
    assert_eq!(came(&report), (Outcome::Invalid, "sql_1045"), "{report:?}");
    let report = server.call(Case { allow: "", ..plain }).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "target_denied"), "{report:?}");
    assert!(report.hint.contains(NAMED), "{report:?}");
    let report = server.call(Case { stranger: true, ..GOOD }).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "tls_error"), "{report:?}");
    assert!(report.fingerprint.is_some());
}

async fn refuses(server: &Server) {
    let first = server.call(Case { user: "hourly", database: "", ..GOOD }).await;
    assert_eq!(came(&first), (Outcome::Ok, "ok"), "{first:?}");
    let cases = [
        (Case { user: "nobody", ..GOOD }, Outcome::Invalid, "sql_1045"),
        (Case { user: "elsewhere", ..GOOD }, Outcome::Invalid, "sql_1045"),
        (Case { user: "by_socket", ..GOOD }, Outcome::Forbidden, "sql_1698"),
        (Case { user: "locked", database: "", ..GOOD }, Outcome::Blocked, "sql_3118"),
        (Case { user: "lapsed", database: "", ..GOOD }, Outcome::Expired, "sql_1820"),
        (Case { user: "hourly", database: "", ..GOOD }, Outcome::RateLimited, "sql_1040"),
        (Case { database: "closed", ..GOOD }, Outcome::Forbidden, "sql_1044"),
        (Case { user: "everywhere", database: "nowhere", ..GOOD }, Outcome::Misconfigured, "sql_1049"),
        (
            Case { user: "everywhere", database: "shop`; DROP DATABASE shop", ..GOOD },
            Outcome::Misconfigured,
            "sql_1049",
        ),
    ];
    for (case, outcome, code) in cases {
        let report = server.call(case).await;
        assert_eq!(came(&report), (outcome, code), "{} at {}: {report:?}", case.user, case.database);
        assert!(report.hint.len() > 50 && report.identity.is_none(), "{report:?}");
    }
}

/// As many connections as the server takes, and one more.
async fn is_full(server: &Server) {
    let mut held = Vec::new();
    while let Some((10, stream)) = first_byte(server.daemon.addr) {
        held.push(stream);
        assert!(held.len() < 50, "it is never full");
    }
    let report = server.call(Case { tls: "none", allow: NAMED, ..GOOD }).await;
    assert_eq!(came(&report), (Outcome::RateLimited, "sql_1040"), "{report:?}");
    let failed = report.steps.iter().find(|step| step.result == StepResult::Failed).map(|step| step.label.as_str());
    assert_eq!(failed, Some("Hear from the database server"));
}
