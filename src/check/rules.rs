//! What an answer means: the method's own rules first, then the defaults; what none knows is unknown.

use super::report::Outcome;
use super::seen::{Missing, Place, Stop, Unexpected};
use crate::catalog::outcome::Outcome as Word;
use crate::catalog::place;
use crate::catalog::schema::{ExpectFailed, NetworkFault, Rule, SmtpMatch, SqlMatch, TlsFault};
use crate::egress::fault::{Fault, Network, Refusal, Rule as Denial, SmtpCode, SqlFault, TlsKind};
use std::collections::BTreeMap;

/// A verdict with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it came to.
    pub outcome: Outcome,
    /// The stable code of the hint.
    pub code: String,
    /// The hint.
    pub hint: String,
}

/// What hints may name besides the plain values of the credential.
pub struct Facts<'a> {
    /// The service.
    pub name: &'a str,
    /// Seconds that a check may take.
    pub seconds: u64,
    /// When it makes sense to try again.
    pub retry_at: String,
    /// Plain values of the credential.
    pub plain: &'a BTreeMap<String, String>,
}

/// Judges why a check stopped.
pub fn judge(stop: &Stop, own: &[Rule], defaults: &[Rule], facts: &Facts<'_>) -> Verdict {
    let first = own.iter().chain(defaults).find(|rule| applies(rule, stop));
    match (stop, first) {
        (Stop::Fault(Fault::Refused(refusal), _), Some(rule)) => {
            Verdict { code: DENIED.to_owned(), ..said(rule, stop, facts, Some(refusal)) }
        }
        (_, Some(rule)) => said(rule, stop, facts, None),
        (_, None) => unruled(stop, facts),
    }
}

const DENIED: &str = "target_denied";

fn said(rule: &Rule, stop: &Stop, facts: &Facts<'_>, refusal: Option<&Refusal>) -> Verdict {
    let mut hint = fill(rule, stop, facts);
    if let Some(entry) = refusal.and_then(|r| r.ask_for.as_deref()).filter(|entry| !hint.contains(*entry)) {
        hint.push_str(&format!(" The entry to ask the operator for: {entry}."));
    }
    Verdict { outcome: outcome(rule.outcome), code: rule.code(), hint }
}

/// Whether every condition of a rule holds.
fn applies(rule: &Rule, stop: &Stop) -> bool {
    let (fault, answer) = match stop {
        Stop::Fault(fault, _) => (Some(fault), None),
        Stop::Unexpected(answer, _) => (None, Some(answer.as_ref())),
        Stop::Unfit(_) | Stop::NotConnected | Stop::Returned(..) => return false,
    };
    let on_answer = |holds: &dyn Fn(&Unexpected) -> bool| answer.is_some_and(holds);
    rule.is_conditional()
        && rule.status.as_ref().is_none_or(|wanted| on_answer(&|a| wanted.holds(a.status)))
        && rule
            .json
            .as_ref()
            .is_none_or(|wanted| on_answer(&|a| a.json.as_ref().is_some_and(|json| wanted.holds(json))))
        && rule.contains.as_ref().is_none_or(|part| on_answer(&|a| a.text.contains(part.as_str())))
        && any(&rule.oauth_error.0, |wanted| on_answer(&|a| a.oauth_error() == Some(wanted)))
        && any(&rule.smtp.0, |wanted| fault.is_some_and(|fault| is_smtp(wanted, fault)))
        && any(&rule.sql.0, |wanted| fault.is_some_and(|fault| is_sql(wanted, fault)))
        && any(&rule.tls.0, |wanted| fault.is_some_and(|fault| is_tls(*wanted, fault)))
        && any(&rule.network.0, |wanted| fault.is_some_and(|fault| is_network(*wanted, fault)))
        && rule.expect_failed.as_ref().is_none_or(|wanted| failed(wanted, fault, answer))
}

