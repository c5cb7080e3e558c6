//! PostgreSQL itself: who is let in, who is not, and what is said about it.

use super::shipped;
use super::stage::{Told, check};
use crate::support::daemon::{Daemon, Ground, program};
use credenza::check::report::{Outcome, Report, StepResult};
use credenza::db::{AnyConnection, DatabaseUrl};
use credenza::demo::authority::Authority;
use credenza::egress::lead::Lead;
use diesel::connection::SimpleConnection;
use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const HOST: &str = "db.example.test";
const PASSWORD: &str = "c4nary of a PostgreSQL sign-in";
/// The operator's entry.
const NAMED: &str = "db.example.test:5432";

/// First match wins. What is not named here is not let in.
const HBA: &str = "\
host    all postgres     127.0.0.1/32 trust
host    all,replication elsewhere 203.0.113.0/24 scram-sha-256
hostssl all tls_only     127.0.0.1/32 scram-sha-256
host    all md5_user     127.0.0.1/32 md5
host    all clear_user   127.0.0.1/32 password
host    all kerberos     127.0.0.1/32 gss
host    all rejected     127.0.0.1/32 reject
host    all bots,lapsed,limited,no_login,nobody 127.0.0.1/32 scram-sha-256
";

fn users() -> String {
    let with = |name: &str, more: &str| format!("CREATE ROLE {name} PASSWORD '{PASSWORD}' {more};");
    [
        with("bots", "LOGIN"),
        with("tls_only", "LOGIN"),
        with("clear_user", "LOGIN"),
        with("kerberos", "LOGIN"),
        with("rejected", "LOGIN"),
        with("elsewhere", "LOGIN"),
        with("lapsed", "LOGIN VALID UNTIL '2020-01-01'"),
        with("limited", "LOGIN CONNECTION LIMIT 0"),
        with("no_login", "NOLOGIN"),
        "SET password_encryption = 'md5';".to_owned(),
        with("md5_user", "LOGIN"),
    ]
    .concat()
}

/// A server with its users, and who signed its certificate.
struct Server {
    daemon: Daemon,
    authority: Arc<Authority>,
    fingerprint: String,
    _ground: Ground,
}

