//! One credential with all that may be said of it: values that are not secret, versions, users, the last check.

use super::guard::Managed;
use crate::api::answer::{Answer, instant, json};
use crate::api::credentials::{Metadata, Who, called};
use crate::api::problem::{Details, Problem};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::model::audit_names;
use crate::model::check_record::{self, CheckRecord};
use crate::model::credential::Credential;
use crate::model::permission::ReadCredentials;
use crate::model::usage::Usage;
use crate::model::version::{Version, VersionState};
use crate::model::workspace::Workspace;
use crate::report::{Report, Step};
use actix_web::web;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// So many versions are told.
const VERSIONS: i64 = 20;

/// A credential with all that may be said of it.
#[derive(Serialize, ToSchema)]
pub struct Detail {
    #[serde(flatten)]
    credential: Metadata,
    /// Its values that are not secret, by field.
    values: BTreeMap<String, String>,
    /// The names of the fields whose values are sealed.
    secrets: Vec<String>,
    /// Its last versions, the newest first.
    versions: Vec<VersionView>,
    /// The blocks that chose it.
    used_by: Vec<UsedBy>,
    /// Its last check.
    last_check: Option<Check>,
}

/// A version of a credential.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    /// Its number, from 1.
    version: i64,
    /// `live`, `staged` or `previous`.
    state: &'static str,
    /// Whether its secret is still stored.
    kept: bool,
    /// When it was entered (RFC 3339).
    created_at: String,
    /// Who entered it.
    created_by: String,
    /// Of a staged one: when it will serve (RFC 3339); none for until somebody says so.
    serves_at: Option<String>,
    /// Of a previous one: until when it is kept (RFC 3339).
    kept_until: Option<String>,
}

/// A block that chose a credential.
#[derive(Serialize, ToSchema)]
pub struct UsedBy {
    /// The bot's id.
    bot: String,
    /// The bot's name.
    bot_name: String,
    /// Whether people depend on the bot.
    published: bool,
    /// The block's key.
    block: String,
    /// What people call the block.
    label: String,
    /// When the bot last used the credential (RFC 3339).
    last_used_at: Option<String>,
}

/// What a check came to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Check {
    /// `ok`, `limited`, `invalid`, `forbidden`, `misconfigured`, `blocked`, `expired`, `reauthorize`, `rate_limited`,
    /// `unavailable`, `unknown` or `untested`.
    outcome: String,
    /// A stable code of the hint; empty when all is well.
    code: String,
    /// What it means and what to do; empty when all is well.
    hint: String,
    /// What was tried, in order.
    steps: Vec<StepView>,
    /// When it ended (RFC 3339); none for one whose values were not stored.
    at: Option<String>,
    /// The SHA-256 fingerprint of a certificate that was not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

/// A step of a check.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StepView {
    /// What was tried.
    label: String,
    /// `ok`, `failed` or `skipped`.
    #[schema(value_type = String)]
    result: crate::report::StepResult,
    /// A short note, with the protocol's code.
    note: String,
    /// Milliseconds it took.
    ms: u32,
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        Self { label: step.label.clone(), result: step.result, note: step.note.clone(), ms: step.ms }
    }
}

impl From<&Report> for Check {
    fn from(report: &Report) -> Self {
        Self {
            outcome: report.outcome.as_str().to_owned(),
            code: report.code.clone(),
            hint: report.hint.clone(),
            steps: report.steps.iter().map(StepView::from).collect(),
            at: None,
            fingerprint: report.fingerprint.clone(),
        }
    }
}

impl From<&CheckRecord> for Check {
    fn from(record: &CheckRecord) -> Self {
        Self {
            outcome: record.outcome.clone(),
            code: record.code.clone(),
            hint: record.hint.clone(),
            steps: record.steps.0.iter().map(StepView::from).collect(),
            at: Some(instant(record.at)),
            fingerprint: None,
        }
    }
}

impl VersionView {
    fn of(version: &Version, who: &Who) -> Self {
        Self {
            version: version.version,
            state: match version.state {
                VersionState::Live => "live",
                VersionState::Staged => "staged",
                VersionState::Previous => "previous",
            },
            kept: version.sealed.is_some(),
            created_at: instant(version.created_at),
            created_by: called(who, &version.created_by),
            serves_at: version.promote_at.map(instant),
            kept_until: version.retire_at.map(instant),
        }
    }
}

fn used_by(usage: &Usage) -> Vec<UsedBy> {
    let blocks = usage.blocks.iter().map(|block| UsedBy {
        bot: block.bot.to_string(),
        bot_name: block.bot_name.clone(),
        published: block.is_published,
        block: block.key.clone(),
        label: block.label.clone(),
        last_used_at: usage.by(&block.bot).and_then(|did| did.last_at).map(instant),
    });
    blocks.collect()
}

impl Detail {
    /// Reads it.
    fn read(conn: &mut Conn, workspace: &Id<Workspace>, row: Credential) -> Result<Self> {
        let live = Version::get(conn, workspace, &row.id, row.live_version)?;
        let versions = Version::recent(conn, workspace, &row.id, VERSIONS)?;
        let usage = Usage::of(conn, workspace, &row.id)?;
        let checks = check_record::recent(conn, workspace, &row.id, 1)?;
        let mut ids: Vec<String> = versions.iter().map(|version| version.created_by.clone()).collect();
        ids.push(row.created_by.clone());
        let who = audit_names::who(conn, workspace, &ids)?;
        Ok(Self {
            credential: Metadata::managed(row, &who),
            values: live.config.0,
            secrets: live.secret_names.0,
            versions: versions.iter().map(|version| VersionView::of(version, &who)).collect(),
            used_by: used_by(&usage),
            last_check: checks.first().map(Check::from),
        })
    }
}

/// A credential as it is now, after it was looked up or changed.
///
/// # Errors
/// 404 when it is gone.
pub async fn now(app: &App, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Detail, Problem> {
    let (workspace, id) = (workspace.clone(), id.clone());
    let read = move |conn: &mut Conn| {
        let row = Credential::get(conn, &workspace, &id)?;
        Detail::read(conn, &workspace, row)
    };
    Ok(app.db.read(read).await?)
}

/// One credential, without its secrets.
#[utoipa::path(
    get,
    path = "/api/v1/credentials/{credential}",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    responses(
        (status = 200, description = "The credential", body = Detail),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(managed: Managed<ReadCredentials>, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let row = managed.credential(&app).await?;
    json(&now(&app, managed.workspace(), &row.id).await?)
}
