//! Addresses and heads that no page can be asked with.

use crate::error::Error;
use crate::web::answer::Fault;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

/// The largest head: the address, and the names and values of all headers.
const LARGEST_HEAD: usize = 16 << 10;
/// The most headers.
const MOST_HEADERS: usize = 100;

/// Answers 431 to a head beyond the limits, and 400 to an address with a NUL in it: PostgreSQL has no text that
/// could be compared with it.
pub async fn guard<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    let Some(refused) = refusal(&req) else { return Ok(next.call(req).await?.map_into_left_body()) };
    Ok(req.error_response(Fault(refused)).map_into_right_body())
}

/// Why a request cannot be looked at, whatever it is for.
pub fn refusal(req: &ServiceRequest) -> Option<Error> {
    if req.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00")) {
        return Some(Error::BadRequest("This address has a NUL in it.".into()));
    }
    is_too_large(req).then_some(Error::HeadTooLarge)
}

fn is_too_large(req: &ServiceRequest) -> bool {
    let address = req.uri().path_and_query().map_or(0, |address| address.as_str().len());
    // As they are sent, with a colon, a space and the end of the line.
    let headers: usize = req.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    address + headers > LARGEST_HEAD || req.headers().len() > MOST_HEADERS
}
