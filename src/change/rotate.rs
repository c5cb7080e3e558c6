//! A new secret for the same thing: read, verified, and served at once, from a moment on, or when somebody says so.

use super::content::{changed_fields, content};
use super::kept::Kept;
use super::verify::settled;
use super::{Came, KindOf, Refused};
use crate::app::App;
use crate::catalog::form::{Input, Mode, Remark, Remarks, parse};
use crate::catalog::schema::Method;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::model::credential_change::{self, Rotated, Saved, Serve};
use crate::model::permission::{Allowed, RotateCredential};
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::BTreeMap;

/// The longest overlap, in hours: ninety days.
pub const LONGEST_KEEP: i64 = 90 * 24;
/// The latest moment for a staged secret.
const LATEST: TimeDelta = TimeDelta::days(366);
/// What to say of a moment that cannot be.
pub const BAD_MOMENT: &str = "Choose a moment that is still to come, within a year, in UTC: such as 2030-01-31T18:00.";

/// When a new secret serves, and for how long the one before it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// When it serves.
    pub serve: Serve,
    /// How long the one before it is kept from then on.
    pub keep: TimeDelta,
}

impl Plan {
    /// Reads `serve` (`now`, `at` or `hand`; nothing is `now`), the moment for `at`, and the hours of the overlap.
    /// `None`: the moment cannot be.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what no form of ours sends.
    pub fn read(serve: &str, moment: &str, keep_hours: Option<i64>, now: At) -> Result<Option<Self>> {
        let keep_hours = keep_hours.unwrap_or(0);
        if !(0..=LONGEST_KEEP).contains(&keep_hours) {
            return Err(Error::BadRequest("The old secret can be kept for 0 to 2160 hours.".into()));
        }
        let serve = match serve {
            "" | "now" => Some(Serve::Now),
            "hand" => Some(Serve::ByHand),
            "at" => instant(moment).filter(|at| *at > now && *at <= now.plus(LATEST)).map(Serve::At),
            _ => return Err(Error::BadRequest("A new secret is served now, at a moment, or by hand.".into())),
        };
        Ok(serve.map(|serve| Self { serve, keep: TimeDelta::hours(keep_hours) }))
    }
}

/// Reads a moment as browsers write it, in UTC.
fn instant(text: &str) -> Option<At> {
    let text = text.trim().trim_end_matches('Z');
    let read = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let at = read("%Y-%m-%dT%H:%M").or_else(|| read("%Y-%m-%dT%H:%M:%S%.f"))?;
    Some(At::new(at.and_utc()))
}

/// Refuses a method whose sign-in is renewed by consent.
///
/// # Errors
/// [`Error::Unprocessable`] for one.
pub fn without_consent(method: &Method) -> Result<()> {
    if method.needs_consent() {
        let text = "This sign-in is renewed by consent. Open the credential and choose “Connect again”.";
        return Err(Error::Unprocessable(text.into()));
    }
    Ok(())
}

/// Reads, verifies and stores a new secret.
///
/// # Errors
/// [`Error::TooMany`] above the limits of checks, and when storage fails.
pub async fn rotate(
    app: &App,
    allowed: &Allowed<RotateCredential>,
    kept: &Kept,
    kind: KindOf<'_>,
    input: Input,
    plan: Plan,
    (revision, save_unverified): (Option<i64>, bool),
) -> Result<Came> {
    let (integration, method) = kind;
    let refused = |refused: Refused| Ok(Came::Refused(Box::new(refused)));
    let stored = kept.stored();
    let is_sent = |name: &str| input.fields.get(name).is_some_and(|text| !text.is_empty());
    let has_secret = method.secret_fields().any(|field| is_sent(&field.name));
    let parsed = match parse(integration, method, Mode::Rotate(&stored), input) {
        Ok(parsed) => parsed,
        Err(errors) => return refused(Refused { errors, ..Refused::default() }),
    };
    if !has_secret {
        let first = method.secret_fields().next().map(|field| field.name.clone()).unwrap_or_default();
        let remark = Remark { code: "secret_required", text: "Enter the new secret.".into() };
        return refused(Refused { errors: Remarks(BTreeMap::from([(first, remark)])), ..Refused::default() });
    }
    let warnings = parsed.warnings.clone();
    let changed = changed_fields(&stored, &parsed);
    let content = match content(app, kept, method, parsed, changed).await? {
        Ok(content) => content,
        Err(errors) => return refused(Refused { errors, warnings, ..Refused::default() }),
    };
    let report = match settled(app, allowed, &kept.row.id, kind, &content.values, save_unverified).await? {
        Ok(report) => report,
        Err(found) => return refused(Refused { warnings, ..found }),
    };
    let rotated = Rotated {
        revision,
        live_version: kept.row.live_version,
        service: integration.name.clone(),
        content,
        report: report.clone(),
        serve: plan.serve,
        keep: plan.keep,
    };
    let (means, allowed, id) = (app.means.clone(), allowed.clone(), kept.row.id.clone());
    Ok(match app.db.write(move |tx| credential_change::rotate(tx, &means, &allowed, &id, &rotated)).await? {
        Saved::Done | Saved::NameTaken(_) => Came::Saved(Some(report)),
        Saved::Stale(_) => Came::Stale,
    })
}
