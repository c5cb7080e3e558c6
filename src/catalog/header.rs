//! Which header names a catalogue file or a person may have sent.

/// Hop-by-hop and framing headers (RFC 9110 §7.6.1, RFC 9112) and those that steer a proxy.
const RESERVED: [&str; 20] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Prefixes of headers that open a cloud's metadata service.
const RESERVED_PREFIXES: [&str; 4] = ["x-aws-ec2-metadata-token", "metadata-flavor", "x-google-metadata", "x-metadata"];

/// Why a header name may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    /// Not a token of RFC 9110 §5.6.2.
    #[error("a header name has letters, digits and hyphens only, at most 100")]
    NotAToken,
    /// Belongs to the connection, not to a credential.
    #[error("this header belongs to the connection and cannot carry a credential")]
    Reserved,
}

/// Judges a header name; fails on anything that is not a token or that steers the connection itself.
pub fn may_be_sent(name: &str) -> Result<(), HeaderNameError> {
    if !is_token(name) || name.len() > 100 {
        return Err(HeaderNameError::NotAToken);
    }
    let lower = name.to_ascii_lowercase();
    match RESERVED.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|p| lower.starts_with(p)) {
        true => Err(HeaderNameError::Reserved),
        false => Ok(()),
    }
}

/// Whether a text is a token of RFC 9110 §5.6.2.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::{HeaderNameError, may_be_sent};

    #[test]
    fn t051_headers_of_the_connection_are_refused() {
        for name in
            ["Host", "content-length", "Transfer-Encoding", "Connection", "X-aws-ec2-metadata-token-ttl-seconds"]
        {
            assert_eq!(may_be_sent(name), Err(HeaderNameError::Reserved), "{name}");
        }
        for name in ["", "X Key", "X-Key\r\nHost", "X:Key", "X-Key\0", "Schlüssel"] {
            assert_eq!(may_be_sent(name), Err(HeaderNameError::NotAToken), "{name:?}");
        }
        for name in ["X-Api-Key", "Authorization", "access_token", "Authentication"] {
            assert_eq!(may_be_sent(name), Ok(()), "{name}");
        }
    }
}