impl Server {
    fn start() -> Self {
        let (ground, authority) = (Ground::new(), Arc::new(Authority::new().expect("an authority")));
        let (certificate, key) = authority.pem(HOST).expect("a certificate");
        let der = rustls::pki_types::pem::PemObject::from_pem_slice(certificate.as_bytes());
        let der: rustls::pki_types::CertificateDer<'_> = der.expect("a certificate");
        let fingerprint = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut init = ground.command(&program("initdb", "postgresql"));
        init.args(["-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        ground.run(init);
        ground.write("data/server.crt", &certificate);
        ground.write("data/server.key", &key);
        ground.write("data/pg_hba.conf", HBA);
        ground.write("data/postgresql.auto.conf", "ssl = on\n");
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
        let with = |port: u16| {
            let mut server = ground.command(&program("postgres", "postgresql"));
            server.args(["-D", "data", "-p", &port.to_string()]);
            server.args(settings.iter().flat_map(|setting| ["-c", setting]));
            server
        };
        let daemon = ground.start(Signal::INT, with, |addr| admin(addr, "postgres").is_ok());
        let server = Self { daemon, authority, fingerprint, _ground: ground };
        server.order("postgres", &users());
        server.order("postgres", "CREATE DATABASE shop");
        server.order("postgres", "CREATE DATABASE closed");
        server.order("postgres", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
        server
    }

    fn order(&self, database: &str, sql: &str) {
        admin(self.daemon.addr, database).expect("a connection").batch_execute(sql).expect(sql);
    }

    async fn call(&self, case: Case<'_>) -> Report {
        self.through(self.daemon.addr, case).await
    }

    async fn through(&self, addr: SocketAddr, case: Case<'_>) -> Report {
        let integration = shipped().get("postgresql").expect("an integration");
        let method = integration.method("password").expect("a method");
        let typed = [
            ("host", case.host),
            ("port", "5432"),
            ("tls", case.tls),
            ("database", case.database),
            ("user", case.user),
            ("password", case.password),
            ("cert_sha256", case.pin),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        let authority = if case.stranger { &Authority::new().expect("an authority") } else { self.authority.as_ref() };
        let (report, dialled) = check(
            integration,
            method,
            Told { typed: &typed, ..Told::default() },
            (Lead::to(addr), case.allow),
            authority,
        )
        .await;
        assert_eq!(dialled, 1, "one try and no second: {report:?}");
        let text = format!("{report:?}");
        assert!(!text.contains(PASSWORD) && !text.contains("FATAL"), "{text}");
        report
    }
}

fn admin(addr: SocketAddr, database: &str) -> Result<AnyConnection, diesel::ConnectionError> {
    DatabaseUrl::parse(&format!("postgres://postgres@{addr}/{database}")).expect("an address").connect()
}

/// One sign-in.
#[derive(Clone, Copy)]
struct Case<'a> {
    host: &'a str,
    tls: &'a str,
    database: &'a str,
    user: &'a str,
    password: &'a str,
    pin: &'a str,
    allow: &'a str,
    stranger: bool,
}

const GOOD: Case<'static> = Case {
    host: HOST,
    tls: "verify",
    database: "shop",
    user: "bots",
    password: PASSWORD,
    pin: "",
    allow: "",
    stranger: false,
};

fn came(report: &Report) -> (Outcome, &str) {
    (report.outcome, report.code.as_str())
}

#[tokio::test]
async fn postgresql_itself_lets_the_right_ones_in_and_says_why_not() {
    let server = Server::start();
    let report = server.call(GOOD).await;
    assert_eq!(came(&report), (Outcome::Ok, "ok"), "{report:?}");
    let identity = report.identity.as_deref().unwrap_or_default();
    assert!(regex::Regex::new(r"^bots @ shop \(PostgreSQL \d+(\.\d+)+\)$").expect("a pattern").is_match(identity));
    let labels: Vec<&str> = report.steps.iter().map(|step| step.label.as_str()).collect();
    let wanted = ["Found db.example.test", "Connected on port 5432", "Encrypted, certificate valid", "Signed in"];
    assert_eq!(labels[..4], wanted);
    assert_eq!(labels[4..], ["Sample call SELECT 1 was answered"]);
    signs_in(&server).await;
    refuses(&server).await;
    encrypts(&server).await;
    is_bound_to_the_certificate(&server).await;
    server.order("postgres", "ALTER SYSTEM SET ssl = off");
    server.order("postgres", "SELECT pg_reload_conf(), pg_sleep(0.5)");
    let report = server.call(GOOD).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "tls_error"), "{report:?}");
    assert!(report.hint.contains("does not offer encryption"), "{report:?}");
    let addr = server.daemon.addr;
    drop(server);
    assert!(TcpStream::connect(addr).await.is_err(), "the server is gone");
}

/// Every way to prove a password that is known here, encrypted or to a place that the operator named.
async fn signs_in(server: &Server) {
    for user in ["bots", "md5_user", "clear_user", "tls_only"] {
        let report = server.call(Case { user, ..GOOD }).await;
        assert_eq!(came(&report), (Outcome::Ok, "ok"), "{user}: {report:?}");
        let report = server.call(Case { user, password: "a wrong password", ..GOOD }).await;
        assert_eq!(came(&report), (Outcome::Invalid, "sql_28p01"), "{user}: {report:?}");
        let failed: Vec<_> = report.steps.iter().filter(|step| step.result == StepResult::Failed).collect();
        assert_eq!((failed.len(), failed[0].label.as_str(), failed[0].note.as_str()), (1, "Sign in", "28P01 refused"));
    }
    let plain = Case { tls: "none", allow: NAMED, ..GOOD };
    for (user, wanted) in [
        ("bots", (Outcome::Ok, "ok")),
        ("md5_user", (Outcome::Ok, "ok")),
        ("clear_user", (Outcome::Misconfigured, "sql_clear_password")),
        ("tls_only", (Outcome::Forbidden, "sql_28000")),
    ] {
        assert_eq!(came(&server.call(Case { user, ..plain }).await), wanted, "{user}");
    }
    let report = server.call(Case { allow: "", ..plain }).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "target_denied"), "{report:?}");
    assert!(report.hint.contains(NAMED), "{report:?}");
}

