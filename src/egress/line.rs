//! An open connection that gives no more than its budget.

use super::fault::{Fault, Network};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A stream that ends with [`OverBudget`] once it has given as many bytes as it may.
pub(super) struct Budgeted<S> {
    inner: S,
    left: usize,
}

/// The other side says more than the limits.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than the limit")]
pub(super) struct OverBudget;

impl<S> Budgeted<S> {
    pub fn new(inner: S, budget: usize) -> Self {
        Self { inner, left: budget }
    }

    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// Whether an I/O error, or one below it, is [`OverBudget`].
pub(super) fn is_over_budget(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<OverBudget>())
}

/// What an I/O error on a [`Budgeted`] stream means.
pub(super) fn fault(error: &io::Error) -> Fault {
    if is_over_budget(error) { Fault::Protocol } else { Fault::Network(Network::from(error)) }
}

impl<S: AsyncRead + Unpin> AsyncRead for Budgeted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other(OverBudget)));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Budgeted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
