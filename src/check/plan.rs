//! The parts of a call and the words in which a person reads them: ours, and the protocol's code at most.

use super::seen::{Missing, Place};
use crate::catalog::address::Origin;
use crate::catalog::schema::Request;
use crate::egress::fault::{Fault, Network, SmtpCode, SqlFault};
use crate::egress::smtp::Part;
use crate::egress::sql::STATEMENT;
use crate::egress::target::{Host, Mode, Target};
use crate::egress::trace::Phase;
use std::collections::BTreeMap;

/// What a call is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// It brings a token or session.
    SignIn,
    /// It proves that the credential works; with its verb and path as the file writes them.
    Sample(String),
    /// It ends a session.
    SignOut,
    /// It hands a mail over.
    Mail,
}

/// The parts of one call, in order, and their words.
pub(super) struct Plan {
    /// Where the call goes.
    pub place: Place,
    /// Its parts, in order.
    pub phases: Vec<Phase>,
    mode: Mode,
    purpose: Purpose,
    status: Option<u16>,
}

impl Plan {
    pub fn http(target: &Target, purpose: Purpose) -> Self {
        let mut phases = Self::first(target);
        if target.mode() == Mode::Https {
            phases.push(Phase::Tls);
        }
        phases.push(Phase::Request);
        Self { place: target.into(), phases, mode: target.mode(), purpose, status: None }
    }

    pub fn smtp(target: &Target, signs_in: bool) -> Self {
        let mut phases = Self::first(target);
        phases.extend_from_slice(match target.mode() {
            Mode::SmtpTls => &[Phase::Tls, Phase::Hello],
            Mode::SmtpStarttls => &[Phase::Hello, Phase::Tls],
            _ => &[Phase::Hello],
        });
        phases.extend(signs_in.then_some(Phase::SignIn));
        Self { place: target.into(), phases, mode: target.mode(), purpose: Purpose::SignIn, status: None }
    }

    pub fn letter(target: &Target, signs_in: bool) -> Self {
        let mut plan = Self::smtp(target, signs_in);
        plan.phases.push(Phase::Request);
        Self { purpose: Purpose::Mail, ..plan }
    }

    pub fn sql(target: &Target) -> Self {
        let mut phases = Self::first(target);
        phases.extend_from_slice(match target.mode() {
            Mode::PostgresTls => &[Phase::Tls],
            Mode::MysqlTls => &[Phase::Hello, Phase::Tls],
            Mode::MysqlPlain => &[Phase::Hello],
            _ => &[],
        });
        phases.extend([Phase::SignIn, Phase::Request]);
        let purpose = Purpose::Sample(STATEMENT.to_owned());
        Self { place: target.into(), phases, mode: target.mode(), purpose, status: None }
    }

    fn first(target: &Target) -> Vec<Phase> {
        match target.host() {
            Host::Name(_) => vec![Phase::Lookup, Phase::Connect],
            Host::Ip(_) => vec![Phase::Connect],
        }
    }

    pub fn answered(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// A part that went well.
    pub fn done(&self, phase: Phase, pinned: bool) -> String {
        match (phase, &self.purpose) {
            (Phase::Lookup, _) => format!("Found {}", self.place.host),
            (Phase::Connect, _) => format!("Connected on port {}", self.place.port),
            (Phase::Tls, _) => {
                let how = if self.mode == Mode::SmtpStarttls { "STARTTLS" } else { "Encrypted" };
                format!("{how}, certificate {}", if pinned { "as confirmed" } else { "valid" })
            }
            (Phase::Hello, _) => format!("The {} answered", self.server()),
            (Phase::SignIn, _) | (Phase::Request, Purpose::SignIn) => "Signed in".to_owned(),
            (Phase::Request, Purpose::SignOut) => "Signed out".to_owned(),
            (Phase::Request, Purpose::Mail) => "The mail server took the mail".to_owned(),
            (Phase::Request, Purpose::Sample(call)) => match self.status {
                Some(status) => format!("Sample call {call} answered {status}"),
                None if self.mode.is_sql() => format!("Sample call {call} was answered"),
                None => format!("Sample call {call} was sent"),
            },
        }
    }

    fn server(&self) -> &'static str {
        if self.mode.is_sql() { "database server" } else { "mail server" }
    }