async fn refuses(server: &Server) {
    let cases = [
        (Case { user: "nobody", ..GOOD }, Outcome::Invalid, "sql_28p01"),
        (Case { user: "lapsed", ..GOOD }, Outcome::Invalid, "sql_28p01"),
        (Case { user: "no_login", ..GOOD }, Outcome::Forbidden, "sql_28000"),
        (Case { user: "rejected", ..GOOD }, Outcome::Forbidden, "sql_28000"),
        (Case { user: "elsewhere", ..GOOD }, Outcome::Forbidden, "sql_28000"),
        (Case { user: "limited", ..GOOD }, Outcome::RateLimited, "sql_53300"),
        (Case { user: "kerberos", ..GOOD }, Outcome::Misconfigured, "sql_no_auth"),
        (Case { database: "nowhere", ..GOOD }, Outcome::Misconfigured, "sql_3d000"),
        (Case { database: "Shop", ..GOOD }, Outcome::Misconfigured, "sql_3d000"),
        (Case { database: "closed", ..GOOD }, Outcome::Forbidden, "sql_42501"),
        (Case { database: "template0", ..GOOD }, Outcome::Misconfigured, "sql_55000"),
        (Case { database: "shop options=-cfoo", ..GOOD }, Outcome::Misconfigured, "sql_3d000"),
    ];
    for (case, outcome, code) in cases {
        let report = server.call(case).await;
        assert_eq!(came(&report), (outcome, code), "{} at {}: {report:?}", case.user, case.database);
        assert!(report.hint.len() > 50 && report.identity.is_none(), "{report:?}");
    }
}

async fn encrypts(server: &Server) {
    let report = server.call(Case { stranger: true, ..GOOD }).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "tls_error"), "{report:?}");
    assert_eq!(report.fingerprint.as_deref(), Some(server.fingerprint.as_str()));
    let pinned = Case { stranger: true, pin: &server.fingerprint, ..GOOD };
    let report = server.call(pinned).await;
    assert_eq!(came(&report), (Outcome::Ok, "ok"), "{report:?}");
    assert!(report.steps.iter().any(|step| step.label == "Encrypted, certificate as confirmed"), "{report:?}");
    let report = server.call(Case { host: "another.example.test", ..GOOD }).await;
    assert_eq!(came(&report), (Outcome::Misconfigured, "tls_error"), "{report:?}");
    assert!(report.hint.contains("not for another.example.test"), "{report:?}");
}

/// Somebody in between who has a certificate that everybody trusts: the sign-in is tied to the server's own,
/// so that passing it on comes to nothing.
async fn is_bound_to_the_certificate(server: &Server) {
    use credenza::demo::authority::Health;
    let (own, theirs) = (server.authority.server(Health::Good).expect("TLS"), server.daemon.addr);
    let mut roots = RootCertStore::empty();
    roots.add(server.authority.root()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let between = listener.local_addr().expect("an address");
    let relay = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, own.clone(), theirs, client.clone()));
        }
    });
    let report = server.through(between, Case { user: "md5_user", ..GOOD }).await;
    assert_eq!(came(&report), (Outcome::Ok, "ok"), "what is not bound passes: {report:?}");
    let report = server.through(between, GOOD).await;
    assert_ne!(report.outcome, Outcome::Ok, "{report:?}");
    assert!(report.steps.iter().any(|step| step.label == "Sign in" && step.result == StepResult::Failed), "{report:?}");
    relay.abort();
}

async fn pass_on(
    mut stream: TcpStream,
    own: Arc<ServerConfig>,
    theirs: SocketAddr,
    client: Arc<ClientConfig>,
) -> Option<()> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await.ok()?;
    stream.write_all(b"S").await.ok()?;
    let mut here = TlsAcceptor::from(own).accept(stream).await.ok()?;
    let mut onward = TcpStream::connect(theirs).await.ok()?;
    onward.write_all(&request).await.ok()?;
    onward.read_u8().await.ok()?;
    let name = ServerName::try_from(HOST).ok()?;
    let mut there = TlsConnector::from(client).connect(name, onward).await.ok()?;
    tokio::io::copy_bidirectional(&mut here, &mut there).await.ok().map(drop)
}
