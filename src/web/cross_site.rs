//! Unsafe requests are accepted from our own pages only.

use crate::app::App;
use crate::error::Error;
use crate::web::answer::Fault;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use actix_web::middleware::Next;
use actix_web::web;
use url::Url;

/// Refuses an unsafe request with 403 unless `Sec-Fetch-Site` says `same-origin` or, where the browser does
/// not send it, `Origin` is ours.
pub async fn guard<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let safe = matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    let ours = req.app_data::<web::Data<App>>().is_some_and(|app| is_ours(req.headers(), &app.config.public_url));
    if safe || ours {
        Ok(next.call(req).await?.map_into_left_body())
    } else {
        Ok(req.error_response(Fault(Error::CrossSite)).map_into_right_body())
    }
}

fn is_ours(headers: &HeaderMap, public_url: &Url) -> bool {
    let one = |name: &str| {
        let mut all = headers.get_all(name);
        let first = all.next().and_then(|value| value.to_str().ok());
        all.next().is_none().then_some(first).flatten()
    };
    if headers.contains_key("sec-fetch-site") {
        return one("sec-fetch-site") == Some("same-origin");
    }
    let Some(origin) = one(ORIGIN.as_str()).and_then(|origin| Url::parse(origin).ok()) else { return false };
    origin.origin() == public_url.origin()
        || (is_loopback(&origin) && is_loopback(public_url) && same_way(&origin, public_url))
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn same_way(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.port_or_known_default() == b.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::is_ours;
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use url::Url;

    fn asked(headers: &[(&'static str, &'static str)], public: &str) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_ours(&map, &Url::parse(public).unwrap())
    }

    #[test]
    fn t062_where_an_unsafe_request_may_come_from() {
        let public = "https://console.example";
        assert!(asked(&[("sec-fetch-site", "same-origin"), ("origin", "null")], public));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!asked(&[("sec-fetch-site", site), ("origin", "https://console.example")], public), "{site}");
        }
        assert!(!asked(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], public));
        assert!(asked(&[("origin", "https://console.example")], public));
        for origin in ["https://evil.example", "http://console.example", "https://console.example:444", "null", ""] {
            assert!(!asked(&[("origin", origin)], public), "{origin}");
        }
        assert!(!asked(&[], public));
    }

    #[test]
    fn t062_loopback_names_are_one_origin() {
        let public = "http://127.0.0.1:8080";
        assert!(asked(&[("origin", "http://localhost:8080")], public));
        assert!(asked(&[("origin", "http://[::1]:8080")], public));
        assert!(!asked(&[("origin", "http://localhost:9090")], public));
        assert!(!asked(&[("origin", "https://localhost:8080")], public));
    }
}
