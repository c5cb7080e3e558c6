//! What live checks came to, kept for the page of the credential.

use super::credential::Credential;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::schema::credential_checks as checks;
use crate::db::types::{Json, text_enum};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::report::{Outcome, Report, Step};
use diesel::prelude::*;

/// So many are kept for each credential.
const KEPT: i64 = 60;

text_enum! {
    /// Why a check ran.
    Cause {
        /// Somebody saved the credential.
        Save = "save",
        /// Somebody asked.
        Manual = "manual",
        /// It was due.
        Schedule = "schedule",
        /// A bot's call told.
        Use = "use",
    }
}

/// One check as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = checks, check_for_backend(crate::db::MultiBackend))]
pub struct CheckRecord {
    /// When it ended.
    pub at: At,
    /// Why it ran.
    pub cause: Cause,
    /// Its outcome, as [`Outcome`] is written.
    pub outcome: String,
    /// The hint's code.
    pub code: String,
    /// The hint.
    pub hint: String,
    /// Its steps.
    pub steps: Json<Vec<Step>>,
    /// Milliseconds it took.
    pub ms: i32,
}

/// How an outcome is written.
pub fn outcome_text(outcome: Outcome) -> Result<String> {
    match serde_json::to_value(outcome).map_err(Error::internal)? {
        serde_json::Value::String(text) => Ok(text),
        _ => Err(Error::internal("an outcome is a word")),
    }
}

/// Reads an outcome back.
pub fn outcome_of(text: &str) -> Option<Outcome> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// Stores what a check came to and forgets the oldest.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    cause: Cause,
    report: &Report,
    at: At,
) -> Result<()> {
    diesel::insert_into(checks::table)
        .values((
            checks::workspace_id.eq(workspace),
            checks::credential_id.eq(credential),
            checks::id.eq(Id::<CheckRecord>::new()),
            checks::at.eq(at),
            checks::cause.eq(cause),
            checks::outcome.eq(outcome_text(report.outcome)?),
            checks::code.eq(&report.code),
            checks::hint.eq(&report.hint),
            checks::steps.eq(Json(report.steps.clone())),
            checks::ms.eq(i32::try_from(report.ms).unwrap_or(i32::MAX)),
        ))
        .execute(tx.conn())?;
    let mine = checks::workspace_id.eq(workspace).and(checks::credential_id.eq(credential));
    let oldest: Option<String> = checks::table
        .filter(mine)
        .order(checks::id.desc())
        .offset(KEPT)
        .select(checks::id)
        .first(tx.conn())
        .optional()?;
    if let Some(oldest) = oldest {
        diesel::delete(checks::table.filter(mine).filter(checks::id.le(oldest))).execute(tx.conn())?;
    }
    Ok(())
}

/// The last checks of a credential, newest first.
pub fn recent(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    limit: i64,
) -> Result<Vec<CheckRecord>> {
    Ok(checks::table
        .filter(checks::workspace_id.eq(workspace).and(checks::credential_id.eq(credential)))
        .order(checks::id.desc())
        .limit(limit)
        .select(CheckRecord::as_select())
        .load(conn)?)
}
