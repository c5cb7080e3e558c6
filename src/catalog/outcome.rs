//! What an answer must look like, and what it means when it does not.

pub use crate::catalog::reply::{NetworkFault, SmtpMatch, SqlMatch, TlsFault};
use crate::catalog::template::{Template, find};
use serde::Deserialize;
use serde_json::Value;

/// What must come back for a check or a step to be good.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Good statuses; any 2xx when nothing is said.
    pub status: Option<StatusMatch>,
    /// What the JSON body must say; all of it. With any, a body that is not JSON is not good.
    #[serde(default)]
    pub json: Vec<JsonMatch>,
}

/// A condition on a value of a JSON body. Without any of the operators the value must be present.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonMatch {
    /// Object keys and array positions, joined by dots.
    pub path: String,
    /// It is this.
    pub equals: Option<Value>,
    /// It is one of these.
    #[serde(default, rename = "in")]
    pub one_of: Vec<Value>,
    /// Or it is a number from the first to the last.
    pub or_range: Option<[i64; 2]>,
    /// It is a text or list that holds this.
    pub contains: Option<String>,
    /// It is there and not null (or, with `false`, is not).
    pub present: Option<bool>,
}

impl JsonMatch {
    /// Whether it holds for a document. A number also equals its text, since services send codes as both.
    pub fn holds(&self, document: &Value) -> bool {
        let value = find(document, self.path.split('.')).filter(|v| !v.is_null());
        if let Some(present) = self.present {
            return present == value.is_some();
        }
        let Some(value) = value else { return false };
        let listed = self.equals.iter().chain(&self.one_of).any(|wanted| same(wanted, value));
        let ranged = self.or_range.is_some_and(|[low, high]| number(value).is_some_and(|n| (low..=high).contains(&n)));
        let held = self.contains.as_ref().is_some_and(|part| match value {
            Value::String(text) => text.contains(part.as_str()),
            Value::Array(list) => list.iter().any(|v| v.as_str() == Some(part)),
            _ => false,
        });
        let bare =
            self.equals.is_none() && self.one_of.is_empty() && self.or_range.is_none() && self.contains.is_none();
        bare || listed || ranged || held
    }
}

fn same(wanted: &Value, value: &Value) -> bool {
    wanted == value || number(wanted).is_some_and(|n| number(value) == Some(n))
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Statuses: one (`401`), several (`[404, 410]`), or a class (`"5xx"`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "StatusText")]
pub struct StatusMatch(pub Vec<StatusRange>);

/// One status or one class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusRange {
    /// Exactly this.
    One(u16),
    /// The hundreds: 5 for `5xx`.
    Class(u16),
}

