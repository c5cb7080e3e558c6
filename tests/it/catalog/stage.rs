//! Runs a method's check against a server of ours that behaves well or spoils one thing.

use super::plays::Play;
use super::shipped;
use crate::support::http_server::{Answer, HttpServer, Recorded};
use crate::support::smtp_server::{self, Line, Mailbox, SmtpServer, always};
use crate::support::sql_server::{Behaviour, Engine, Heard, SqlServer, Verdict};
use credenza::catalog::form::{self, Input, Mode};
use credenza::catalog::schema::{CheckKind, Integration, Method, NetworkFault, SqlEngine, TlsFault};
use credenza::check::held::Session;
use credenza::check::oauth::{self, Code};
use credenza::check::report::Report;
use credenza::check::{self, Context, Options, Trigger};
use credenza::clock::Clock;
use credenza::demo::authority::{Authority, Health};
use credenza::demo::deeds::{Deed, Lie};
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::egress::dial::Dialer;
use credenza::egress::lead::{Found, Lead};
use credenza::secret::Secret;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What came of a run.
pub struct Seen {
    /// The report.
    pub report: Report,
    /// Requests of an HTTP check.
    pub requests: Vec<Recorded>,
    /// Verbs of a mail check.
    pub verbs: Vec<String>,
    /// Lines of a mail check.
    pub lines: Vec<Line>,
    /// What a database server heard.
    pub heard: Vec<Heard>,
    /// Connections that were tried.
    pub dialled: u64,
}

/// An authority that is trusted, and one that is not.
pub struct Stage {
    trusted: Arc<Authority>,
    stranger: Arc<Authority>,
}

