//! One HTTP request (RFC 9112): no redirects, no decoding, bounded head, body and time.

use super::fault::{Fault, Network};
use super::line::{Budgeted, Stream, is_over_budget};
use super::policy::Policy;
use super::target::{Mode, Target};
use super::trace::{Phase, Trace};
use super::{Egress, bounded, tls};
use crate::secret::Secret;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a body that are read; the rest is cut off.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Bytes of a response's head.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;
/// Bytes that are read for one answer, with interim answers and chunk frames.
const READ_LIMIT: usize = 4 * 64 * 1024;
/// Headers of a response.
pub(super) const HEADER_COUNT: usize = 100;

/// Headers of a request; every value counts as a secret.
#[derive(Default)]
pub struct Headers(pub(super) HeaderMap);

/// A header that may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// The name is none, or one that belongs to the connection and not to a credential.
    #[error("This header name cannot be used.")]
    Name,
    /// The value holds a line break or another control character.
    #[error("A header value must not hold line breaks or other control characters.")]
    Value,
}

impl Headers {
    /// Sets a header, in place of one of the same name.
    ///
    /// # Errors
    /// [`BadHeader`] for names of the connection (RFC 9110 §7.6.1), `Host`, lengths and encodings, for
    /// names that open metadata services, and for control characters.
    pub fn set(&mut self, name: &str, value: &Secret) -> Result<(), BadHeader> {
        let name = header_name(name)?;
        let mut value = HeaderValue::from_str(value.expose()).or_else(|_| utf8_value(value.expose()))?;
        value.set_sensitive(true);
        self.0.insert(name, value);
        Ok(())
    }

    /// Adds a header that somebody else wrote, beside others of the same name.
    ///
    /// # Errors
    /// As [`Headers::set`].
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), BadHeader> {
        let name = header_name(name)?;
        let mut value = HeaderValue::from_bytes(value).map_err(|_| BadHeader::Value)?;
        value.set_sensitive(true);
        self.0.append(name, value);
        Ok(())
    }

    /// The values that are set, as texts where they are texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// The names that are set, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(HeaderName::as_str)
    }

    /// Whether a header of that name is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn utf8_value(text: &str) -> Result<HeaderValue, BadHeader> {
    if text.chars().any(char::is_control) {
        return Err(BadHeader::Value);
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| BadHeader::Value)
}

/// Checks a header name as [`Headers::set`] does.
///
/// # Errors
/// [`BadHeader::Name`].
pub fn header_name(text: &str) -> Result<HeaderName, BadHeader> {
    let name = HeaderName::try_from(text).map_err(|_| BadHeader::Name)?;
    let lower = name.as_str();
    let metadata = ["x-aws-ec2-metadata-token", "metadata-flavor", "x-google-metadata-request"];
    if OF_THE_CONNECTION.contains(&lower)
        || lower.starts_with("proxy-")
        || metadata.iter().any(|m| lower.starts_with(m))
    {
        return Err(BadHeader::Name);
    }
    Ok(name)
}

const OF_THE_CONNECTION: [&str; 12] = [
    "host",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "http2-settings",
];

/// One request.
pub struct Request {
    /// Method in capitals.
    pub method: hyper::Method,
    /// Where to.
    pub target: Target,
    /// Its headers.
    pub headers: Headers,
    /// Content type and content.
    pub body: Option<(&'static str, Secret)>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {:?})", self.method, self.target)
    }
}

/// What came back. Its headers and body may echo secrets, so that `Debug` shows the status only.
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    /// Whether the body was longer than [`BODY_LIMIT`].
    pub cut: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<Secret> {
        let value = self.headers.get(name)?;
        value.to_str().ok().map(|text| Secret::new(text.to_owned()))
    }

    /// The value of a cookie that was set (RFC 6265 §5.2); the last one counts.
    pub fn cookie(&self, name: &str) -> Option<Secret> {
        let set = self.headers.get_all(hyper::header::SET_COOKIE);
        let mut pairs = set.iter().filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='));
        pairs
            .rfind(|(key, _)| key.trim() == name)
            .map(|(_, value)| Secret::new(value.trim().trim_matches('"').to_owned()))
    }

    /// The body as far as it was read.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as JSON; `None` when it is not, or was cut.
    pub fn json(&self) -> Option<serde_json::Value> {
        if self.cut { None } else { serde_json::from_slice(&self.body).ok() }
    }
}

