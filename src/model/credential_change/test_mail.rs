//! A mail that somebody sends to themselves with a credential: asked for, and what came of it.

use crate::clock::At;
use crate::db::schema::audit_events as events;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, SendTestMail};
use crate::model::workspace::Workspace;
use crate::model::{Means, audit, check_record};
use crate::report::{Outcome, Report};
use chrono::TimeDelta;
use diesel::prelude::*;

const ASKED: &str = "credential.mail_asked";
const TESTED: &str = "credential.mail_tested";
/// So many within [`WINDOW`] with one credential, and in one workspace.
const EACH: i64 = 5;
const ALL: i64 = 20;
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Whether a test mail may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestMail {
    /// It is written down that it goes.
    Goes,
    /// The credential is switched off.
    Suspended,
    /// There were too many lately; the next may go after so many seconds.
    TooMany(u64),
}

/// Writes down that a test mail goes out, before it does; the lines themselves are what limits their number.
pub fn test_mail_asked(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<SendTestMail>,
    id: &Id<Credential>,
) -> Result<TestMail> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if Credential::get(tx.conn(), workspace, id)?.is_suspended(now) {
        return Ok(TestMail::Suspended);
    }
    for (target, most) in [(Some(id), EACH), (None, ALL)] {
        if let Some(end) = full_until(tx.conn(), workspace, target, most)?.filter(|end| *end > now) {
            return Ok(TestMail::TooMany(end.since(now).num_seconds().max(0).unsigned_abs() + 1));
        }
    }
    let entry = audit::Entry::allow(ASKED, audit::Target::credential(id.as_str()));
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(TestMail::Goes)
}

/// When there is room again behind the last `most` lines; `None` while there were fewer.
fn full_until(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    target: Option<&Id<Credential>>,
    most: i64,
) -> Result<Option<At>> {
    let lines = events::table
        .filter(events::chain.eq(workspace.as_str().to_owned()).and(events::action.eq(ASKED)))
        .order(events::seq.desc())
        .offset(most - 1)
        .limit(1)
        .select(events::at)
        .into_boxed();
    let lines = match target {
        Some(id) => lines.filter(events::target_id.eq(id.as_str().to_owned())),
        None => lines,
    };
    Ok(lines.first::<At>(conn).optional()?.map(|first| first.plus(WINDOW)))
}

/// Writes down what came of it. The status stays as it is: only a check moves it.
pub fn test_mail_ended(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<SendTestMail>,
    id: &Id<Credential>,
    report: &Report,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let (target, outcome) = (audit::Target::credential(id.as_str()), check_record::outcome_text(report.outcome)?);
    let entry = match report.outcome {
        Outcome::Ok => audit::Entry::allow(TESTED, target).code(&outcome),
        _ => audit::Entry::deny(TESTED, target, &outcome).detail("hint", report.code.as_str()),
    };
    audit::record_allowed(tx, means, allowed, entry)
}