fn any<T>(wanted: &[T], holds: impl Fn(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(holds)
}

fn is_smtp(wanted: &SmtpMatch, fault: &Fault) -> bool {
    match fault {
        Fault::Smtp(SmtpCode { basic, enhanced }) => {
            let enhanced = enhanced.map(|(class, subject, detail)| format!("{class}.{subject}.{detail}"));
            wanted.holds(*basic, enhanced.as_deref())
        }
        Fault::NoSignIn => *wanted == SmtpMatch::NoAuth,
        _ => false,
    }
}

fn is_sql(wanted: &SqlMatch, fault: &Fault) -> bool {
    match fault {
        Fault::Sql(SqlFault::Refused(code)) => wanted.holds(code.number, code.state()),
        Fault::Sql(SqlFault::NoSignIn) => *wanted == SqlMatch::NoAuth,
        Fault::Sql(SqlFault::ClearPassword) => *wanted == SqlMatch::ClearPassword,
        _ => false,
    }
}

fn is_tls(wanted: TlsFault, fault: &Fault) -> bool {
    let Fault::Tls(fault) = fault else { return false };
    wanted
        == match fault.kind {
            TlsKind::Untrusted => TlsFault::Untrusted,
            TlsKind::PinMismatch => TlsFault::PinMismatch,
            TlsKind::Expired => TlsFault::Expired,
            TlsKind::WrongHost => TlsFault::WrongHost,
            TlsKind::WrongVersion => TlsFault::WrongVersion,
            TlsKind::NoStarttls => TlsFault::NoStarttls,
            TlsKind::NotOffered => TlsFault::NotOffered,
            TlsKind::Other => TlsFault::Other,
        }
}

fn is_network(wanted: NetworkFault, fault: &Fault) -> bool {
    let seen = match fault {
        Fault::Network(Network::Dns) => NetworkFault::Dns,
        Fault::Network(Network::DnsFailed) => NetworkFault::DnsFailed,
        Fault::Network(Network::Refused) => NetworkFault::Refused,
        Fault::Network(Network::Unreachable) => NetworkFault::Unreachable,
        Fault::Network(Network::Reset) => NetworkFault::Reset,
        Fault::Network(Network::Timeout) => NetworkFault::Timeout,
        // Only where asking the operator helps; the other refusals have words of their own.
        Fault::Refused(refusal) if refusal.rule == Denial::Private && refusal.ask_for.is_some() => {
            NetworkFault::PrivateRefused
        }
        _ => return false,
    };
    wanted == seen
}

/// A good status with a body that says otherwise, or an answer in no known protocol.
fn failed(wanted: &ExpectFailed, fault: Option<&Fault>, answer: Option<&Unexpected>) -> bool {
    match (wanted, answer) {
        (ExpectFailed::Any(_), None) => fault == Some(&Fault::Protocol),
        (ExpectFailed::Any(_), Some(answer)) => {
            answer.missing != Missing::Status || (200..300).contains(&answer.status)
        }
        (ExpectFailed::Path(path), Some(answer)) => answer.missing == Missing::Path(path.clone()),
        (ExpectFailed::Path(_), None) => false,
    }
}

fn fill(rule: &Rule, stop: &Stop, facts: &Facts<'_>) -> String {
    let place = stop_place(stop);
    let (port, seconds) = (place.port.to_string(), facts.seconds.to_string());
    let (mut status, mut smtp_code, mut sql_code, mut tls) = (String::new(), String::new(), String::new(), "");
    match stop {
        Stop::Unexpected(answer, _) => status = answer.status.to_string(),
        Stop::Fault(Fault::Smtp(code), _) => smtp_code = code.to_string(),
        Stop::Fault(Fault::Sql(SqlFault::Refused(code)), _) => sql_code = code.to_string(),
        Stop::Fault(Fault::Tls(fault), _) => tls = fault.kind.meaning(),
        _ => {}
    }
    let scope = |name: &str| match name {
        "name" => Some(facts.name),
        "host" => Some(place.host.as_str()),
        "port" => Some(port.as_str()),
        "seconds" => Some(seconds.as_str()),
        "status" => Some(status.as_str()),
        "retry_at" => Some(facts.retry_at.as_str()),
        "smtp_code" => Some(smtp_code.as_str()),
        "sql_code" => Some(sql_code.as_str()),
        "tls" => Some(tls),
        "allow" => Some(place.entry.as_str()),
        _ => facts.plain.get(name).map(String::as_str),
    };
    rule.hint.render(&scope, place::Place::Text).map(|text| text.expose().to_owned()).unwrap_or_default()
}

fn stop_place(stop: &Stop) -> Place {
    match stop {
        Stop::Fault(_, place) | Stop::Unexpected(_, place) | Stop::Returned(_, place) => place.clone(),
        Stop::Unfit(_) | Stop::NotConnected => Place::default(),
    }
}

/// What no rule names.
fn unruled(stop: &Stop, facts: &Facts<'_>) -> Verdict {
    let verdict = |outcome, code: &str, hint: String| Verdict { outcome, code: code.to_owned(), hint };
    let name = facts.name;
    match stop {
        Stop::Unfit(unfit) => verdict(
            Outcome::Misconfigured,
            "unfit_value",
            format!("Nothing was sent. {}", sentence(&unfit.to_string())),
        ),
        Stop::NotConnected => verdict(Outcome::Reauthorize, "not_connected", format!("Connect to {name} first.")),
        Stop::Returned(refusal, place) => {
            let hint = format!("{name} sent us to {}, which is not one of its own hosts. {refusal}", place.host);
            verdict(Outcome::Blocked, DENIED, hint)
        }
        Stop::Fault(Fault::Refused(refusal), place) => {
            let outcome = match refusal.rule {
                Denial::Host | Denial::Port | Denial::PlainHttp | Denial::PlainSignIn => Outcome::Misconfigured,
                Denial::Private | Denial::Metadata | Denial::Own => Outcome::Blocked,
            };
            verdict(outcome, DENIED, format!("{}:{} was not called. {refusal}", place.host, place.port))
        }
        Stop::Fault(Fault::NoSignIn, place) => {
            let hint = format!(
                "{} offers no sign-in on port {} that can be used. Check port and encryption.",
                place.host, place.port
            );
            verdict(Outcome::Misconfigured, "smtp_no_auth", hint)
        }
        Stop::Fault(Fault::Tls(fault), place) => {
            let hint =
                format!("The encrypted connection to {} could not be made: {}.", place.host, fault.kind.meaning());
            verdict(Outcome::Misconfigured, "tls_error", hint)
        }
        Stop::Fault(Fault::Network(network), place) => {
            let hint =
                format!("{} could not be reached ({}). Try again later.", place.host, network.word().replace('_', " "));
            verdict(Outcome::Unavailable, network.word(), hint)
        }
        Stop::Fault(Fault::Smtp(code), place) => verdict(Outcome::Unknown, "unknown", untold(&place.host, code)),
        Stop::Fault(Fault::Sql(SqlFault::Refused(code)), place) => {
            verdict(Outcome::Unknown, "unknown", untold(&place.host, code))
        }
        Stop::Fault(Fault::Sql(SqlFault::NoSignIn), place) => {
            let hint = format!("{} wants a way to sign in that this console does not know.", place.host);
            verdict(Outcome::Misconfigured, "sql_no_auth", hint)
        }
        Stop::Fault(Fault::Sql(SqlFault::ClearPassword), place) => {
            let hint = format!("{} wants the password itself without encryption. Choose an encrypted one.", place.host);
            verdict(Outcome::Misconfigured, "sql_clear_password", hint)
        }
        Stop::Fault(Fault::Protocol, place) => verdict(
            Outcome::Misconfigured,
            "unexpected_answer",
            format!("{} answered, but not as {name} does. Check the address.", place.host),
        ),
        Stop::Unexpected(answer, place) => {
            let hint = format!(
                "{} answered {}. Nobody can tell what it means here; try again later.",
                place.host, answer.status
            );
            verdict(Outcome::Unknown, "unknown", hint)
        }
    }
}

fn untold(host: &str, code: &impl std::fmt::Display) -> String {
    format!("{host} answered {code}. Nobody can tell what it means here.")
}

/// A capital letter in front and a full stop behind.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

fn outcome(word: Word) -> Outcome {
    match word {
        Word::Ok => Outcome::Ok,
        Word::Limited => Outcome::Limited,
        Word::Invalid => Outcome::Invalid,
        Word::Forbidden => Outcome::Forbidden,
        Word::Misconfigured => Outcome::Misconfigured,
        Word::Blocked => Outcome::Blocked,
        Word::Expired => Outcome::Expired,
        Word::Reauthorize => Outcome::Reauthorize,
        Word::RateLimited => Outcome::RateLimited,
        Word::Unavailable => Outcome::Unavailable,
        Word::Unknown => Outcome::Unknown,
    }
}
