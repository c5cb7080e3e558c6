//! One mail that a person sends to themselves with a credential. No check sends any.

use super::course::Course;
use super::held::{Held, Session};
use super::inject::Unfit;
use super::report::{Outcome, Report};
use super::rules::{Verdict, judge};
use super::run::{Context, bad, facts, report};
use super::seen::Stop;
use super::{login, policy, token};
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::egress::fault::SmtpCode;
use crate::egress::smtp::{Letter, Part};
use std::time::Duration;

/// From the look-up of the name until the server has taken the mail.
const WITHIN: Duration = Duration::from_secs(30);

/// Whether credentials of a method sign in where mail is handed over.
pub fn can_send(method: &Method) -> bool {
    method.check.smtp.is_some()
}

/// Signs in as the check does and hands the mail over. Never fails: what went wrong is the report.
pub async fn send(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    session: Option<Session>,
    letter: &Letter,
) -> Report {
    let policy = policy::of(method, values, None);
    let mut course = Course::new(context.egress, &policy, WITHIN, Vec::new());
    let result = hand_over(context, &mut course, method, values, session, letter).await;
    let ended = course.end(result.is_err());
    match result {
        Ok(None) => report(Verdict { outcome: Outcome::Ok, code: "ok".to_owned(), hint: String::new() }, None, ended),
        Ok(Some((part, code))) => report(rejected(part, code), None, ended),
        Err(stop) => {
            let facts = facts(context, integration, values, WITHIN, &stop);
            bad(&stop, judge(&stop, &method.check.on, context.defaults, &facts), false, ended)
        }
    }
}

async fn hand_over(
    context: &Context<'_>,
    course: &mut Course<'_>,
    method: &Method,
    values: &Values,
    session: Option<Session>,
    letter: &Letter,
) -> Result<Option<(Part, SmtpCode)>, Stop> {
    let smtp = method.check.smtp.as_ref().ok_or(Unfit::Value("Credentials of this kind send no mail."))?;
    let session = match session {
        Some(session) => session,
        None => token::sign_in(course, method, values, context.clock.now()).await?,
    };
    let (login, signs_in) = login::mail(smtp, &Held { values, session: &session })?;
    course.deliver(&login, signs_in, letter).await
}

/// What it means that a server let us in and did not take the mail (RFC 5321 §4.2.1: codes of 400 are passing).
fn rejected(part: Part, code: SmtpCode) -> Verdict {
    let (word, text) = match part {
        Part::Sender => (
            "sender_refused",
            "The server let us in, but takes no mail from this sender. Choose an address that this account may send from; some services want it to be confirmed with them first.",
        ),
        Part::Recipient => (
            "recipient_refused",
            "The server let us in, but takes no mail to your address. It may send only within its own domain, or only to addresses that were confirmed with it: look at its settings.",
        ),
        Part::Content => (
            "mail_refused",
            "The server let us in, but did not take the mail. A limit or a rule of the service may be the reason: its dashboard tells more.",
        ),
    };
    if code.basic < 500 {
        let hint = "The server let us in, but takes no mail at present. Try again in some minutes.".to_owned();
        return Verdict { outcome: Outcome::Unavailable, code: word.to_owned(), hint };
    }
    Verdict { outcome: Outcome::Forbidden, code: word.to_owned(), hint: text.to_owned() }
}
