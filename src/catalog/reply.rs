//! Answers below HTTP: replies of mail and database servers, and what can go wrong in TLS and on the network.

use crate::catalog::outcome::class;
use serde::Deserialize;

/// An SMTP reply: `535`, `535 5.7.139` (RFC 3463), `5yz`, or `no_auth` where no sign-in is offered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SmtpMatch {
    /// A reply code, with or without an enhanced one.
    Reply(u16, Option<String>),
    /// The hundreds: 5 for `5yz`.
    Class(u16),
    /// The server offers no sign-in that we know.
    NoAuth,
}

impl SmtpMatch {
    /// Whether a reply is meant.
    pub fn holds(&self, code: u16, enhanced: Option<&str>) -> bool {
        match self {
            Self::Reply(wanted, None) => *wanted == code,
            Self::Reply(wanted, Some(detail)) => *wanted == code && enhanced == Some(detail),
            Self::Class(hundreds) => *hundreds == code / 100,
            Self::NoAuth => false,
        }
    }

    pub(crate) fn code(&self) -> String {
        match self {
            Self::Reply(code, None) => format!("smtp_{code}"),
            Self::Reply(code, Some(detail)) => format!("smtp_{code}_{}", detail.replace('.', "_")),
            Self::Class(hundreds) => format!("smtp_{hundreds}yz"),
            Self::NoAuth => "smtp_no_auth".to_owned(),
        }
    }
}

impl TryFrom<String> for SmtpMatch {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let refused = || format!("`{text}` is not an SMTP reply: write 535, 535 5.7.8, 5yz or no_auth");
        if text == "no_auth" {
            return Ok(Self::NoAuth);
        }
        if let Some(hundreds) = class(&text, "yz") {
            return Ok(Self::Class(hundreds));
        }
        let (code, detail) = text.split_once(' ').map_or((text.as_str(), None), |(c, d)| (c, Some(d)));
        let code = code.parse().ok().filter(|c| (200..600).contains(c)).ok_or_else(refused)?;
        let whole = |d: &str| d.split('.').count() == 3 && d.split('.').all(|n| n.parse::<u16>().is_ok());
        match detail {
            Some(d) if !whole(d) => Err(refused()),
            _ => Ok(Self::Reply(code, detail.map(str::to_owned))),
        }
    }
}

/// A refusal of a database server: an SQLSTATE (`28P01`), a class of them (`53xxx`), a number of MySQL or
/// MariaDB (`1045`), `no_auth` where no way to sign in is known, or `clear_password` where the server wants
/// the password itself over a connection that is not encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SqlMatch {
    /// Five digits and capital letters.
    State(String),
    /// The first two of them.
    Class(String),
    /// A number of four digits.
    Number(u16),
    /// The server wants a way to sign in that we do not have.
    NoAuth,
    /// The server wants the password itself, unencrypted.
    ClearPassword,
}

impl SqlMatch {
    /// Whether a refusal with this number and SQLSTATE is meant.
    pub fn holds(&self, number: Option<u16>, state: Option<&str>) -> bool {
        match self {
            Self::State(wanted) => state == Some(wanted),
            Self::Class(wanted) => state.is_some_and(|state| state.starts_with(wanted.as_str())),
            Self::Number(wanted) => number == Some(*wanted),
            Self::NoAuth | Self::ClearPassword => false,
        }
    }

    pub(crate) fn code(&self) -> String {
        match self {
            Self::State(state) => format!("sql_{}", state.to_ascii_lowercase()),
            Self::Class(class) => format!("sql_{}xxx", class.to_ascii_lowercase()),
            Self::Number(number) => format!("sql_{number}"),
            Self::NoAuth => "sql_no_auth".to_owned(),
            Self::ClearPassword => "sql_clear_password".to_owned(),
        }
    }
}

impl TryFrom<String> for SqlMatch {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        let number = || text.parse().ok().filter(|_| plain(&text));
        match (text.as_str(), text.len(), text.strip_suffix("xxx")) {
            ("no_auth", ..) => Ok(Self::NoAuth),
            ("clear_password", ..) => Ok(Self::ClearPassword),
            (_, 5, Some(class)) if plain(class) => Ok(Self::Class(class.to_owned())),
            (_, 5, None) if plain(&text) => Ok(Self::State(text)),
            (_, 4, None) if number().is_some() => Ok(Self::Number(number().unwrap_or_default())),
            _ => Err(format!(
                "`{text}` is not a refusal of a database: write 28P01, 53xxx, 1045, no_auth or clear_password"
            )),
        }
    }
}

/// What can go wrong in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsFault {
    /// No known authority signed the certificate.
    Untrusted,
    /// The certificate is out of its time.
    Expired,
    /// The certificate is of another host.
    WrongHost,
    /// No common version, or no TLS at all on this port.
    WrongVersion,
    /// STARTTLS is not offered (RFC 3207).
    NoStarttls,
    /// The database server does not offer to encrypt.
    NotOffered,
    /// The certificate is not the confirmed one.
    PinMismatch,
    /// Anything else.
    Other,
}

/// What can go wrong before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkFault {
    /// No such name.
    Dns,
    /// The name could not be looked up.
    DnsFailed,
    /// Nobody listens.
    Refused,
    /// The connection broke.
    Reset,
    /// There is no way to the address.
    Unreachable,
    /// It took too long.
    Timeout,
    /// Our own policy: a private address, a port or host that is not allowed.
    PrivateRefused,
}

impl NetworkFault {
    /// The stable code of a hint about it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Dns => "host_not_found",
            Self::DnsFailed => "lookup_failed",
            Self::Refused => "connection_refused",
            Self::Reset => "connection_reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::PrivateRefused => "target_denied",
        }
    }
}