impl Egress {
    /// Makes one request to a judged and pinned address. Redirects come back as they are.
    ///
    /// # Errors
    /// A [`Fault`]; the trace tells how far it came.
    pub async fn http(&self, request: Request, policy: &Policy, trace: &mut Trace) -> Result<Answer, Fault> {
        bounded(trace, async |trace| {
            if !request.target.mode().is_http() {
                return Err(Fault::Protocol);
            }
            let (stream, _) = self.open(&request.target, policy, trace).await?;
            if request.target.mode() == Mode::Http {
                trace.begin(Phase::Request);
                return exchange(stream, request).await;
            }
            trace.begin(Phase::Tls);
            let stream =
                tls::encrypt(stream, request.target.host(), &[b"http/1.1"], self.dialer.roots(), policy).await?;
            trace.begin(Phase::Request);
            exchange(stream, request).await
        })
        .await
    }
}

async fn exchange<S: Stream + 'static>(stream: S, request: Request) -> Result<Answer, Fault> {
    let io = TokioIo::new(Budgeted::new(stream, READ_LIMIT));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .max_headers(HEADER_COUNT)
        .handshake::<_, Full<Bytes>>(io)
        .await
        .map_err(|error| fault(&error))?;
    let talk = async {
        let (parts, body) = sender.send_request(wire(request)?).await.map_err(|error| fault(&error))?.into_parts();
        let (body, cut) = read(body).await?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, cut })
    };
    // The connection only drives the talk: its end is seen there, after all that was received.
    let drive = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = talk => answer,
        () = drive => Err(Fault::Network(Network::Reset)),
    }
}

fn wire(request: Request) -> Result<hyper::Request<Full<Bytes>>, Fault> {
    let (content_type, content) = request.body.map_or((None, Zeroizing::default()), |(content_type, content)| {
        (Some(content_type), Zeroizing::new(content.expose().as_bytes().to_vec()))
    });
    let mut made = hyper::Request::new(Full::new(Bytes::from_owner(content)));
    *made.method_mut() = request.method;
    *made.uri_mut() = request.target.resource().expose().parse().map_err(|_| Fault::Protocol)?;
    let mut headers = request.headers.0;
    let host = HeaderValue::from_str(&request.target.authority()).map_err(|_| Fault::Protocol)?;
    headers.insert(HOST, host);
    let usual = [
        (USER_AGENT, Some(concat!("Credenza/", env!("CARGO_PKG_VERSION")))),
        (ACCEPT, Some("application/json, */*;q=0.5")),
        (CONTENT_TYPE, content_type),
    ];
    for (name, value) in usual {
        if let Some(value) = value {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
    *made.headers_mut() = headers;
    Ok(made)
}

async fn read(mut body: Incoming) -> Result<(Zeroizing<Vec<u8>>, bool), Fault> {
    let mut read = Zeroizing::new(Vec::with_capacity(BODY_LIMIT));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| fault(&error))?.into_data() else { continue };
        let room = BODY_LIMIT - read.len();
        read.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((read, true));
        }
    }
    Ok((read, false))
}

pub(super) fn fault(error: &hyper::Error) -> Fault {
    let mut below = error.source();
    while let Some(inner) = below {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return if is_over_budget(io) { Fault::Protocol } else { Fault::Network(Network::from(io)) };
        }
        below = inner.source();
    }
    if error.is_parse() || error.is_user() { Fault::Protocol } else { Fault::Network(Network::Reset) }
}

#[cfg(test)]
mod tests {
    use super::{BadHeader, Headers};
    use crate::secret::Secret;

    #[test]
    fn t051_headers_of_the_connection_and_control_characters_are_refused() {
        let mut headers = Headers::default();
        let mut set = |name: &str, value: &str| headers.set(name, &Secret::new(value.to_owned()));
        for name in [
            "Host",
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "X-aws-ec2-metadata-token-ttl-seconds",
            "a b",
            "a\r\nb",
            "",
            "Proxy-Authorization",
        ] {
            assert_eq!(set(name, "x"), Err(BadHeader::Name), "{name}");
        }
        for value in ["a\r\nX: y", "a\nb", "a\0b", "\u{7f}"] {
            assert_eq!(set("X-Key", value), Err(BadHeader::Value), "{value:?}");
        }
        assert_eq!(set("X-Key", "käse"), Ok(()));
        assert_eq!(set("access_token", "x"), Ok(()));
    }
}
