//! Addresses and heads that no page can be asked with, and addresses as the log may tell them.

use crate::crypto::bot_token;
use crate::error::Error;
use crate::web::answer::Fault;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

/// The largest head: the address, and the names and values of all headers.
const LARGEST_HEAD: usize = 16 << 10;
/// The most headers.
const MOST_HEADERS: usize = 100;
/// What follows these opens something for whoever reads it.
const ONE_TIME_LINKS: [&str; 3] = ["/password/reset/", "/invitations/", "/account/email/"];
/// What follows this is passed on to a service, and may hold what belongs to nobody else.
const PASSED_ON: &str = "/proxy/";

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

/// The path of a request for the log: without the token of a one-time link, without what is passed on to a service.
pub fn logged(path: &str) -> String {
    if let Some(link) = ONE_TIME_LINKS.iter().find(|link| path.starts_with(**link)) {
        return format!("{link}(a token)");
    }
    let end = path.find(PASSED_ON).map_or(path.len(), |at| at + PASSED_ON.len());
    let shown = path.get(..end).unwrap_or_default();
    if bot_token::within(shown).is_empty() { shown.to_owned() } else { "(a token)".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::logged;
    use crate::crypto::bot_token::mint;
    use crate::crypto::random::Random;

    #[test]
    fn t068_what_opens_something_is_cut_from_a_path() {
        let token = mint(&Random::system()).unwrap().text;
        let token = token.expose();
        for (path, shown) in [
            ("/w/acme/invitations/0192/withdrawal", "/w/acme/invitations/0192/withdrawal"),
            ("/password/forgot", "/password/forgot"),
            ("/account/email", "/account/email"),
            ("/password/reset/abc", "/password/reset/(a token)"),
            ("/invitations/abc/", "/invitations/(a token)"),
            ("/account/email/abc", "/account/email/(a token)"),
            ("/api/v1/credentials/shop/proxy/v2/abc", "/api/v1/credentials/shop/proxy/"),
            (format!("/{token}").as_str(), "(a token)"),
        ] {
            assert_eq!(logged(path), shown);
        }
    }
}
