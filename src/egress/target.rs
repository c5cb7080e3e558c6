//! Where a call goes: parsed once, judged, and carried as it is down to the socket.

use crate::secret::Secret;
use std::fmt;
use std::net::IpAddr;

/// How the two ends speak: which protocol, and when encryption starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// HTTP over TLS.
    Https,
    /// HTTP in clear text, only where the operator wrote `http://host:port`.
    Http,
    /// SMTP with TLS from the first byte (RFC 8314).
    SmtpTls,
    /// SMTP that must switch to TLS (RFC 3207).
    SmtpStarttls,
    /// SMTP in clear text.
    SmtpPlain,
    /// PostgreSQL that must switch to TLS.
    PostgresTls,
    /// PostgreSQL in clear text.
    PostgresPlain,
    /// MySQL or MariaDB that must switch to TLS.
    MysqlTls,
    /// MySQL or MariaDB in clear text.
    MysqlPlain,
}

impl Mode {
    /// Whether it is one of the two HTTP modes.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Https | Self::Http)
    }

    /// Whether it is one of the three modes of mail servers.
    pub fn is_smtp(self) -> bool {
        matches!(self, Self::SmtpTls | Self::SmtpStarttls | Self::SmtpPlain)
    }

    /// Whether it is one of the modes of database servers.
    pub fn is_sql(self) -> bool {
        matches!(self, Self::PostgresTls | Self::PostgresPlain | Self::MysqlTls | Self::MysqlPlain)
    }
}

/// A host: a name in its one spelling (lower case, punycode, no final dot), or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name that must be looked up.
    Name(String),
    /// An address that was typed as such, in whichever notation.
    Ip(IpAddr),
}

impl Host {
    /// Reads a host as a person or a template wrote it.
    ///
    /// # Errors
    /// [`BadTarget::Host`] for anything that is not a plain host name (RFC 1123, RFC 5891) or address.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return Ok(Self::Ip(ip));
        }
        if text.contains('%') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BadTarget::Host);
        }
        match url::Host::parse(text).map_err(|_| BadTarget::Host)? {
            url::Host::Ipv4(ip) => Ok(Self::Ip(IpAddr::V4(ip))),
            url::Host::Ipv6(ip) => Ok(Self::Ip(IpAddr::V6(ip))),
            url::Host::Domain(name) if is_plain_name(&name) => Ok(Self::Name(name)),
            url::Host::Domain(_) => Err(BadTarget::Host),
        }
    }

    /// The host that a value names: a host as such, or the host of an `http(s)://` address.
    ///
    /// # Errors
    /// [`BadTarget`] when it is neither.
    pub fn named_by(value: &str) -> Result<Self, BadTarget> {
        if value.contains("://") { Target::http(value).map(|target| target.host) } else { Self::parse(value) }
    }

    /// The name, unless it is an address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Ip(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

fn is_plain_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_plain_label)
}

fn is_plain_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Why an address cannot be a target at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Not something that can be read as an address.
    #[error("This is not a complete address. It looks like https://host/path.")]
    Unreadable,
    /// A scheme that is never called.
    #[error("Only https:// addresses can be called.")]
    Scheme,
    /// `user:password@` in front of the host.
    #[error("An address must not hold a user name or a password. Use the fields for them.")]
    UserInfo,
    /// Not a host name or an address.
    #[error("This is not a valid host name.")]
    Host,
    /// Port 0, or not a number.
    #[error("This is not a valid port.")]
    Port,
}

/// Where one call goes. The same value is judged and dialled, so that the two cannot differ.
pub struct Target {
    mode: Mode,
    host: Host,
    port: u16,
    /// Path and query as they are sent; some services take their key here.
    resource: Secret,
}

impl Target {
    /// Reads an `https://` or `http://` address.
    ///
    /// # Errors
    /// [`BadTarget`] for other schemes, user names, fragments, bad hosts and whatever two readers could
    /// read in two ways (backslashes, white space, control characters).
    pub fn http(address: &str) -> Result<Self, BadTarget> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '#';
        if address.chars().any(odd) {
            return Err(BadTarget::Unreadable);
        }
        let (scheme, rest) = address.split_once(':').ok_or(BadTarget::Unreadable)?;
        let mode = match scheme.to_ascii_lowercase().as_str() {
            "https" => Mode::Https,
            "http" => Mode::Http,
            _ => return Err(BadTarget::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(BadTarget::Unreadable)?;
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(cut);
        let (host, port) = split_authority(authority)?;
        let host = Host::parse(host)?;
        let port = port.unwrap_or(if mode == Mode::Https { 443 } else { 80 });
        let resource = canonical_resource(resource)?;
        Ok(Self { mode, host, port, resource: Secret::new(resource) })
    }

    /// A mail server.
    ///
    /// # Errors
    /// [`BadTarget`] when host or port are none, or the mode is not of SMTP.
    pub fn smtp(host: &str, port: u16, mode: Mode) -> Result<Self, BadTarget> {
        if mode.is_smtp() { Self::server(host, port, mode) } else { Err(BadTarget::Scheme) }
    }

    /// A database server.
    ///
    /// # Errors
    /// [`BadTarget`] when host or port are none, or the mode is not of a database.
    pub fn sql(host: &str, port: u16, mode: Mode) -> Result<Self, BadTarget> {
        if mode.is_sql() { Self::server(host, port, mode) } else { Err(BadTarget::Scheme) }
    }

    fn server(host: &str, port: u16, mode: Mode) -> Result<Self, BadTarget> {
        if port == 0 {
            return Err(BadTarget::Port);
        }
        Ok(Self { mode, host: Host::parse(host)?, port, resource: Secret::new(String::new()) })
    }

    /// The protocol and its encryption.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, never to be logged.
    pub fn resource(&self) -> &Secret {
        &self.resource
    }

    /// The `Host` header: the port only where it is not the usual one (RFC 9110 §7.2).
    pub fn authority(&self) -> String {
        match (self.mode, self.port) {
            (Mode::Https, 443) | (Mode::Http, 80) => self.host.to_string(),
            _ => self.place(),
        }
    }

    /// `host:port`, as the operator would write it in `CREDENZA_EGRESS_ALLOW`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The entry of `CREDENZA_EGRESS_ALLOW` that names exactly this target.
    pub fn allow_entry(&self) -> String {
        if self.mode == Mode::Http { format!("http://{}", self.place()) } else { self.place() }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({:?} {})", self.mode, self.place())
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), BadTarget> {
    if authority.contains('@') {
        return Err(BadTarget::UserInfo);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(_) => {
            let end = authority.find(']').ok_or(BadTarget::Host)?;
            let (host, rest) = authority.split_at(end + 1);
            match rest.strip_prefix(':') {
                None if rest.is_empty() => (host, None),
                None => return Err(BadTarget::Host),
                Some(port) => (host, Some(port)),
            }
        }
        None => match authority.split_once(':') {
            None => (authority, None),
            Some((host, port)) => (host, Some(port)),
        },
    };
    let port = match port {
        None => None,
        Some(digits) => Some(parse_port(digits).ok_or(BadTarget::Port)?),
    };
    Ok((host, port))
}

/// A port in plain digits, 1 to 65535.
pub(super) fn parse_port(digits: &str) -> Option<u16> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|port| *port > 0)
}

