//! Signing in for a call of a bot, where the method has a sign-in of its own.

use super::course::Course;
use super::held::Session;
use super::plan::Purpose;
use super::report::Report;
use super::run::{Context, stopped};
use super::{policy, token};
use crate::catalog::form::Values;
use crate::catalog::schema::{Grant, Integration, Method};
use std::time::Duration;

/// A sign-in takes no longer.
const WITHIN: Duration = Duration::from_secs(10);

/// Whether a method's token comes from a conversation with the service.
pub fn asks_the_service(method: &Method) -> bool {
    let by_client = method.oauth.as_ref().is_some_and(|oauth| oauth.grant == Grant::ClientCredentials);
    by_client || !method.steps.is_empty()
}

/// Signs in with these values; the token of a static method is made of them without a call.
///
/// # Errors
/// The report of a sign-in that did not come to a good end.
pub async fn sign_in(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
) -> Result<Session, Box<Report>> {
    let policy = policy::of(method, values, None);
    let mut course = Course::new(context.egress, &policy, WITHIN, vec![Purpose::SignIn.wish()]);
    let stop = match token::sign_in(&mut course, method, values, context.clock.now()).await {
        Ok(session) => return Ok(session),
        Err(stop) => stop,
    };
    let ended = course.end(true);
    Err(Box::new(stopped(context, integration, method, values, (WITHIN, true), &stop, ended)))
}
