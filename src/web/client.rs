//! Who sends a request: the address, as far as trusted proxies tell it, and the client's description of itself.

use crate::config::Config;
use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use std::net::IpAddr;

/// Longer descriptions are cut.
const AGENT_LIMIT: usize = 200;

/// The client's address. `X-Forwarded-For` counts only from a trusted proxy: its entries are walked from the right as
/// long as whoever is reached is a trusted proxy itself. What stands left of the client, or of an entry that is no
/// address, was written by anybody.
pub fn address(req: &HttpRequest, config: &Config) -> Option<IpAddr> {
    let trusted = |ip: &IpAddr| config.trusted_proxies.iter().any(|network| network.contains(ip));
    let lines: Vec<&str> =
        req.headers().get_all("x-forwarded-for").map(|value| value.to_str().unwrap_or_default()).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(|hop| hop.trim().parse::<IpAddr>());
    let mut client = req.peer_addr()?.ip();
    while trusted(&client)
        && let Some(Ok(hop)) = hops.next()
    {
        client = hop;
    }
    Some(client)
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
    use std::net::SocketAddr;

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
            .peer_addr(SocketAddr::new(peer.parse().unwrap(), 1))
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
    fn t010_nothing_left_of_the_client_is_read() {
        let proxies = "192.0.2.0/24,2001:db8:ffff::/48";
        assert_eq!(seen("192.0.2.1", "1.2.3.4, x, 203.0.113.9", proxies), "203.0.113.9");
        assert_eq!(seen("192.0.2.1", "1.2.3.4, 203.0.113.9, 2001:db8:ffff::1", proxies), "203.0.113.9");
        assert_eq!(seen("2001:db8:ffff::1", "1.2.3.4, 2001:db8::9", proxies), "2001:db8::9");
        for junk in ["x", "", "203.0.113.9:80", "[2001:db8::9]", "unknown"] {
            assert_eq!(seen("192.0.2.1", &format!("1.2.3.4, {junk}"), proxies), "192.0.2.1", "{junk:?}");
            assert_eq!(seen("192.0.2.1", &format!("1.2.3.4, {junk}, 192.0.2.5"), proxies), "192.0.2.5", "{junk:?}");
        }
    }

    #[test]
    fn t010_lines_of_one_header_are_one_list() {
        let req = TestRequest::default()
            .peer_addr("192.0.2.1:1".parse().unwrap())
            .append_header(("x-forwarded-for", "1.2.3.4"))
            .append_header(("x-forwarded-for", "203.0.113.9"))
            .append_header(("x-forwarded-for", "192.0.2.5"))
            .to_http_request();
        assert_eq!(address(&req, &config("192.0.2.0/24")).unwrap().to_string(), "203.0.113.9");
    }

    #[test]
    fn t082_agents_are_one_short_line() {
        let text = format!("a\u{9}b{}", "x".repeat(1000));
        let req = TestRequest::default().insert_header(("user-agent", text)).to_http_request();
        let agent = agent(&req);
        assert!(agent.starts_with("a b") && agent.chars().count() == 200);
    }
}