impl StatusMatch {
    /// Whether a status is among them.
    pub fn holds(&self, status: u16) -> bool {
        self.0.iter().any(|range| match range {
            StatusRange::One(one) => *one == status,
            StatusRange::Class(hundreds) => *hundreds == status / 100,
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StatusText {
    Number(u16),
    Text(String),
    List(Vec<StatusItem>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StatusItem {
    Number(u16),
    Text(String),
}

impl TryFrom<StatusText> for StatusMatch {
    type Error = String;

    fn try_from(text: StatusText) -> Result<Self, Self::Error> {
        let items = match text {
            StatusText::Number(n) => vec![StatusItem::Number(n)],
            StatusText::Text(t) => vec![StatusItem::Text(t)],
            StatusText::List(list) => list,
        };
        let range = |item| match item {
            StatusItem::Number(n @ 100..=599) => Ok(StatusRange::One(n)),
            StatusItem::Number(n) => Err(format!("{n} is not a status")),
            StatusItem::Text(t) => class(&t, "xx").map(StatusRange::Class).ok_or(format!("`{t}` is not a status")),
        };
        items.into_iter().map(range).collect::<Result<_, _>>().map(Self)
    }
}

/// The hundreds of a class such as `5xx` or `5yz`.
pub(crate) fn class(text: &str, ending: &str) -> Option<u16> {
    text.strip_suffix(ending)?.parse().ok().filter(|n| (1..=5).contains(n))
}

/// What an answer means: everything given must hold; of a list, any.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// HTTP status.
    pub status: Option<StatusMatch>,
    /// A value of the JSON body.
    pub json: Option<JsonMatch>,
    /// SMTP reply.
    #[serde(default)]
    pub smtp: Many<SmtpMatch>,
    /// Refusal of a database server.
    #[serde(default)]
    pub sql: Many<SqlMatch>,
    /// TLS fault.
    #[serde(default)]
    pub tls: Many<TlsFault>,
    /// Network fault.
    #[serde(default)]
    pub network: Many<NetworkFault>,
    /// `error` of a token address (RFC 6749 §5.2).
    #[serde(default)]
    pub oauth_error: Many<String>,
    /// A text somewhere in the body.
    pub contains: Option<String>,
    /// What was expected did not come: at all, or at this path.
    pub expect_failed: Option<ExpectFailed>,
    /// The verdict.
    pub outcome: Outcome,
    /// What it means and what to do, for a person.
    pub hint: Template,
    /// A stable code in place of the derived one.
    pub code: Option<String>,
}

impl Rule {
    /// The stable code of its hint: its own, or one derived from its first condition.
    pub fn code(&self) -> String {
        if let Some(code) = &self.code {
            return code.clone();
        }
        if let Some(fault) = self.network.0.first() {
            return fault.code().to_owned();
        }
        if !self.tls.0.is_empty() {
            return "tls_error".to_owned();
        }
        if let Some(reply) = self.smtp.0.first() {
            return reply.code();
        }
        if let Some(refusal) = self.sql.0.first() {
            return refusal.code();
        }
        if let Some(error) = self.oauth_error.0.first() {
            return format!("oauth_{}", error.to_ascii_lowercase());
        }
        match (&self.expect_failed, self.status.as_ref().and_then(|s| s.0.first())) {
            (Some(ExpectFailed::Any(_)), _) => "unexpected_answer".to_owned(),
            (Some(ExpectFailed::Path(path)), _) => format!("unexpected_{}", path.replace('.', "_")),
            (None, Some(StatusRange::Class(3))) => "unexpected_redirect".to_owned(),
            (None, Some(StatusRange::Class(n))) => format!("status_{n}xx"),
            (None, Some(StatusRange::One(n))) => format!("status_{n}"),
            (None, None) => "answer".to_owned(),
        }
    }

    /// Whether it says when it applies at all.
    pub fn is_conditional(&self) -> bool {
        self.status.is_some()
            || self.json.is_some()
            || !self.smtp.0.is_empty()
            || !self.sql.0.is_empty()
            || !self.tls.0.is_empty()
            || !self.network.0.is_empty()
            || !self.oauth_error.0.is_empty()
            || self.contains.is_some()
            || self.expect_failed.is_some()
    }

    /// Whether it looks at nothing but the status of an answer, and perhaps at a word in it.
    pub fn is_of_status_only(&self) -> bool {
        let others =
            [self.json.is_some(), self.expect_failed.is_some(), !self.smtp.0.is_empty(), !self.tls.0.is_empty()];
        let none = !others.contains(&true) && self.network.0.is_empty() && self.oauth_error.0.is_empty();
        self.status.is_some() && none
    }
}

/// One value, or a list of which any counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany<T>", bound = "T: Deserialize<'de>")]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    List(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Many<T> {
    fn from(value: OneOrMany<T>) -> Self {
        match value {
            OneOrMany::One(one) => Self(vec![one]),
            OneOrMany::List(list) => Self(list),
        }
    }
}

/// `true`, or the path whose expectation failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ExpectFailed {
    /// Any expectation (`true`).
    Any(bool),
    /// The one at this path.
    Path(String),
}

/// The closed list of what a rule may say; the same words as a check's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service took it.
    Ok,
    /// Real, but lacks a permission.
    Limited,
    /// The service does not know it.
    Invalid,
    /// The service knows it and refuses.
    Forbidden,
    /// An address, account or region is wrong.
    Misconfigured,
    /// Stopped by a policy: ours or the service's.
    Blocked,
    /// Its time is over.
    Expired,
    /// Consent was withdrawn.
    Reauthorize,
    /// The service limits calls right now.
    RateLimited,
    /// The service did not answer, or not well.
    Unavailable,
    /// Nobody can tell.
    Unknown,
}
