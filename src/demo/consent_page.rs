//! The page where people agree, in place of those of all services.

use super::web_server::{Answer, Recorded, WebServer};
use crate::error::{Error, Result};
use askama::Template;
use std::collections::BTreeMap;
use url::Url;

/// A company's number, for services that name it beside the code.
const COMPANY: &str = "9130350000000000";

/// The page, until it is dropped.
pub struct ConsentPage {
    web: WebServer,
}

/// What it says.
#[derive(Template)]
#[template(path = "demo/consent.html")]
struct Page<'a> {
    scopes: &'a str,
    agree: &'a str,
    refuse: &'a str,
}

impl ConsentPage {
    /// Serves it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start() -> Result<Self> {
        Ok(Self { web: WebServer::start(None, |request| answer(&request)).await.map_err(Error::unavailable)? })
    }

    /// Its address; what would be asked of a service goes behind it.
    pub fn address(&self) -> String {
        format!("http://{}/consent", self.web.addr)
    }
}

fn answer(request: &Recorded) -> Answer {
    let asked: BTreeMap<String, String> =
        url::form_urlencoded::parse(request.query().as_bytes()).into_owned().collect();
    let text = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let back = Url::parse(text("redirect_uri")).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let (Some(back), "/consent") = (back, request.path()) else {
        return Answer::html(404, "There is nothing here.");
    };
    let with = |pairs: &[(&str, &str)]| {
        let mut url = back.clone();
        url.query_pairs_mut().extend_pairs(pairs).append_pair("state", text("state"));
        url.to_string()
    };
    // Several services exchange codes at one address: the code says for which it is.
    let code = format!("code-{}", text("method"));
    let agree = with(&[("code", code.as_str()), ("realmId", COMPANY)]);
    let refuse = with(&[("error", "access_denied")]);
    match (Page { scopes: text("scope"), agree: &agree, refuse: &refuse }).render() {
        Ok(html) => Answer::html(200, &html),
        Err(_) => Answer::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Recorded, answer};

    fn asked(query: &str) -> (u16, String) {
        let target = format!("/consent?{query}");
        match answer(&Recorded { target, ..Recorded::default() }) {
            Answer::Reply(status, _, body) => (status, String::from_utf8(body).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_leads_back_with_a_code_or_a_refusal() {
        let (status, html) = asked(
            "redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Foauth%2Fcallback&state=s%22%3E&scope=a+b&method=shop.oauth",
        );
        assert_eq!(status, 200);
        assert!(html.contains("http://127.0.0.1:8080/oauth/callback?code=code-shop.oauth"), "{html}");
        assert!(
            html.contains("error=access_denied") && html.contains("state=s%22%3E") && html.contains("a b"),
            "{html}"
        );
    }

    #[test]
    fn it_leads_to_pages_only() {
        for query in ["", "redirect_uri=javascript%3Aalert(1)&state=x", "redirect_uri=data%3A%2C", "redirect_uri=x"] {
            assert_eq!(asked(query).0, 404, "{query}");
        }
    }
}
