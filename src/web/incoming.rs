//! The body of a request as it comes. What is read of it makes room for more.

use crate::web::connection::Turns;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::{FromRequest, HttpRequest};
use bytes::Bytes;
use futures_util::Stream;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body that has not been read yet. Every body is read through this: the connection takes no more in otherwise.
pub struct Incoming {
    payload: Payload,
    turns: Option<Turns>,
    /// How long it is said to be, if that is said.
    pub declared: Option<usize>,
}

impl Incoming {
    /// The body of a request.
    pub fn of(req: &HttpRequest, payload: &mut Payload) -> Self {
        let declared = req.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        Self { payload: payload.take(), turns: req.conn_data::<Turns>().cloned(), declared }
    }
}

impl FromRequest for Incoming {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req, payload)))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = Pin::new(&mut self.payload).poll_next(cx);
        match (&piece, &self.turns) {
            (Poll::Ready(Some(Ok(piece))), Some(turns)) => turns.read(piece.len()),
            // All of it was read. What else came is not of the body: the sizes of its pieces.
            (Poll::Pending, Some(turns)) => turns.read(usize::MAX),
            _ => {}
        }
        piece
    }
}
