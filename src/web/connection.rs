//! A connection that ends when its other side is too slow to say what it wants, or to take what it asked for.
//!
//! While a request is being answered the handler's own limits hold. Before and after, whatever has begun to come
//! must become a request in ten seconds: bytes of a head, or what is left of a body that nobody reads. Meanwhile no
//! more of a body is taken in than whoever reads it has room for.

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use actix_web::rt::net::TcpStream;
use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What has begun to come must be a request within this.
pub const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A connection over which nothing comes is kept for so long.
pub const KEPT_FOR: Duration = Duration::from_secs(75);
/// An answer must be taken further within this.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// The first head is the server's to judge, which answers 408; this is a little later.
const SLACK: Duration = Duration::from_secs(2);

/// So much of a body is taken in ahead of whoever reads it.
const WINDOW: usize = 16 << 10;

/// What a connection and the layers around its requests tell each other.
#[derive(Clone, Default)]
pub struct Turns(Rc<Told>);

#[derive(Default)]
struct Told {
    /// How often it turned from waiting to answering and back; odd while it is answering.
    turns: Cell<u64>,
    /// How many bodies it passes on.
    streams: Cell<u64>,
    /// What was taken in since the turn that nobody has read.
    ahead: Cell<usize>,
    /// Who takes in more once it was read.
    stopped: RefCell<Option<Waker>>,
}

/// A request is being answered for as long as this lives.
pub struct Answering(Option<Turns>);

/// Says that the request is being answered from now on.
pub fn answering(req: &ServiceRequest) -> Answering {
    let turns = req.conn_data::<Turns>().cloned();
    if let Some(turns) = &turns {
        turns.turn();
    }
    Answering(turns)
}

/// A body is being passed on for as long as this lives: it has limits of its own.
pub struct Streaming(Option<Turns>);

/// Says that a body is passed on from now on, which outlives the answer's head.
pub fn streaming(req: &HttpRequest) -> Streaming {
    let turns = req.conn_data::<Turns>().cloned();
    if let Some(turns) = &turns {
        turns.0.streams.set(turns.0.streams.get() + 1);
    }
    Streaming(turns)
}

impl Drop for Streaming {
    fn drop(&mut self) {
        if let Some(turns) = &self.0 {
            turns.0.streams.set(turns.0.streams.get().saturating_sub(1));
            // Twice, so that the connection takes notice and answers as little as before.
            turns.turn();
            turns.turn();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(turns) = &self.0 {
            turns.turn();
        }
    }
}

impl Turns {
    fn turn(&self) {
        self.0.turns.set(self.0.turns.get() + 1);
        self.read(usize::MAX);
    }

    fn is_answering(&self) -> bool {
        self.0.turns.get() % 2 == 1 || self.0.streams.get() > 0
    }

    /// So many bytes of a body were read.
    pub fn read(&self, bytes: usize) {
        self.0.ahead.set(self.0.ahead.get().saturating_sub(bytes));
        if let Some(stopped) = self.0.stopped.take() {
            stopped.wake();
        }
    }

    /// Whether nobody has room for more now; whoever asks is woken when that changes. While no request is being
    /// answered that is at once, when what has come was looked at: it may be a head, or a body to be passed over.
    fn stops(&self, cx: &Context<'_>) -> bool {
        if self.0.ahead.get() < WINDOW {
            return false;
        }
        if self.is_answering() {
            self.0.stopped.replace(Some(cx.waker().clone()));
        } else {
            self.0.ahead.set(0);
            cx.waker().wake_by_ref();
        }
        true
    }
}

/// A connection with its limits.
pub struct Watched {
    stream: TcpStream,
    turns: Turns,
    seen: u64,
    /// Until when a request must have come.
    coming: Limit,
    /// Until when an answer must be taken further.
    taking: Limit,
}

impl Watched {
    /// Watches a connection that was just opened.
    pub fn new(stream: TcpStream) -> Self {
        // A page leaves in parts: without this the last one waits for the delayed answer to those before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection could not be told to send at once");
        }
        let coming = Limit { until: Some(Instant::now() + HEAD_WITHIN + SLACK), sleep: None };
        Self { stream, turns: Turns::default(), seen: 0, coming, taking: Limit::default() }
    }

    /// What the layers around a request turn.
    pub fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// The other side's address.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// Takes notice of a request that began or ended meanwhile.
    fn follow(&mut self) {
        let turns = self.turns.0.turns.get();
        if turns != self.seen {
            self.seen = turns;
            self.coming.until = (!self.turns.is_answering()).then(|| Instant::now() + KEPT_FOR);
        }
    }

    fn judge_read(&mut self, cx: &mut Context<'_>, read: Poll<Result<()>>, came: bool) -> Poll<Result<()>> {
        self.follow();
        if self.turns.is_answering() {
            return read;
        }
        if came {
            self.coming.no_later_than(HEAD_WITHIN);
        }
        match read {
            Poll::Ready(Ok(())) if came && !self.coming.has_passed() => read,
            Poll::Ready(Ok(())) if came => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending if self.coming.is_over(cx) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            read => read,
        }
    }

    fn judge_write(&mut self, cx: &mut Context<'_>, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if written.is_ready() {
            self.taking.until = None;
            return written;
        }
        self.taking.until.get_or_insert_with(|| Instant::now() + TAKEN_WITHIN);
        if self.taking.is_over(cx) { Poll::Ready(Err(Error::from(ErrorKind::TimedOut))) } else { written }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.turns.stops(cx) {
            return Poll::Pending;
        }
        let (before, ahead) = (buffer.filled().len(), self.turns.0.ahead.get());
        let room = WINDOW.saturating_sub(ahead);
        let read = if buffer.remaining() <= room {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        } else {
            // The server's buffer grows whenever it is filled, and never shrinks.
            let mut part = [0; WINDOW];
            let mut part = ReadBuf::new(&mut part[..room]);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut part);
            buffer.put_slice(part.filled());
            read
        };
        let came = buffer.filled().len() - before;
        self.turns.0.ahead.set(ahead + came);
        self.judge_read(cx, read, came > 0)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.judge_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An instant, and the timer that wakes the connection at it; made only when there is something to wait for.
#[derive(Default)]
struct Limit {
    until: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    fn no_later_than(&mut self, after: Duration) {
        let latest = Instant::now() + after;
        self.until = Some(self.until.map_or(latest, |until| until.min(latest)));
    }

    fn has_passed(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(until) = self.until else { return false };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx).is_ready()
    }
}
