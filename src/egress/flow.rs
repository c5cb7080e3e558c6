//! One HTTP request whose bodies flow through: bounded in silence, in time and in size, and never held as a whole.

use super::fault::{Fault, Network};
use super::http::{HEAD_LIMIT, HEADER_COUNT, Headers, fault};
use super::line::Stream as Line;
use super::paced::Paced;
use super::policy::Policy;
use super::target::{Mode, Target};
use super::trace::{Phase, Trace};
use super::{Egress, bounded, tls};
use futures_util::Stream;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT_ENCODING, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a flow may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// So long nothing may move.
    pub idle: Duration,
    /// So long everything may take.
    pub whole: Duration,
    /// So many bytes a body may have, in each direction.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), whole: Duration::from_secs(600), bytes: 256 << 20 }
    }
}

/// Pieces of a body as somebody sends them.
pub type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>>>>;

/// The body of a request.
#[derive(Default)]
pub struct Upload {
    /// Its pieces; none for a request without a body.
    pub pieces: Option<Pieces>,
    /// Its length, where it was said.
    pub length: Option<u64>,
}

impl Upload {
    /// A body that is there as a whole.
    pub fn whole(bytes: Bytes) -> Self {
        let length = u64::try_from(bytes.len()).ok();
        Self { pieces: Some(Box::pin(futures_util::stream::iter([Ok(bytes)]))), length }
    }
}

/// One request.
pub struct Outgoing {
    /// Method in capitals.
    pub method: hyper::Method,
    /// Where to.
    pub target: Target,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Upload,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} {:?})", self.method, self.target)
    }
}

/// An answer whose body is still to come. Headers and body may echo secrets, so that `Debug` shows the status only.
pub struct Flowing {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Download,
}

impl fmt::Debug for Flowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flowing({})", self.status)
    }
}

/// The pieces of an answer's body. The connection is driven by whoever reads them, and closed when they are dropped.
pub struct Download {
    connection: Option<Driven>,
    body: Incoming,
    left: u64,
}

type Driven = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

impl Egress {
    /// Begins one request to a judged and pinned address; its answer comes with the body still under way. Redirects
    /// come back as they are, and the answer is asked for without an encoding.
    ///
    /// The trace's deadline bounds the way to the encrypted connection, `bounds` everything behind it.
    ///
    /// # Errors
    /// A [`Fault`]; the trace tells how far it came.
    pub async fn flow(
        &self,
        outgoing: Outgoing,
        policy: &Policy,
        bounds: Bounds,
        trace: &mut Trace,
    ) -> Result<Flowing, Fault> {
        let opened = bounded(trace, async |trace| {
            if !outgoing.target.mode().is_http() {
                return Err(Fault::Protocol);
            }
            let (stream, _) = self.open(&outgoing.target, policy, trace).await?;
            if outgoing.target.mode() == Mode::Http {
                return Ok(Box::new(stream) as Box<dyn Line>);
            }
            trace.begin(Phase::Tls);
            let host = outgoing.target.host();
            let stream = tls::encrypt(stream, host, &[b"http/1.1"], self.dialer.roots(), policy).await?;
            Ok(Box::new(stream) as Box<dyn Line>)
        });
        let line = Paced::new(opened.await?, bounds.idle, bounds.whole);
        trace.begin(Phase::Request);
        let answer = begin(line, outgoing, bounds.bytes).await;
        trace.end(answer.is_ok());
        answer
    }
}

async fn begin(line: Paced<Box<dyn Line>>, outgoing: Outgoing, most: u64) -> Result<Flowing, Fault> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .max_headers(HEADER_COUNT)
        .handshake::<_, Sent>(TokioIo::new(line))
        .await
        .map_err(|error| fault(&error))?;
    let mut connection: Option<Driven> = Some(Box::pin(connection));
    let mut answer = Box::pin(sender.send_request(wire(outgoing, most)?));
    let answer = std::future::poll_fn(|cx| {
        let ended = drive(&mut connection, cx);
        match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.map_err(|error| fault(&error))),
            // What the connection ended with says more than that there is no answer.
            Poll::Pending => match ended {
                Some(Err(error)) => Poll::Ready(Err(fault(&error))),
                Some(Ok(())) => Poll::Ready(Err(Fault::Network(Network::Reset))),
                None => Poll::Pending,
            },
        }
    });
    let (parts, body) = answer.await?.into_parts();
    if parts.status.is_informational() {
        return Err(Fault::Protocol);
    }
    let body = Download { connection, body, left: most };
    Ok(Flowing { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Moves a connection on; what it ended with, when it ends.
fn drive(connection: &mut Option<Driven>, cx: &mut Context<'_>) -> Option<hyper::Result<()>> {
    match connection.as_mut()?.as_mut().poll(cx) {
        Poll::Ready(ended) => {
            *connection = None;
            Some(ended)
        }
        Poll::Pending => None,
    }
}

fn wire(outgoing: Outgoing, most: u64) -> Result<hyper::Request<Sent>, Fault> {
    let Upload { pieces, length } = outgoing.body;
    if length.is_some_and(|length| length > most) {
        return Err(Fault::Protocol);
    }
    let mut made =
        hyper::Request::new(Sent { length: pieces.as_ref().map_or(Some(0), |_| length), pieces, left: most });
    *made.method_mut() = outgoing.method;
    *made.uri_mut() = outgoing.target.resource().expose().parse().map_err(|_| Fault::Protocol)?;
    let mut headers = outgoing.headers.0;
    headers.insert(HOST, HeaderValue::from_str(&outgoing.target.authority()).map_err(|_| Fault::Protocol)?);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = concat!("Credenza/", env!("CARGO_PKG_VERSION"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(agent));
    *made.headers_mut() = headers;
    Ok(made)
}

/// A request's body on its way, no longer than its bound.
struct Sent {
    pieces: Option<Pieces>,
    length: Option<u64>,
    left: u64,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(pieces) = &mut self.pieces else { return Poll::Ready(None) };
        let piece = match pieces.as_mut().poll_next(cx) {
            Poll::Ready(Some(piece)) => piece,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let piece = piece.and_then(|piece| match self.left.checked_sub(piece.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(Frame::data(piece))
            }
            None => Err(io::Error::other("a body beyond its bound")),
        });
        Poll::Ready(Some(piece))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        drop(drive(&mut this.connection, cx));
        loop {
            let frame = match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(fault(&error)))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            // Trailers are not passed on.
            let Ok(piece) = frame.into_data() else { continue };
            return Poll::Ready(Some(match this.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    this.left = left;
                    Ok(piece)
                }
                None => Err(Fault::Protocol),
            }));
        }
    }
}
