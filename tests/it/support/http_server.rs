//! An HTTP/1.1 server on a loopback port that gives prepared answers and keeps every request.

use rustls::ServerConfig;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request as it came in.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Headers in their order, names in lower case.
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

    /// The value of the only header of that name; fails when it came twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "{name} came twice");
        first
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
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
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self::Reply(status, vec![kind], body.to_string().into_bytes())
    }

    /// A status with a page.
    pub fn html(status: u16, body: &str) -> Self {
        let kind = ("content-type".to_owned(), "text/html; charset=utf-8".to_owned());
        Self::Reply(status, vec![kind], body.as_bytes().to_vec())
    }

    /// The same with one more header.
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
pub struct HttpServer {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Recorded>>,
}

impl HttpServer {
    /// Listens on a free port of 127.0.0.1 and answers one request after another from `script`; with
    /// `tls`, encrypted. A request beyond the script is recorded and answered 500.
    pub async fn start(tls: Option<Arc<ServerConfig>>, script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let state = Arc::new(State { script: Mutex::new(script.into()), requests: Mutex::default() });
        let task = tokio::spawn(listen(listener, tls.map(TlsAcceptor::from), state.clone()));
        Self { addr, state, task }
    }

    /// Adds an answer to the script.
    pub fn prepare(&self, answer: Answer) {
        self.state.script.lock().expect("script").push_back(answer);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().expect("requests").clone()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move { serve(stream, tls, &state).await });
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, state: &State) -> Option<()> {
    match tls {
        None => talk(stream, None, state).await,
        Some(tls) => {
            let stream = tls.accept(stream).await.ok()?;
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            talk(stream, name, state).await
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, name: Option<String>, state: &State) -> Option<()> {
    loop {
        let Some(mut request) = read_request(&mut stream).await else {
            // As servers do that are spoken to in TLS on a port for clear text.
            return write_answer(&mut stream, 400, &[], b"this is a port without TLS").await;
        };
        request.server_name.clone_from(&name);
        state.requests.lock().expect("requests").push(request);
        let next = state.script.lock().expect("script").pop_front();
        let mut next = next.unwrap_or_else(|| Answer::html(500, "nothing is prepared for this request"));
        while let Answer::Late(pause, then) = next {
            tokio::time::sleep(pause).await;
            next = *then;
        }
        match next {
            Answer::Late(..) => unreachable!("waited for above"),
            Answer::Reply(status, headers, body) => write_answer(&mut stream, status, &headers, &body).await?,
            Answer::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
            Answer::Cut => return None,
        }
    }
}

/// First byte of a TLS record that starts a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Recorded> {
    let mut head = vec![stream.read_u8().await.ok()?];
    if head == [TLS_HANDSHAKE] {
        return None;
    }
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head in UTF-8");
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (first.next()?, first.next()?);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let request = Recorded { method, target, headers, ..Recorded::default() };
    let length = request.header("content-length").map_or(0, |n| n.parse().expect("a length"));
    assert_eq!(request.header("transfer-encoding"), None, "this server reads bodies by their length only");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Recorded { body, ..request })
}

async fn write_answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status} Prepared\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if status != 204 && status != 304 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    stream.flush().await.ok()
}
