//! A change of a credential that exists: read, verified again where a value changed, stored. The old version stays in
//! use until the new one is stored.

use super::content::{changed_fields, content};
use super::details::Written;
use super::kept::Kept;
use super::verify::settled;
use super::{Came, KindOf, Refused};
use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::{Input, Mode, Parsed, Remarks, parse};
use crate::error::Result;
use crate::model::credential::name_holder;
use crate::model::credential_change::{self, Details, Edited, Saved};
use crate::model::permission::{Allowed, EditCredential};
use crate::model::status::Status;

/// What was sent for a change and is acceptable; not verified yet.
pub struct Ready {
    details: Details,
    parsed: Parsed,
    changed: Vec<String>,
    /// Whether its secrets would go elsewhere than before.
    pub leads_elsewhere: bool,
}

/// Reads what was sent; the error says what is wrong with it.
pub fn read(
    app: &App,
    kept: &Kept,
    (integration, method): KindOf<'_>,
    written: &Written,
    input: Input,
) -> std::result::Result<Ready, Box<Refused>> {
    let stored = kept.stored();
    match (written.read(&app.catalog), parse(integration, method, Mode::Edit(&stored), input)) {
        (Ok(details), Ok(parsed)) => {
            let leads = |values| destination::destination(method, values);
            let leads_elsewhere = leads(&parsed.values.plain) != leads(&stored.plain);
            let changed = changed_fields(&stored, &parsed);
            Ok(Ready { details, parsed, changed, leads_elsewhere })
        }
        (details, parsed) => {
            let wrong = details.err().map(|wrong| *wrong).unwrap_or_default();
            let (errors, warnings) = match parsed {
                Ok(parsed) => (Remarks::default(), parsed.warnings),
                Err(errors) => (errors, Remarks::default()),
            };
            Err(Box::new(Refused { wrong, errors, warnings, report: None }))
        }
    }
}

/// Verifies and stores it, unless somebody changed the credential since `revision`.
///
/// # Errors
/// [`crate::error::Error::TooMany`] above the limits of checks, and when storage fails.
pub async fn store(
    app: &App,
    allowed: &Allowed<EditCredential>,
    kept: &Kept,
    kind: KindOf<'_>,
    ready: Ready,
    (revision, save_unverified): (i64, bool),
) -> Result<Came> {
    let Ready { details, parsed, changed, .. } = ready;
    let warnings = parsed.warnings.clone();
    let refused = |refused: Refused| Ok(Came::Refused(Box::new(refused)));
    let mut verified = None;
    if (!changed.is_empty() || kept.row.status == Status::Unreadable) && !kind.1.needs_consent() {
        let (workspace, wanted, id) = (allowed.workspace().clone(), details.name.clone(), kept.row.id.clone());
        if let Some(holder) = app.db.read(move |conn| name_holder(conn, &workspace, &wanted, Some(&id))).await? {
            return refused(Refused::name_taken(&holder, warnings));
        }
        let content = match content(app, kept, kind.1, parsed, changed).await? {
            Ok(content) => content,
            Err(errors) => return refused(Refused { errors, warnings, ..Refused::default() }),
        };
        match settled(app, allowed, &kept.row.id, kind, &content.values, save_unverified).await? {
            Ok(report) => verified = Some((content, report)),
            Err(found) => return refused(Refused { warnings, ..found }),
        }
    }
    let report = verified.as_ref().map(|(_, report)| report.clone());
    let edited = Edited { revision, service: kind.0.name.clone(), details, content: verified };
    let (means, allowed, id) = (app.means.clone(), allowed.clone(), kept.row.id.clone());
    let saved = app.db.write(move |tx| credential_change::edit(tx, &means, &allowed, &id, &edited)).await?;
    match saved {
        Saved::Done => Ok(Came::Saved(report)),
        Saved::NameTaken(holder) => refused(Refused::name_taken(&holder, warnings)),
        Saved::Stale(_) => Ok(Came::Stale),
    }
}