/// Path and query as ASCII: dot segments are refused (a value could climb out of its place in the
/// path), other characters are percent-encoded.
fn canonical_resource(resource: &str) -> Result<String, BadTarget> {
    let path = resource.split('?').next().unwrap_or_default();
    let climbs = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(climbs) {
        return Err(BadTarget::Unreadable);
    }
    let encoded: String = percent_encoding::utf8_percent_encode(resource, ESCAPED).collect();
    Ok(if encoded.starts_with('/') { encoded } else { format!("/{encoded}") })
}

/// Characters that a request line may not carry as they are (`%` stays: the text is already encoded).
const ESCAPED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'|')
    .add(b'^');

#[cfg(test)]
mod tests {
    use super::{BadTarget, Host, Mode, Target};

    #[test]
    fn one_spelling() {
        let target = Target::http("HTTPS://API.Example.com:8443/v1/x?key=ü").unwrap();
        assert_eq!((target.mode(), target.place().as_str()), (Mode::Https, "api.example.com:8443"));
        assert_eq!(target.resource().expose(), "/v1/x?key=%C3%BC");
        assert_eq!(Target::http("https://api.example.com?x=1").unwrap().resource().expose(), "/?x=1");
        assert_eq!(Target::http("https://bücher.example").unwrap().authority(), "xn--bcher-kva.example");
        assert_eq!(Target::http("https://[::1]:44/").unwrap().authority(), "[::1]:44");
        assert!(!format!("{target:?}").contains("key"));
    }

    #[test]
    fn t087_notations_of_addresses_are_read_as_addresses() {
        for odd in ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "１２７.0.0.1"] {
            assert_eq!(Host::parse(odd), Ok(Host::Ip("127.0.0.1".parse().unwrap())), "{odd}");
        }
    }

    #[test]
    fn t090_user_info_and_double_readings_are_refused() {
        assert_eq!(Target::http("https://a@b.example/").unwrap_err(), BadTarget::UserInfo);
        assert_eq!(Target::http("https://api.example.com:443@evil.example/").unwrap_err(), BadTarget::UserInfo);
        for odd in [
            "https:/x.example",
            "https://a.example\\@b.example",
            "https://a.exa\tmple",
            "https://a.example#@b",
            "//a.example",
        ] {
            assert!(Target::http(odd).is_err(), "{odd}");
        }
        assert!(Target::http("https://a.example/v1/../admin").is_err());
        assert!(Target::http("https://a.example/v1/%2E%2e/admin").is_err());
    }

    #[test]
    fn t091_bad_names_are_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = ["a".repeat(50).as_str(); 6].join(".");
        for bad in [
            "xn--example-.org",
            "a..b",
            ".a",
            "a.",
            "a_b.example",
            "a\0b.example",
            "fe80::1%25eth0",
            "",
            "-a.example",
            "a-.example",
            &long,
            &longer,
            "a b",
            "1.2.3.4.5",
        ] {
            assert_eq!(Host::parse(bad), Err(BadTarget::Host), "{bad}");
        }
    }

    #[test]
    fn t096_other_schemes_are_refused() {
        for scheme in ["file", "gopher", "ftp", "dict", "ldap", "unix", "data", "jar", "ws"] {
            assert_eq!(Target::http(&format!("{scheme}://a.example/")).unwrap_err(), BadTarget::Scheme);
        }
        assert_eq!(Target::smtp("a.example", 25, Mode::Http).unwrap_err(), BadTarget::Scheme);
        assert_eq!(Target::smtp("a.example", 25, Mode::MysqlTls).unwrap_err(), BadTarget::Scheme);
        assert_eq!(Target::sql("a.example", 25, Mode::SmtpTls).unwrap_err(), BadTarget::Scheme);
        assert_eq!(Target::smtp("a.example", 0, Mode::SmtpTls).unwrap_err(), BadTarget::Port);
        assert_eq!(Target::sql("a.example", 0, Mode::PostgresTls).unwrap_err(), BadTarget::Port);
        assert_eq!(Target::http("https://a.example:0/").unwrap_err(), BadTarget::Port);
        assert_eq!(Target::http("https://a.example:+1/").unwrap_err(), BadTarget::Port);
    }
}
