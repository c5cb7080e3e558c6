//! What the answer to a bot's call says of the credential.

use super::Broker;
use crate::catalog::form::Values;
use crate::catalog::schema::{Expect, Integration, Method};
use crate::check::report::{Outcome, Report};
use crate::check::rules::{Facts, judge};
use crate::check::seen::{Missing, Place, Stop, Unexpected};
use crate::model::bot_use::Granted;
use crate::model::credential_change;

/// What a check would say to an answer with this status; `None` when it says nothing of the credential: a call may be
/// wrong in many ways in which the credential is right, and an address that answers everybody proves nothing.
pub fn report(
    broker: &Broker<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    status: u16,
    is_check: bool,
) -> Option<Report> {
    if is_check && proves(&method.check.expect, status) {
        return Some(of(Outcome::Ok, "ok".to_owned(), String::new()));
    }
    if status != 401 {
        return None;
    }
    let answer = Unexpected { status, json: None, text: String::new(), missing: Missing::Status, retry_after_s: None };
    let place = Place { host: integration.name.clone(), ..Place::default() };
    let facts = Facts { name: &integration.name, seconds: 10, retry_at: String::new(), plain: &values.plain };
    let stop = Stop::Unexpected(Box::new(answer), place);
    let verdict = judge(&stop, &method.check.on, broker.context().defaults, &facts);
    let is_final = matches!(verdict.outcome, Outcome::Invalid | Outcome::Expired | Outcome::Reauthorize);
    is_final.then(|| of(verdict.outcome, verdict.code, verdict.hint))
}

/// Whether a status alone is the expected answer. What the file reads in the body is not seen here: the body flows on
/// to the bot, and some services say no in a 200.
fn proves(expect: &Expect, status: u16) -> bool {
    let is_expected = expect.status.as_ref().is_none_or(|wanted| wanted.holds(status));
    (200..300).contains(&status) && is_expected && expect.json.is_empty()
}

/// Writes down what a call or its sign-in taught, if it changes the status. That this fails is logged only: the service
/// was called all the same.
pub async fn note(broker: &Broker<'_>, granted: &Granted, service: &str, report: Report) {
    let (means, allowed, id) = (broker.means.clone(), granted.allowed.clone(), granted.row.id.clone());
    let (version, service) = (granted.version.version, service.to_owned());
    let noted = broker
        .db
        .write(move |tx| credential_change::learnt(tx, &means, &allowed, &id, version, &service, &report))
        .await;
    if let Err(error) = noted {
        tracing::warn!(%error, "what a call taught could not be written down");
    }
}

fn of(outcome: Outcome, code: String, hint: String) -> Report {
    Report { outcome, code, hint, steps: Vec::new(), identity: None, ms: 0, connected: true, fingerprint: None }
}
