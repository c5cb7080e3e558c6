//! Texts of variables into typed values. An error says what is expected, and never repeats a value.

use super::{Database, LogFormat, MailServer, Sender};
use crate::secret::Secret;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use url::{Host, Url};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const LONGEST_CONTACT: usize = 200;

pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    local
        .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

pub(super) fn optional_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" { Ok(None) } else { listen(text).map(Some) }
}

pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let expected =
        || "must be http:// or https:// with a host and no path, such as https://vault.example.com".to_owned();
    let url = Url::parse(text).map_err(|_| expected())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && bare && anonymous {
        Ok(url)
    } else {
        Err(expected())
    }
}

pub(super) fn address(text: &str) -> Result<Url, String> {
    let expected = || "must be https:// with a host, such as https://witness.example.com/checkpoints".to_owned();
    let url = Url::parse(text).map_err(|_| expected())?;
    let anonymous = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && anonymous { Ok(url) } else { Err(expected()) }
}

/// Whether the address leads to this very machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("must be 1 or 0".to_owned()),
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.contains('\0') { Err("must be a path".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text.to_owned()))
}

/// A program and its arguments: a JSON array of texts, or words with spaces between them. No shell reads it, so
/// that in the second form whatever a shell would read in its own way is refused.
pub(super) fn command(text: &str) -> Result<Vec<String>, String> {
    const SHELL: &[char] =
        &['"', '\'', '`', '$', '\\', ';', '&', '|', '<', '>', '(', ')', '{', '}', '[', ']', '*', '?', '~', '#', '!'];
    let expected = || {
        "must be a program and its arguments as a JSON array, such as [\"/usr/bin/key-helper\",\"credenza\"], or as \
         plain words; no shell reads it"
            .to_owned()
    };
    let argv: Vec<String> = match text.starts_with('[') {
        true => serde_json::from_str(text).map_err(|_| expected())?,
        false if text.contains(SHELL) => return Err(expected()),
        false => text.split_whitespace().map(str::to_owned).collect(),
    };
    let program = argv.first().ok_or_else(expected)?;
    let is_found = program.starts_with('/') || (!program.is_empty() && !program.contains('/'));
    if !is_found || argv.iter().any(|word| word.contains('\0')) {
        return Err("must name its program by an absolute path, or by a name in the system's directories".to_owned());
    }
    Ok(argv)
}

pub(super) fn database(text: &str) -> Result<Database, String> {
    if let Some(path) = text.strip_prefix("sqlite://") {
        if path.is_empty() || path.contains(['?', '#', '\0']) || path.starts_with(':') {
            return Err("must be sqlite:// and the path of a file, without parameters".to_owned());
        }
        return Ok(Database::Sqlite(PathBuf::from(path)));
    }
    let postgres = ["postgres", "postgresql"];
    match Url::parse(text) {
        Ok(url) if postgres.contains(&url.scheme()) => Ok(Database::Postgres(Secret::new(text.to_owned()))),
        _ => Err("must be sqlite://path or postgres://user:password@host/database".to_owned()),
    }
}

pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    let entries: Vec<String> = text.split(',').map(|entry| entry.trim().to_owned()).collect();
    if entries.iter().any(String::is_empty) {
        Err("has an empty entry between its commas".to_owned())
    } else {
        Ok(entries)
    }
}

pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let network = |entry: &String| {
        let alone = entry.parse::<IpAddr>().map(IpNet::from);
        alone.or_else(|_| entry.parse::<IpNet>()).map_err(|_| format!("has {entry:?}, which is no address or network"))
    };
    list(text)?.iter().map(network).collect()
}

pub(super) fn contact(text: &str) -> Result<String, String> {
    if text.chars().count() > LONGEST_CONTACT || text.chars().any(char::is_control) {
        return Err(format!("must be one line of at most {LONGEST_CONTACT} characters"));
    }
    Ok(text.to_owned())
}

/// `smtp://` or `smtps://`, with user and password percent-encoded before the host, or neither of them.
pub(super) fn mail_url(text: &str) -> Result<MailServer, String> {
    let expected = || {
        "must be smtp://user:password@host:587 (encrypted by STARTTLS) or smtps://user:password@host:465, with \
         reserved characters of user and password percent-encoded"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let implicit = match url.scheme() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(expected()),
    };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(String::from);
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(expected)?;
    let (user, password) = match (decoded(url.username()), decoded(url.password().unwrap_or_default())) {
        (Ok(user), Ok(password)) => (Secret::new(user), Secret::new(password)),
        _ => return Err(expected()),
    };
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let whole = user.is_empty() == password.is_empty();
    let sound = |text: &Secret| !text.expose().chars().any(char::is_control);
    if !bare || !whole || !sound(&user) || !sound(&password) {
        return Err(expected());
    }
    Ok(MailServer {
        implicit,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
        user,
        password,
    })
}

/// `name <address>` or an address alone.
pub(super) fn sender(text: &str) -> Result<Sender, String> {
    let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"'), address.trim()),
        None => ("", text),
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"');
    let parts: Vec<&str> = address.split('@').collect();
    let sound = matches!(parts.as_slice(), [local, host] if !local.is_empty() && !host.is_empty());
    if !sound || address.chars().any(odd) || name.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | '"')) {
        return Err("must be one address, such as vault@example.com or Credenza <vault@example.com>".to_owned());
    }
    Ok(Sender { name: name.to_owned(), address: address.to_owned() })
}

/// Stricter than the filter itself, which takes a mistyped level for the name of a module.
pub(super) fn log(text: &str) -> Result<String, String> {
    let fits = |entry: &String| {
        let (target, level) = entry.split_once('=').unwrap_or(("credenza", entry));
        let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        !target.is_empty() && target.chars().all(named) && LEVELS.contains(&level)
    };
    if list(text)?.iter().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be one of {}, or pairs such as credenza::egress=debug", LEVELS.join(", ")))
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    }
}
