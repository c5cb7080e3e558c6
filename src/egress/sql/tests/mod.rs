//! Sign-ins at database servers that behave well, badly, or not at all.

mod mysql;
mod postgres;
mod properties;

use super::{Served, SqlLogin};
use crate::egress::fault::{Fault, Rule};
use crate::egress::lead::{Found, Lead};
use crate::egress::policy::{Pattern, Policy, Private};
use crate::egress::stage::{Authority, Boxed, Heard, caller, serve};
use crate::egress::target::{Mode, Target};
use crate::egress::trace::{Phase, Trace};
use crate::secret::Secret;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const PASSWORD: &str = "canary-password";
const HOST: &str = "db.example";
/// The operator's entries for both ports.
const NAMED: &str = "db.example:5432, db.example:3306";

/// The other side of a scripted talk.
struct Peer {
    stream: Boxed,
    heard: Heard,
    encrypted: bool,
}

impl Peer {
    async fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// Hears what comes next, as text with one character a byte.
    async fn hear(&mut self) -> Vec<u8> {
        self.hear_at_most(16 * 1024).await
    }

    /// The same, and leaves what is beyond it.
    async fn hear_at_most(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let count = self.stream.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(count);
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        self.heard.add(format!("{}{text}", if self.encrypted { "tls:" } else { "" }));
        bytes
    }

    /// Hears all that comes until the other side has gone.
    async fn hear_out(&mut self) {
        while !self.hear().await.is_empty() {}
    }

    /// Keeps the connection without a word.
    async fn stay(self) {
        tokio::time::sleep(Duration::from_secs(30)).await;
        drop(self.stream);
    }

    async fn encrypt(self, tls: &TlsAcceptor) -> Option<Self> {
        let stream = tls.accept(self.stream).await.ok()?;
        Some(Self { stream: Box::new(stream), encrypted: true, ..self })
    }
}

/// What came of a talk.
struct Came {
    result: Result<Served, Fault>,
    phases: Vec<Phase>,
    took: Duration,
}

impl Came {
    fn fault(self) -> Fault {
        self.result.unwrap_err()
    }
}

/// One sign-in at a scripted server.
struct Call {
    authority: Authority,
    heard: Heard,
    mode: Mode,
    allow: &'static str,
    limit: Duration,
}

impl Call {
    fn new(mode: Mode) -> Self {
        let plain = matches!(mode, Mode::PostgresPlain | Mode::MysqlPlain);
        let allow = if plain { NAMED } else { "" };
        Self { authority: Authority::new(), heard: Heard::default(), mode, allow, limit: Duration::from_millis(900) }
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.authority.acceptor(&[HOST])
    }

    async fn with<F>(&self, script: impl Fn(Peer) -> F + Send + Sync + 'static) -> Came
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let heard = self.heard.clone();
        let listener = serve(None, move |stream| script(Peer { stream, heard: heard.clone(), encrypted: false })).await;
        self.at(Lead::to(listener)).await
    }

    async fn at(&self, lead: Lead) -> Came {
        let egress = caller(lead, &self.authority, self.allow);
        let port = if matches!(self.mode, Mode::PostgresTls | Mode::PostgresPlain) { 5432 } else { 3306 };
        let target = Target::sql(HOST, port, self.mode).unwrap();
        let secret = |text: &str| Secret::new(text.to_owned());
        let login = SqlLogin::new(target, secret("joe"), secret(PASSWORD), "shop").unwrap();
        let hosts = vec![Pattern::parse(HOST).unwrap()];
        let policy = Policy { hosts, private: Private::Operator, ..Policy::default() };
        let mut trace = Trace::within(self.limit);
        let began = Instant::now();
        let result = egress.sql(&login, &policy, &mut trace).await;
        Came { result, phases: trace.timed().iter().map(|t| t.phase).collect(), took: began.elapsed() }
    }

    /// Everything that was said, as text with one character a byte.
    fn said(&self) -> String {
        self.heard.all().concat()
    }

    /// Waits until this was heard: the other side reads after we have gone.
    async fn heard_in_the_end(&self, text: &str) -> bool {
        for _ in 0..100 {
            if self.said().contains(text) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    /// That the password was not said, and no user either where nothing at all should be.
    fn kept_still(&self) {
        let said = self.said();
        assert!(!said.contains(PASSWORD) && !said.contains("joe"), "{said:?}");
    }

    /// That the password itself was not said.
    fn kept_the_password(&self) {
        let said = self.said();
        assert!(!said.contains(PASSWORD), "{said:?}");
    }
}

#[test]
fn t050_no_value_can_end_before_its_end() {
    let login = |user: &str, password: &str, database: &str| {
        let target = Target::sql(HOST, 5432, Mode::PostgresTls).unwrap();
        SqlLogin::new(target, Secret::new(user.to_owned()), Secret::new(password.to_owned()), database)
    };
    assert!(login("joe\0database\0postgres", "p", "shop").is_err());
    assert!(login("joe", "p\0q", "shop").is_err());
    assert!(login("joe", "p", "shop\0replication\0true").is_err());
    assert!(login("joe", "p\n", "shop").is_err());
    let good = login("jö", "p ä; '", "").unwrap();
    assert!(!format!("{good:?}").contains("jö") && !format!("{good:?}").contains("p ä"), "{good:?}");
}

#[tokio::test]
async fn t099_no_sign_in_in_clear_text_unless_the_operator_named_the_place() {
    for (mode, entry) in [(Mode::PostgresPlain, "db.example:5432"), (Mode::MysqlPlain, "db.example:3306")] {
        let call = Call { allow: "", ..Call::new(mode) };
        match call.with(|mut peer| async move { peer.hear_out().await }).await.result {
            Err(Fault::Refused(refusal)) => {
                assert_eq!((refusal.rule, refusal.ask_for.as_deref()), (Rule::PlainSignIn, Some(entry)));
                assert!(!refusal.to_string().contains("STARTTLS"), "{refusal}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(call.said(), "");
    }
}

#[tokio::test]
async fn private_servers_need_an_entry() {
    for (mode, entry) in [(Mode::PostgresTls, "db.example:5432"), (Mode::MysqlTls, "db.example:3306")] {
        let inside = Found::Addresses(vec!["10.0.0.25".parse().unwrap()]);
        match Call::new(mode).at(Lead::nowhere().name(HOST, [inside])).await.result {
            Err(Fault::Refused(refusal)) => {
                assert_eq!((refusal.rule, refusal.ask_for.as_deref()), (Rule::Private, Some(entry)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn versions_are_digits_and_dots() {
    assert_eq!(super::version("15.18 (Debian 15.18-0+deb12u1)").as_deref(), Some("15.18"));
    assert_eq!(super::version("10.11.19-MariaDB").as_deref(), Some("10.11.19"));
    assert_eq!(super::version("17beta1").as_deref(), Some("17"));
    assert_eq!(super::version("1.").as_deref(), Some("1"));
    assert_eq!(super::version("<script>"), None);
    assert_eq!(super::version(""), None);
    assert!(super::version(&"1".repeat(500)).is_some_and(|text| text.len() <= 16));
}
