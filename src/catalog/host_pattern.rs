//! Hosts that a file allows: exact, or `*.x` for one or more labels in front of x.

use crate::catalog::place::is_label;

/// Whether a text may stand in a list of hosts: lower-case labels, `*.` only in front of at least two.
pub fn is_host_pattern(text: &str) -> bool {
    let (bare, least) = match text.strip_prefix("*.") {
        Some(rest) => (rest, 2),
        None => (text, 1),
    };
    let address = !text.starts_with('*') && matches!(url::Host::parse(bare), Ok(url::Host::Ipv4(_)));
    let labels: Vec<&str> = bare.split('.').collect();
    let lower = text.bytes().all(|b| !b.is_ascii_uppercase());
    bare.len() <= 253 && lower && (address || labels.len() >= least && labels.iter().all(|l| is_label(l)))
}

/// Whether a host (lower case, punycode) is among the patterns.
pub fn allows(patterns: &[String], host: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
        None => pattern == host,
        Some(tail) => host
            .strip_suffix(tail)
            .and_then(|front| front.strip_suffix('.'))
            .is_some_and(|front| front.split('.').all(is_label)),
    })
}

#[cfg(test)]
mod tests {
    use super::{allows, is_host_pattern};

    #[test]
    fn t101_a_wildcard_is_one_or_more_whole_labels() {
        let hosts = ["*.example.com".to_owned(), "api.other.net".to_owned()];
        for host in ["a.example.com", "a.b.example.com", "api.other.net"] {
            assert!(allows(&hosts, host), "{host}");
        }
        for host in [
            "example.com",
            "evilexample.com",
            ".example.com",
            "a..example.com",
            "example.com.evil.tld",
            "a.example.com.evil.tld",
            "evil@a.example.com",
            "x.api.other.net",
            "",
        ] {
            assert!(!allows(&hosts, host), "{host}");
        }
    }

    #[test]
    fn patterns_that_reach_too_far_are_refused() {
        for text in ["*", "*.com", "*example.com", "a.*.com", "EXAMPLE.com", "", "a_b.com", "-a.com", "https://a.com"] {
            assert!(!is_host_pattern(text), "{text}");
        }
        for text in ["*.example.com", "api.example.com", "*.amazonaws.com.cn"] {
            assert!(is_host_pattern(text), "{text}");
        }
    }
}
