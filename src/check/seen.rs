//! What a call showed, and whether it is what the file expects.

use super::inject::Unfit;
use crate::catalog::schema::Expect;
use crate::egress::fault::{Fault, Refusal};
use crate::egress::http::Answer;
use crate::egress::target::Target;
use serde_json::Value;
use std::fmt;

/// Where a call went, for hints and steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Host, without its port.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The operator's entry that names it.
    pub entry: String,
}

impl From<&Target> for Place {
    fn from(target: &Target) -> Self {
        Self { host: target.host().to_string(), port: target.port(), entry: target.allow_entry() }
    }
}

/// An answer that is not what was expected. Its body may echo secrets, so that `Debug` leaves it out.
pub struct Unexpected {
    /// The answer.
    pub status: u16,
    /// Its body as JSON, where it is.
    pub json: Option<Value>,
    /// Its body as far as it was read.
    pub text: String,
    /// What was missing.
    pub missing: Missing,
    /// Seconds after which the service wants to be asked again.
    pub retry_after_s: Option<u64>,
}

impl fmt::Debug for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unexpected({}, {:?})", self.status, self.missing)
    }
}

/// What an [`Unexpected`] answer lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A good status.
    Status,
    /// A body that can be read as JSON.
    Json,
    /// What the body should say at this path of the file.
    Path(String),
}

/// Why a check did not come to a good end.
#[derive(Debug)]
pub enum Stop {
    /// The values cannot be made into a request; nothing was sent.
    Unfit(Unfit),
    /// Consent or a sign-in is needed that this check cannot make.
    NotConnected,
    /// The call failed.
    Fault(Fault, Place),
    /// The answer was not the expected one.
    Unexpected(Box<Unexpected>, Place),
    /// The service named an address outside its own hosts.
    Returned(Refusal, Place),
}

impl From<Unfit> for Stop {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

/// The first thing that an answer lacks; `None` when it is good.
pub fn missing(answer: &Answer, expect: &Expect) -> Option<Missing> {
    let good = expect.status.as_ref().map_or((200..300).contains(&answer.status), |wanted| wanted.holds(answer.status));
    if !good {
        return Some(Missing::Status);
    }
    if expect.json.is_empty() {
        return None;
    }
    let Some(json) = answer.json() else { return Some(Missing::Json) };
    expect.json.iter().find(|wanted| !wanted.holds(&json)).map(|wanted| Missing::Path(wanted.path.clone()))
}

impl Unexpected {
    /// Keeps what outcome rules look at.
    pub fn new(answer: &Answer, missing: Missing) -> Self {
        let after = answer.header("retry-after").and_then(|value| value.expose().trim().parse().ok());
        Self {
            status: answer.status,
            json: answer.json(),
            text: String::from_utf8_lossy(answer.body()).into_owned(),
            missing,
            retry_after_s: after,
        }
    }

    /// `error` of a token answer (RFC 6749 §5.2).
    pub fn oauth_error(&self) -> Option<&str> {
        self.json.as_ref()?.get("error")?.as_str()
    }
}
