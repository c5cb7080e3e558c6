//! Who sends a request: the address, as far as trusted proxies tell it, and the client's description of itself.

use crate::config::Config;
use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use std::net::IpAddr;

/// Longer descriptions are cut.
const AGENT_LIMIT: usize = 200;

/// The client's address. `X-Forwarded-For` counts only from a trusted proxy, and of it only the right-most
/// entry that is not a trusted proxy itself.
pub fn address(req: &HttpRequest, config: &Config) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip();
    let trusted = |ip: &IpAddr| config.trusted_proxies.iter().any(|network| network.contains(ip));
    if !trusted(&peer) {
        return Some(peer);
    }
    let hops: Vec<IpAddr> = req
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map_while(|hop| hop.trim().parse().ok())
        .collect();
    hops.into_iter().rev().find(|hop| !trusted(hop)).or(Some(peer))
}

/// `User-Agent` on one line: control and format characters become spaces.
pub fn agent(req: &HttpRequest) -> String {
    let text = req.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    text.unwrap_or_default()
        .chars()
        .take(AGENT_LIMIT)
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{address, agent};
    use crate::config::Config;
    use actix_web::test::TestRequest;

    fn config(proxies: &str) -> Config {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().to_string_lossy().into_owned();
        Config::from([
            ("CREDENZA_DATA_DIR".to_owned(), data),
            ("CREDENZA_TRUSTED_PROXIES".to_owned(), proxies.to_owned()),
        ])
        .unwrap()
    }

    fn seen(peer: &str, forwarded: &str, proxies: &str) -> String {
        let req = TestRequest::default()
            .peer_addr(format!("{peer}:1").parse().unwrap())
            .insert_header(("x-forwarded-for", forwarded))
            .to_http_request();
        address(&req, &config(proxies)).unwrap().to_string()
    }

    #[test]
    fn t010_only_a_trusted_proxy_is_believed() {
        assert_eq!(seen("198.51.100.7", "203.0.113.9", "192.0.2.0/24"), "198.51.100.7");
        assert_eq!(seen("192.0.2.1", "10.9.9.9, 203.0.113.9", "192.0.2.0/24"), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", "203.0.113.9, 192.0.2.5", "192.0.2.0/24"), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", "nonsense", "192.0.2.0/24"), "192.0.2.1");
    }

    #[test]
    fn t082_agents_are_one_short_line() {
        let text = format!("a\u{9}b{}", "x".repeat(1000));
        let req = TestRequest::default().insert_header(("user-agent", text)).to_http_request();
        let agent = agent(&req);
        assert!(agent.starts_with("a b") && agent.chars().count() == 200);
    }
}
