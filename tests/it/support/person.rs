//! Somebody with a browser: keeps cookies, says where a request comes from, follows no redirect.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use scraper::{Html, Selector};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "seven green kettles hum";

/// One browser.
#[derive(Clone)]
pub struct Person {
    http: Client,
    base: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The only header of this name, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next().map(|value| value.to_str().expect("a header of text"));
        assert!(all.next().is_none(), "{name} came twice");
        first
    }

    /// Where it leads, without the query.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default().split('?').next().unwrap_or_default()
    }

    /// The texts of the elements that match a CSS selector.
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).expect("a selector");
        let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Html::parse_document(&self.body).select(&selector).map(|e| words(e.text().collect())).collect()
    }

    /// An attribute of the elements that match a CSS selector, where they have it.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let selector = Selector::parse(selector).expect("a selector");
        let page = Html::parse_document(&self.body);
        page.select(&selector).filter_map(|e| e.value().attr(name).map(str::to_owned)).collect()
    }

    /// The same, for a status that must be.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl Person {
    /// Somebody who has not signed in, at the console of this address.
    pub fn new(base: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("same-origin"));
        Self { http: client(headers), base: base.to_owned() }
    }

    /// Somebody whose requests do not say where they come from.
    pub fn bare(base: &str) -> Self {
        Self { http: client(HeaderMap::new()), base: base.to_owned() }
    }

    /// A request that is still to be sent with [`sent`].
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Asks for a page.
    pub async fn get(&self, path: &str) -> Reply {
        sent(self.request("GET", path)).await
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        sent(self.request("POST", path).form(form)).await
    }

    /// Sends a form as htmx does.
    pub async fn post_htmx(&self, path: &str, form: &[(&str, &str)]) -> Reply {
        sent(self.request("POST", path).header("HX-Request", "true").form(form)).await
    }

    /// Signs in with everybody's password.
    pub async fn sign_in(&self, email: &str) -> Reply {
        self.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await
    }
}

fn client(headers: HeaderMap) -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .default_headers(headers)
        .build()
        .expect("a client")
}

/// Sends a request and reads the answer.
pub async fn sent(request: RequestBuilder) -> Reply {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, body: response.text().await.expect("a body") }
}
