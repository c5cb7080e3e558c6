//! From a method's `[egress]` and a credential's own host to the policy of its calls.

use crate::catalog::form::Values;
use crate::catalog::schema::{Method, PrivateNetworks, TlsPolicy};
use crate::egress::policy::{Pattern, Policy, Private};
use crate::egress::target::Host;

/// Field that holds a confirmed fingerprint.
const FINGERPRINT: &str = "cert_sha256";

/// The policy of every call of this credential: token, check, bots.
///
/// `pin` is a fingerprint that a person confirmed; without it the value of the field `cert_sha256` counts. A
/// file that does not say `pin_or_verify` takes neither.
pub fn of(method: &Method, values: &Values, pin: Option<[u8; 32]>) -> Policy {
    let egress = &method.egress;
    let mut hosts: Vec<_> = egress.hosts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
    let own = egress.host_names().filter_map(|field| values.plain.get(field));
    hosts.extend(own.filter_map(|text| Host::named_by(text).ok()).map(Pattern::Exact));
    let may_pin = egress.tls == TlsPolicy::PinOrVerify;
    let typed = || values.plain.get(FINGERPRINT).and_then(|text| parse_fingerprint(text));
    Policy {
        hosts,
        ports: egress.ports.clone(),
        private: match egress.private_networks {
            PrivateNetworks::Never => Private::Never,
            PrivateNetworks::Operator => Private::Operator,
        },
        may_pin,
        pin: pin.or_else(typed).filter(|_| may_pin),
        by_operator: false,
    }
}

/// Whether an address that a service returned lies on one of these hosts.
pub fn is_on(value: &str, hosts: &[String]) -> bool {
    let patterns = hosts.iter().filter_map(|text| Pattern::parse(text).ok());
    Host::named_by(value).is_ok_and(|host| patterns.into_iter().any(|pattern| pattern.matches(&host)))
}

/// Reads 64 hexadecimal digits, with or without colons between pairs.
pub fn parse_fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 32];
    for (slot, at) in out.iter_mut().zip((0..64).step_by(2)) {
        *slot = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}

/// Writes a fingerprint as 64 lower-case hexadecimal digits.
pub fn write_fingerprint(fingerprint: &[u8; 32]) -> String {
    fingerprint.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_on, parse_fingerprint, write_fingerprint};

    #[test]
    fn fingerprints_are_read_and_written_alike() {
        let text = "0f".repeat(32);
        assert_eq!(write_fingerprint(&parse_fingerprint(&text.to_uppercase()).unwrap()), text);
        assert!(parse_fingerprint(&["0f"; 32].join(":")).is_some());
        assert!(parse_fingerprint("0f").is_none() && parse_fingerprint(&"é".repeat(32)).is_none());
    }

    #[test]
    fn returned_addresses_are_compared_by_whole_labels() {
        let hosts = ["*.salesforce.com".to_owned()];
        assert!(is_on("https://acme.my.salesforce.com", &hosts) && is_on("acme.salesforce.com", &hosts));
        for no in [
            "https://acme.salesforce.com.evil.example",
            "https://evilsalesforce.com",
            "https://a.salesforce.com@evil.example",
            "",
        ] {
            assert!(!is_on(no, &hosts), "{no}");
        }
    }
}