    /// A part that failed or was not reached.
    pub fn wish(&self, phase: Phase) -> String {
        match (phase, &self.purpose) {
            (Phase::Lookup, _) => format!("Look up {}", self.place.host),
            (Phase::Connect, _) => format!("Connect on port {}", self.place.port),
            (Phase::Tls, _) if self.mode == Mode::SmtpStarttls => "Encrypt with STARTTLS".to_owned(),
            (Phase::Tls, _) => "Encrypt the connection".to_owned(),
            (Phase::Hello, _) => format!("Hear from the {}", self.server()),
            (Phase::SignIn, _) => Purpose::SignIn.wish(),
            (Phase::Request, purpose) => purpose.wish(),
        }
    }
}

impl Purpose {
    /// The label of a call that was not made yet.
    pub fn wish(&self) -> String {
        match self {
            Self::SignIn => "Sign in".to_owned(),
            Self::Sample(call) => format!("Sample call {call}"),
            Self::SignOut => "Sign out".to_owned(),
            Self::Mail => "Hand over the mail".to_owned(),
        }
    }

    /// A sample call, named by its verb and the path as the file writes it; only plain values are filled in.
    pub fn sample(request: &Request, plain: &BTreeMap<String, String>) -> Self {
        let text = request.url.text();
        let mut path = match request.url.origin() {
            Origin::Relative => text,
            Origin::Field(field) => text.strip_prefix(field.text()).unwrap_or(text),
            Origin::Written { .. } => {
                text.splitn(4, '/').nth(3).map_or("", |rest| &text[text.len() - rest.len() - 1..])
            }
        }
        .to_owned();
        for (name, value) in plain {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        let path = path.split('?').next().unwrap_or_default();
        let path: String = path.chars().filter(|c| !c.is_control()).take(80).collect();
        let path = if path.is_empty() { "/" } else { &path };
        Self::Sample(format!("{} {path}", request.method.as_str()))
    }
}

pub(super) fn fault_note(fault: &Fault) -> String {
    match fault {
        Fault::Refused(_) => "not allowed".to_owned(),
        Fault::Network(network) => match network {
            Network::Dns => "no such name",
            Network::DnsFailed => "the name servers did not answer",
            Network::Refused => "nobody listens there",
            Network::Unreachable => "no way to this address",
            Network::Reset => "the connection was cut",
            Network::Timeout => "no answer in time",
        }
        .to_owned(),
        Fault::Tls(fault) => fault.kind.meaning().to_owned(),
        Fault::Protocol => "the answer cannot be read".to_owned(),
        Fault::Smtp(code) => format!("{code} refused"),
        Fault::NoSignIn => "no sign-in is offered".to_owned(),
        Fault::Sql(fault) => match fault {
            SqlFault::Refused(code) => format!("{code} refused"),
            SqlFault::NoSignIn => "it wants a way to sign in that is not known here".to_owned(),
            SqlFault::ClearPassword => "it wants the password itself, without encryption".to_owned(),
        },
    }
}

/// What a mail server would not take, and with which code.
pub(super) fn rejected_note(part: Part, code: SmtpCode) -> String {
    let what = match part {
        Part::Sender => "the sender",
        Part::Recipient => "the recipient",
        Part::Content => "the mail",
    };
    format!("{what} was refused with {code}")
}

pub(super) fn answer_note(status: u16, missing: &Missing) -> String {
    match missing {
        Missing::Status => format!("answered {status}"),
        Missing::Json => format!("answered {status}, but not in JSON"),
        Missing::Path(path) => format!("answered {status}, but not as expected at {path}"),
    }
}
