//! Hosts and addresses as people type them, made canonical or refused.

use crate::catalog::place::is_label;
use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// A host name in lower-case punycode, or an IP address (IPv6 in brackets). The error is for a person.
///
/// Refused are names with empty, overlong (63) or ill-formed labels (RFC 1123 §2.1, RFC 5890), longer than
/// 253 bytes, and IPv4 addresses in any but the usual spelling: `0x7f.1` is not what it seems.
pub fn host(typed: &str) -> Result<String, &'static str> {
    if typed.contains("://") || typed.contains(['/', '?', '#', '\\']) {
        return Err("Enter only the name of the server, without https:// and without a path.");
    }
    if typed.contains('@') {
        return Err("A server's name has no @. Enter the user name in its own field.");
    }
    let bare = typed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(typed);
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]"));
    }
    if typed.contains(':') {
        return Err("Enter the name without a port.");
    }
    match Host::parse(typed) {
        Ok(Host::Ipv4(address)) if typed.parse::<Ipv4Addr>() == Ok(address) => Ok(address.to_string()),
        Ok(Host::Ipv4(_)) => Err("Write the IP address with four decimal numbers, such as 192.0.2.10."),
        Ok(Host::Domain(name)) if name.len() <= 253 && name.split('.').all(is_label) => Ok(name),
        _ => Err("This is not the name of a server. It looks like mail.example.com."),
    }
}

/// An http(s) address without user name and fragment, canonical. The error is for a person.
pub fn address(typed: &str) -> Result<String, &'static str> {
    let Some((scheme, rest)) = typed.split_once("://") else {
        return Err("Enter the whole address, starting with https://");
    };
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err("Only addresses that start with https:// can be used.");
    }
    if rest.contains('\\') || rest.contains(char::is_whitespace) {
        return Err("An address has no spaces and no backslashes.");
    }
    if rest.contains('#') {
        return Err("Leave out the part from # on.");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("An address must not hold a user name or password. Enter them in their own fields.");
    }
    let url = Url::parse(typed).map_err(|_| "This is not an address. It looks like https://api.example.com/v1")?;
    if url.port() == Some(0) {
        return Err("There is no port 0.");
    }
    // The port is cut off as text, so that the host is judged as typed and not as the parser mended it.
    let name = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => &authority[..at],
        _ => authority,
    };
    host(name)?;
    let text = url.as_str();
    let bare = url.path() == "/" && url.query().is_none();
    Ok(if bare { text.trim_end_matches('/').to_owned() } else { text.to_owned() })
}

/// An e-mail address with a lower-case domain (RFC 5321 §4.1.2, without quoted parts). The error is for a person.
pub fn email(typed: &str) -> Result<String, &'static str> {
    const REFUSED: &str = "This is not an e-mail address. It looks like name@example.com.";
    let Some((local, domain)) = typed.rsplit_once('@') else { return Err(REFUSED) };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c);
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    if local.is_empty() || local.len() > 64 || !local.chars().all(plain) || !dots {
        return Err(REFUSED);
    }
    match host(domain) {
        Ok(name) if !name.starts_with('[') && name.parse::<Ipv4Addr>().is_err() => Ok(format!("{local}@{name}")),
        _ => Err(REFUSED),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, email, host};

    #[test]
    fn t091_broken_host_names_are_refused() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long_name = vec!["a".repeat(50); 6].join(".");
        for typed in [
            "",
            ".",
            "xn--example-.org",
            "a..example.com",
            ".example.com",
            "example.com.",
            "mail_server.example.com",
            "-a.example.com",
            "a-.example.com",
            "a\0.example.com",
            "user@example.com",
            "https://example.com",
            "example.com/path",
            "example.com:25",
            "exa mple.com",
            "0x7f.1",
            "127.1",
            "2130706433",
            "[::1",
            "::1%eth0",
            &long_label,
            &long_name,
        ] {
            assert!(host(typed).is_err(), "{typed:?}");
        }
    }

    #[test]
    fn host_names_become_canonical() {
        for (typed, canonical) in [
            ("SMTP.Example.COM", "smtp.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("192.0.2.10", "192.0.2.10"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("2001:db8::1", "[2001:db8::1]"),
        ] {
            assert_eq!(host(typed).as_deref(), Ok(canonical));
        }
    }

    #[test]
    fn t096_t104_addresses_of_other_schemes_or_with_users_are_refused() {
        for typed in [
            "file:///etc/passwd",
            "gopher://example.com",
            "ftp://example.com",
            "ldap://example.com",
            "unix:/run/x",
            "data:text/plain,x",
            "jar:https://example.com!/",
            "ws://example.com",
            "javascript:alert(1)",
            "https:example.com",
            "https:///example.com",
            "https://user@example.com",
            "https://user:pass@example.com/x",
            "https://example.com@evil.test",
            "https://example.com\\@evil.test",
            "https://example.com/#x",
            "https://exa_mple.com",
            "https://example.com:0",
            "https://example.com:99999",
            "https://0x7f.1/",
            "https://",
            "example.com",
        ] {
            assert!(address(typed).is_err(), "{typed:?}");
        }
        for (typed, canonical) in [
            ("HTTPS://API.Example.com/", "https://api.example.com"),
            ("https://api.example.com:443/v1/", "https://api.example.com/v1/"),
            ("https://[::1]:8443/x?y=1", "https://[::1]:8443/x?y=1"),
            ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ] {
            assert_eq!(address(typed).as_deref(), Ok(canonical));
        }
    }

    #[test]
    fn t050_mail_addresses_cannot_carry_a_command() {
        for typed in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b@c.example",
            "a b@c.example",
            "a\r\nRCPT TO:<x>@c.example",
            "<a@c.example>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            ".a@c.example",
        ] {
            assert!(email(typed).is_err(), "{typed:?}");
        }
        assert_eq!(email("Ana.Souza@Example.COM").as_deref(), Ok("Ana.Souza@example.com"));
    }
}
