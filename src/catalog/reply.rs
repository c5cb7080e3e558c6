//! Answers below HTTP: SMTP replies, and what can go wrong in TLS and on the network.

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
