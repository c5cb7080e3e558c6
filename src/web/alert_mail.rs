//! What the other admins of a workspace are told by mail when one of them does something risky.

use crate::error::Result;
use crate::mail::letter;
use crate::model::alert::Alert;
use crate::model::permission::Permission;
use crate::web::guard::{Can, SignedIn};
use actix_web::HttpRequest;

/// The alert that whoever asks did something: `what` goes on after their name, such as “made the token “Deploy””.
///
/// # Errors
/// A fault of ours.
pub fn of<P: Permission>(can: &Can<P>, req: &HttpRequest, what: &str) -> Result<Alert> {
    let (person, standing) = (SignedIn::of(req)?, &can.standing);
    let by = format!("{} ({})", standing.user.name, standing.user.email);
    let letter = letter::alert(&standing.workspace.name, &by, what, &person.actor.address)?;
    Ok(Alert { by: person.user, subject: letter.subject, text: letter.text })
}
