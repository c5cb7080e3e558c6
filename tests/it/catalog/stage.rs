//! Runs a method's check against a server of ours that behaves well or spoils one thing.

use super::cases::{Deed, Lie};
use super::plays::Play;
use super::shipped;
use crate::support::authority::{Authority, Health};
use crate::support::http_server::{Answer, HttpServer, Recorded};
use crate::support::smtp_server::{Line, Mailbox, SmtpServer};
use credenza::catalog::form::{self, Input, Mode};
use credenza::catalog::schema::{CheckKind, Integration, Method, NetworkFault, TlsFault};
use credenza::check::held::Session;
use credenza::check::oauth::{self, Code};
use credenza::check::report::Report;
use credenza::check::{self, Context, Options, Trigger};
use credenza::clock::Clock;
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
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Stage {
    /// With new authorities.
    pub fn new() -> Self {
        Self { trusted: Arc::new(Authority::new()), stranger: Arc::new(Authority::new()) }
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
            Deed::Smtp(line) => setting.mailbox.verdict.clone_from(line),
            Deed::NoAuth => setting.mailbox.auth = false,
            Deed::Tls(fault) => self.spoil_tls(&mut setting, *fault),
            Deed::Network(fault) => spoil_network(&mut setting, *fault, host(play)),
        }
        self.run(integration, setting).await
    }

    fn setting(&self, integration: &Integration, play: &Play) -> Setting {
        let tls = self.trusted.server(Health::Good);
        Setting {
            typed: play.typed.clone(),
            kept: play.kept.clone(),
            exchanges: false,
            method: integration.method(play.method).expect("a method").clone(),
            lead: None,
            answers: play.exchanges.iter().map(|exchange| exchange.answer.clone()).collect(),
            mailbox: match play.value("tls") {
                "starttls" => Mailbox::starttls(tls.clone()),
                _ => Mailbox::implicit(tls.clone()),
            },
            tls: Some(tls),
        }
    }

    fn spoil_tls(&self, setting: &mut Setting, fault: TlsFault) {
        let config = match fault {
            TlsFault::Untrusted => self.stranger.server(Health::Good),
            TlsFault::Expired => self.trusted.server(Health::Expired),
            TlsFault::WrongHost => self.trusted.server(Health::WrongHost),
            TlsFault::WrongVersion => {
                setting.tls = None;
                setting.mailbox.tls = None;
                setting.mailbox.implicit = false;
                return;
            }
            TlsFault::NoStarttls => {
                setting.typed.retain(|(name, _)| !["tls", "port"].contains(name));
                setting.typed.extend([("tls", "starttls".to_owned()), ("port", "587".to_owned())]);
                setting.mailbox = Mailbox::plain();
                return;
            }
            TlsFault::PinMismatch => {
                setting.typed.push(("cert_sha256", "00".repeat(32)));
                return;
            }
            TlsFault::Other => self.trusted.server(Health::Missing),
        };
        setting.mailbox.tls = Some(config.clone());
        setting.tls = Some(config);
    }

    async fn run(&self, integration: &Integration, setting: Setting) -> Seen {
        if setting.method.check.kind == CheckKind::Smtp && !setting.exchanges {
            let server = SmtpServer::start(setting.mailbox).await;
            let lead = setting.lead.unwrap_or_else(|| Lead::to(server.addr));
            let told = (&setting.typed[..], &setting.kept[..], setting.exchanges);
            let (report, dialled) = check(integration, &setting.method, told, lead, &self.trusted).await;
            return Seen { report, requests: Vec::new(), verbs: server.verbs(), lines: server.lines(), dialled };
        }
        let server = HttpServer::start(setting.tls, setting.answers).await;
        let lead = setting.lead.unwrap_or_else(|| Lead::to(server.addr));
        let told = (&setting.typed[..], &setting.kept[..], setting.exchanges);
        let (report, dialled) = check(integration, &setting.method, told, lead, &self.trusted).await;
        Seen { report, requests: server.requests(), verbs: Vec::new(), lines: Vec::new(), dialled }
    }
}

/// Names and texts.
type Pairs<'a> = &'a [(&'static str, String)];

/// Parses what was typed as the form does, and checks it as a person who saves.
async fn check(
    integration: &Integration,
    method: &Method,
    (typed, kept, exchanges): (Pairs<'_>, Pairs<'_>, bool),
    lead: Lead,
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
    let egress = Egress::new(dialer, Allow::default());
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
            setting.mailbox.verdict.clear();
        }
        NetworkFault::Timeout => {
            setting.answers = vec![Answer::Silence];
            setting.mailbox.greeting = None;
            setting.method.check.timeout_ms = Some(500);
        }
        NetworkFault::Unreachable => setting.lead = Some(Lead::cut_off()),
    }
}