/// How a run differs from a good one.
struct Setting {
    typed: Vec<(&'static str, String)>,
    kept: Vec<(&'static str, String)>,
    /// Whether the code of a consent is exchanged, in place of the check.
    exchanges: bool,
    method: Method,
    lead: Option<Lead>,
    answers: Vec<Answer>,
    mailbox: Mailbox,
    database: Behaviour,
    allow: String,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Stage {
    /// With new authorities.
    pub fn new() -> Self {
        let made = || Arc::new(Authority::new().expect("an authority"));
        Self { trusted: made(), stranger: made() }
    }

    /// A check to which everybody answers well.
    pub async fn good(&self, integration: &Integration, play: &Play) -> Seen {
        self.run(integration, self.setting(integration, play)).await
    }

    /// A check in which, after `before` good exchanges, the other side does `deed`.
    pub async fn spoiled(&self, integration: &Integration, play: &Play, deed: &Deed, before: usize) -> Seen {
        let mut setting = self.setting(integration, play);
        setting.answers.truncate(before);
        setting.exchanges = setting.method.needs_consent() && matches!(deed, Deed::Token(..));
        match deed {
            Deed::Http(status, body) | Deed::Token(status, body) => {
                let answer = Answer::json(*status, body);
                setting.answers.push(answer.with("location", "https://elsewhere.example.test/"));
            }
            Deed::Lie(Lie::Page) => setting.answers.push(Answer::html(200, "<!doctype html><title>Welcome</title>")),
            Deed::Lie(Lie::Empty) => setting.answers.push(Answer::json(200, &serde_json::json!({}))),
            Deed::Smtp(line) => setting.mailbox.judge = always(smtp_server::Verdict::Say(line.clone())),
            Deed::Sql(number, state) => setting.database.verdict = Verdict::Refusal(*number, state.clone()),
            Deed::NoAuth => setting.mailbox.auth = false,
            Deed::OtherWay => setting.database.verdict = Verdict::OtherWay,
            Deed::ClearPassword => {
                setting.typed.retain(|(name, _)| *name != "tls");
                setting.typed.push(("tls", "none".to_owned()));
                setting.allow = format!("{}:{}", play.value("host"), play.value("port"));
                setting.database.verdict = Verdict::Password;
            }
            Deed::Tls(fault) => self.spoil_tls(&mut setting, *fault),
            Deed::Network(fault) => spoil_network(&mut setting, *fault, host(play)),
        }
        self.run(integration, setting).await
    }

    fn setting(&self, integration: &Integration, play: &Play) -> Setting {
        let tls = server(&self.trusted, Health::Good);
        let method = integration.method(play.method).expect("a method").clone();
        let engine = match method.check.sql.as_ref().map(|sql| sql.engine) {
            Some(SqlEngine::Mysql) => Engine::Mysql,
            _ => Engine::Postgres,
        };
        Setting {
            typed: play.typed.clone(),
            kept: play.kept.clone(),
            exchanges: false,
            method,
            lead: None,
            answers: play.exchanges.iter().map(|exchange| exchange.answer.clone()).collect(),
            mailbox: match play.value("tls") {
                "starttls" => Mailbox::starttls(tls.clone()),
                _ => Mailbox::implicit(tls.clone()),
            },
            database: Behaviour::good(engine, tls.clone()),
            allow: String::new(),
            tls: Some(tls),
        }
    }

    fn spoil_tls(&self, setting: &mut Setting, fault: TlsFault) {
        let config = match fault {
            TlsFault::Untrusted => server(&self.stranger, Health::Good),
            TlsFault::Expired => server(&self.trusted, Health::Expired),
            TlsFault::WrongHost => server(&self.trusted, Health::WrongHost),
            TlsFault::WrongVersion => {
                setting.tls = None;
                setting.mailbox.tls = None;
                setting.mailbox.implicit = false;
                setting.database.feigns_tls = true;
                return;
            }
            TlsFault::NoStarttls => {
                setting.typed.retain(|(name, _)| !["tls", "port"].contains(name));
                setting.typed.extend([("tls", "starttls".to_owned()), ("port", "587".to_owned())]);
                setting.mailbox = Mailbox::plain();
                return;
            }
            TlsFault::NotOffered => {
                setting.database.tls = None;
                return;
            }
            TlsFault::PinMismatch => {
                setting.typed.push(("cert_sha256", "00".repeat(32)));
                return;
            }
            TlsFault::Other => server(&self.trusted, Health::Missing),
        };
        setting.mailbox.tls = Some(config.clone());
        setting.database.tls = Some(config.clone());
        setting.tls = Some(config);
    }

    async fn run(&self, integration: &Integration, setting: Setting) -> Seen {
        let check = async |addr| {
            let lead = setting.lead.unwrap_or_else(|| Lead::to(addr));
            let told = Told { typed: &setting.typed, kept: &setting.kept, exchanges: setting.exchanges };
            check(integration, &setting.method, told, (lead, &setting.allow), &self.trusted).await
        };
        let nothing = |(report, dialled)| {
            let (requests, verbs, lines, heard) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            Seen { report, requests, verbs, lines, heard, dialled }
        };
        match setting.method.check.kind {
            CheckKind::Smtp if !setting.exchanges => {
                let server = SmtpServer::start(setting.mailbox).await;
                let seen = nothing(check(server.addr).await);
                Seen { verbs: server.verbs(), lines: server.lines(), ..seen }
            }
            CheckKind::Sql => {
                let server = SqlServer::start(setting.database).await;
                let seen = nothing(check(server.addr).await);
                Seen { heard: server.heard(), ..seen }
            }
            _ => {
                let server = HttpServer::start(setting.tls, setting.answers).await;
                let seen = nothing(check(server.addr).await);
                Seen { requests: server.requests(), ..seen }
            }
        }
    }
}

fn server(authority: &Arc<Authority>, health: Health) -> Arc<rustls::ServerConfig> {
    authority.server(health).expect("TLS")
}

/// Names and texts.
type Pairs<'a> = &'a [(&'static str, String)];

/// What is checked: what was typed, what the service gave before, and whether a code is exchanged instead.
#[derive(Clone, Copy, Default)]
pub struct Told<'a> {
    /// Values of the form, those of the client among them.
    pub typed: Pairs<'a>,
    /// What the service gave.
    pub kept: Pairs<'a>,
    /// Whether the code of a consent is exchanged, in place of the check.
    pub exchanges: bool,
}

/// Parses what was typed as the form does, and checks it as a person who saves; also how many connections
/// were tried.
pub async fn check(
    integration: &Integration,
    method: &Method,
    Told { typed, kept, exchanges }: Told<'_>,
    (lead, allow): (Lead, &str),
    authority: &Authority,
) -> (Report, u64) {
    let secrets = |pairs: Pairs<'_>| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.clone()))).collect::<BTreeMap<_, _>>()
    };
    let read = |method: &Method| {
        let input = Input { fields: secrets(typed), ..Input::default() };
        form::parse(integration, method, Mode::Create, input).expect("values that the form takes").values
    };
    let mut values = read(method);
    if let Some(client) = method.app_form() {
        let client = read(&client);
        values.plain.extend(client.plain);
        values.secret.extend(client.secret);
    }
    let dialer = Dialer::leading_to(lead, &authority.root()).expect("an authority");
    let egress = Egress::new(dialer, Allow::parse(allow).expect("entries"));
    let clock = Clock::movable();
    let context = Context { egress: &egress, defaults: shipped().defaults(), clock: &clock };
    if exchanges {
        let redirect = secrets(&[("code", "a-code".to_owned())]);
        let verifier = Secret::new("a-verifier".to_owned());
        let code = Code {
            redirect: &redirect,
            redirect_uri: "https://console.example.test/oauth/callback",
            verifier: &verifier,
        };
        let done = oauth::exchange(&context, integration, method, &values, &code).await;
        return (*done.expect_err("a refusal"), egress.dialer().connections());
    }
    let mut options = Options::new(Trigger::Save);
    options.session = method.needs_consent().then(|| Session { values: secrets(kept), expires_at: None });
    let report = check::run(&context, integration, method, &values, options).await;
    (report, egress.dialer().connections())
}

/// The host that a check of this play calls first.
pub fn host(play: &Play) -> &str {
    play.exchanges.first().map_or_else(|| play.value("host"), |exchange| exchange.host)
}

fn spoil_network(setting: &mut Setting, fault: NetworkFault, host: &str) {
    let inside = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    // Whoever would be called although the name leads nowhere must fail in a way that is seen.
    let closed = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let named = |found| Some(Lead::to(closed).name(host, [found]));
    match fault {
        NetworkFault::Dns => setting.lead = named(Found::Nothing),
        NetworkFault::DnsFailed => setting.lead = named(Found::Failure),
        NetworkFault::PrivateRefused => setting.lead = named(Found::Addresses(vec![inside])),
        NetworkFault::Refused => setting.lead = Some(Lead::nowhere()),
        NetworkFault::Reset => {
            setting.answers = vec![Answer::Cut];
            setting.mailbox.judge = always(smtp_server::Verdict::Cut);
            setting.database.verdict = Verdict::Cut;
        }
        NetworkFault::Timeout => {
            setting.answers = vec![Answer::Silence];
            setting.mailbox.greeting = None;
            setting.database.silent = true;
            setting.method.check.timeout_ms = Some(500);
        }
        NetworkFault::Unreachable => setting.lead = Some(Lead::cut_off()),
    }
}
