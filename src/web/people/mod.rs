//! The pages of people: members, invitations, the mails that were sent to them.

pub mod departure;
pub mod invitations;
pub mod invited;
pub mod mail;
pub mod members;
pub mod removal;

use crate::error::{Error, Result};
use crate::id::Id;
use actix_web::HttpRequest;

/// The id that stands at `name` in the address; [`Error::NotFound`] if it cannot be one.
fn part<K>(req: &HttpRequest, name: &str) -> Result<Id<K>> {
    req.match_info().get(name).and_then(Id::parse).ok_or(Error::NotFound)
}
