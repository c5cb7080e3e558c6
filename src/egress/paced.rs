//! An open connection that ends when nothing moves on it for a while, or when its whole time is over.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream with a limit on silence and one on everything.
pub(super) struct Paced<S> {
    inner: S,
    idle: Duration,
    moved: Instant,
    /// Fires when nothing has moved for `idle`, or early, and is then set anew.
    quiet: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    /// Starts both clocks.
    pub fn new(inner: S, idle: Duration, whole: Duration) -> Self {
        let now = Instant::now();
        let (quiet, end) = (Box::pin(sleep_until(now + idle)), Box::pin(sleep_until(now + whole)));
        Self { inner, idle, moved: now, quiet, end }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.end.as_mut().poll(cx).is_ready() {
            return true;
        }
        while self.quiet.as_mut().poll(cx).is_ready() {
            let until = self.moved + self.idle;
            if until <= Instant::now() {
                return true;
            }
            self.quiet.as_mut().reset(until);
        }
        false
    }

    fn judged<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>, moved: bool) -> Poll<io::Result<T>> {
        if moved {
            self.moved = Instant::now();
        }
        // Looked at each time, so that an endless trickle cannot outlive the whole time.
        let over = self.end.is_elapsed() || (done.is_pending() && self.is_over(cx));
        if over { Poll::Ready(Err(ErrorKind::TimedOut.into())) } else { done }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.inner).poll_read(cx, buf);
        let moved = buf.filled().len() > before;
        self.judged(cx, done, moved)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write(cx, bytes);
        let moved = done.is_ready();
        self.judged(cx, done, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        let moved = done.is_ready();
        self.judged(cx, done, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
