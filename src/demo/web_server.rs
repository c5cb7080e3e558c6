//! An HTTP/1.1 server on a loopback port that answers each request as it is told.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Bytes of a request's body at most.
const LARGEST: usize = 1024 * 1024;
/// How long [`Answer::Silence`] lasts where nobody gives up before.
const SILENCE: Duration = Duration::from_secs(60);

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The name that the TLS handshake asked for; none over plain HTTP.
    pub server_name: Option<String>,
}

impl Recorded {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without the question mark; empty when there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The value of the only header of that name; none when it came twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        found.next().filter(|_| found.next().is_none())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The entries of a form body.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What is done with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status with headers and a body.
    Reply(u16, Vec<(String, String)>, Vec<u8>),
    /// Nothing until the other side gives up.
    Silence,
    /// The connection is cut.
    Cut,
    /// Another answer, but later.
    Late(Duration, Box<Answer>),
}

impl Answer {
    /// A status with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self::Reply(status, vec![kind], body.to_string().into_bytes())
    }

    /// A status with a page.
    pub fn html(status: u16, body: &str) -> Self {
        let kind = ("content-type".to_owned(), "text/html; charset=utf-8".to_owned());
        Self::Reply(status, vec![kind], body.as_bytes().to_vec())
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        match self {
            Self::Reply(status, mut headers, body) => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Reply(status, headers, body)
            }
            other => other,
        }
    }
}

/// A running server; it stops when dropped.
pub struct WebServer {
    /// Where it listens.
    pub addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

type Respond = dyn Fn(Recorded) -> Answer + Send + Sync;

impl WebServer {
    /// Listens on a free port of 127.0.0.1, with TLS if given.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(
        tls: Option<Arc<ServerConfig>>,
        respond: impl Fn(Recorded) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(listen(listener, tls.map(TlsAcceptor::from), Arc::new(respond)));
        Ok(Self { addr, task })
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, respond: Arc<Respond>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, tls.clone(), respond.clone()));
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, respond: Arc<Respond>) {
    let Some(tls) = tls else { return talk(stream, None, respond).await };
    let Ok(stream) = tls.accept(stream).await else { return };
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    talk(stream, name, respond).await;
}

async fn talk<S>(stream: S, name: Option<String>, respond: Arc<Respond>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (name, respond) = (name.clone(), respond.clone());
        async move { answer(request, name, &*respond).await }
    });
    // How the other side leaves is its own affair.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    request: Request<Incoming>,
    server_name: Option<String>,
    respond: &Respond,
) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut next = respond(Recorded {
        method: parts.method.as_str().to_owned(),
        target: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v.as_bytes()))).collect(),
        body,
        server_name,
    });
    loop {
        match next {
            Answer::Reply(status, headers, body) => return reply(status, &headers, body),
            Answer::Late(pause, then) => {
                tokio::time::sleep(pause).await;
                next = *then;
            }
            Answer::Silence => {
                tokio::time::sleep(SILENCE).await;
                next = Answer::Cut;
            }
            Answer::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

fn reply(status: u16, headers: &[(String, String)], body: Vec<u8>) -> io::Result<Response<Full<Bytes>>> {
    let headers =
        headers.iter().fold(Response::builder().status(status), |made, (name, value)| made.header(name, value));
    headers.body(Full::new(Bytes::from(body))).map_err(io::Error::other)
}
