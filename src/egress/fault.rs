//! Why a call came to nothing. None of these holds a query, a header or a word of the other side.

use std::fmt;

/// Why a call did not give an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Our own rules: nothing was sent.
    Refused(Refusal),
    /// The network.
    Network(Network),
    /// The encrypted connection could not be made; no secret was sent.
    Tls(TlsFault),
    /// The other side does not speak the protocol, or says more than the limits.
    Protocol,
    /// The mail server answered with a refusal.
    Smtp(SmtpCode),
    /// The mail server offers no sign-in that can be used; no secret was sent.
    NoSignIn,
    /// The database server did not let us in.
    Sql(SqlFault),
}

/// What the network did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// No such name.
    Dns,
    /// The name servers did not answer, or not well.
    DnsFailed,
    /// Nobody listens there.
    Refused,
    /// There is no way to the address.
    Unreachable,
    /// The connection was cut.
    Reset,
    /// The time was over.
    Timeout,
}

impl Network {
    /// The word by which a catalogue's rule matches it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::DnsFailed => "dns_failed",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
        }
    }
}

impl From<&std::io::Error> for Network {
    fn from(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        match error.kind() {
            E::TimedOut => Self::Timeout,
            E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe | E::UnexpectedEof => Self::Reset,
            E::HostUnreachable | E::NetworkUnreachable | E::NetworkDown => Self::Unreachable,
            _ => Self::Refused,
        }
    }
}

/// Why the encrypted connection could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFault {
    /// The kind.
    pub kind: TlsKind,
    /// SHA-256 of the certificate that was seen, where a person may confirm it.
    pub fingerprint: Option<[u8; 32]>,
}

/// Kinds of [`TlsFault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsKind {
    /// Not signed by an authority we know.
    Untrusted,
    /// Another certificate than the one whose fingerprint was confirmed.
    PinMismatch,
    /// The certificate's time is over, or has not come.
    Expired,
    /// The certificate is for other names.
    WrongHost,
    /// One side speaks no TLS, or only versions before 1.2.
    WrongVersion,
    /// The mail server does not offer STARTTLS.
    NoStarttls,
    /// The database server does not offer to encrypt.
    NotOffered,
    /// Anything else.
    Other,
}

impl TlsKind {
    /// The word by which a catalogue's rule matches it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::PinMismatch => "pin_mismatch",
            Self::Expired => "expired",
            Self::WrongHost => "wrong_host",
            Self::WrongVersion => "wrong_version",
            Self::NoStarttls => "no_starttls",
            Self::NotOffered => "not_offered",
            Self::Other => "other",
        }
    }

    /// What it means, as the end of a sentence for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Untrusted => "its certificate is not signed by a known authority",
            Self::PinMismatch => "its certificate is another one than was confirmed",
            Self::Expired => "its certificate is not valid at this time",
            Self::WrongHost => "its certificate belongs to another name",
            Self::WrongVersion => "port and encryption do not match, or its TLS is older than 1.2",
            Self::NoStarttls => "the server does not offer STARTTLS",
            Self::NotOffered => "the server does not offer encryption",
            Self::Other => "the two sides could not agree",
        }
    }
}

/// A reply code of a mail server (RFC 5321 §4.2) and its enhanced code (RFC 3463), never its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpCode {
    /// Three digits.
    pub basic: u16,
    /// Class, subject, detail.
    pub enhanced: Option<(u8, u16, u16)>,
}

impl fmt::Display for SmtpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.basic)?;
        match self.enhanced {
            Some((class, subject, detail)) => write!(f, " {class}.{subject}.{detail}"),
            None => Ok(()),
        }
    }
}

/// Why a database server did not let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlFault {
    /// It answered with a refusal.
    Refused(SqlCode),
    /// It wants a way to sign in that we do not have; no secret was sent.
    NoSignIn,
    /// It wants to read the password itself although the connection is not encrypted; no secret was sent.
    ClearPassword,
}

/// The code of a refusal of a database server, never its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlCode {
    /// The number of MySQL and MariaDB; PostgreSQL has none.
    pub number: Option<u16>,
    /// SQLSTATE: five digits and capital letters (ISO/IEC 9075).
    pub state: Option<[u8; 5]>,
}

impl SqlCode {
    /// Reads an SQLSTATE; `None` for anything that is not one.
    pub fn read_state(bytes: &[u8]) -> Option<[u8; 5]> {
        let plain = bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        bytes.try_into().ok().filter(|_| plain)
    }

    /// The SQLSTATE as text.
    pub fn state(&self) -> Option<&str> {
        self.state.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl fmt::Display for SqlCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.state()) {
            (Some(number), Some(state)) => write!(f, "{number} ({state})"),
            (Some(number), None) => write!(f, "{number}"),
            (None, state) => f.write_str(state.unwrap_or("no code")),
        }
    }
}

/// A refusal by our own rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule.
    pub rule: Rule,
    /// The entry of `CREDENZA_EGRESS_ALLOW` that would let it through, where one would.
    pub ask_for: Option<String>,
}

/// The rules of [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The host is none of those of the service.
    Host,
    /// The port is none of those of the service.
    Port,
    /// Unencrypted HTTP.
    PlainHttp,
    /// A local name, or an address that is not public.
    Private,
    /// A cloud's metadata service.
    Metadata,
    /// This console's own port.
    Own,
    /// A sign-in that would cross the network unencrypted.
    PlainSignIn,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.rule {
            Rule::Host => "This host does not belong to the service.",
            Rule::Port => "This port is not one that the service uses.",
            Rule::PlainHttp => "Unencrypted http:// addresses are not called.",
            Rule::Private => "This host is inside a private network.",
            Rule::Metadata => "This is the metadata service of a cloud. It is never called.",
            Rule::Own => "This is the console's own port.",
            Rule::PlainSignIn => "The password would cross the network unencrypted. Choose an encrypted connection.",
        })?;
        match &self.ask_for {
            Some(entry) => {
                write!(f, " If it is right, ask the operator of this console to add {entry} to CREDENZA_EGRESS_ALLOW.")
            }
            None => Ok(()),
        }
    }
}
