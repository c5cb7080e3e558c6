//! Addresses that no page can be asked with.

use crate::error::Error;
use crate::web::answer::Fault;
use actix_web::HttpResponse;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

/// Answers 400 to an address with a NUL in it: PostgreSQL has no text that could be compared with it.
pub async fn guard<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    if req.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00")) {
        let refused = HttpResponse::from_error(Fault(Error::BadRequest("This address has a NUL in it.".into())));
        return Ok(req.into_response(refused).map_into_right_body());
    }
    Ok(next.call(req).await?.map_into_left_body())
}
