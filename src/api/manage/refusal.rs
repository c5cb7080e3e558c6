//! What keeps a change from being saved, as problems.

use super::credential::Check;
use crate::api::problem::{self, FieldError, More, Problem};
use crate::catalog::form::Remark;
use crate::change::details::DetailRemarks;
use crate::change::verify::may_skip;
use crate::change::{Came, Refused};
use crate::check::report::Report;
use crate::model::credential::Credential;

/// A remark on a field.
pub fn remark(field: &str, remark: &Remark) -> FieldError {
    FieldError { field: field.to_owned(), code: remark.code.to_owned(), text: remark.text.clone() }
}

/// A problem with fields: 422 unless `kind` says otherwise.
pub fn invalid(errors: Vec<FieldError>) -> Problem {
    of_fields(&problem::INVALID, errors)
}

/// A problem of a type, with fields.
pub fn of_fields(kind: &'static problem::Kind, errors: Vec<FieldError>) -> Problem {
    let detail = match errors.as_slice() {
        [one] => format!("Nothing was saved. {}", one.text),
        many => format!("Nothing was saved: {} fields are not acceptable.", many.len()),
    };
    Problem { errors, ..Problem::new(kind, detail) }
}

/// What a change was refused for.
pub fn of(refused: &Refused) -> Problem {
    if let Some(report) = &refused.report {
        return unverified(report);
    }
    let mut errors = of_details(&refused.wrong);
    errors.extend(refused.errors.0.iter().map(|(name, found)| match name.as_str() {
        "" => remark("values", found),
        name => remark(&format!("values.{name}"), found),
    }));
    invalid(errors)
}

/// What is wrong with what every credential has.
pub fn of_details(wrong: &DetailRemarks) -> Vec<FieldError> {
    let all = wrong.all();
    all.iter().filter_map(|(name, found)| found.as_ref().map(|found| remark(name, found))).collect()
}

fn unverified(report: &Report) -> Problem {
    let detail = match report.hint.as_str() {
        "" => "Nothing was saved: the live check did not pass.".to_owned(),
        hint => format!("Nothing was saved. {hint}"),
    };
    let more =
        More { check: Some(Check::from(report)), may_save_unverified: Some(may_skip(report)), ..More::default() };
    Problem { more: Box::new(more), ..Problem::new(&problem::NOT_VERIFIED, detail) }
}

/// Somebody else was first.
pub fn stale(revision: i64) -> Problem {
    let more = More { revision: Some(revision), ..More::default() };
    let detail = format!("Somebody changed it meanwhile, so nothing was saved: its revision is {revision} now.");
    Problem { more: Box::new(more), ..Problem::new(&problem::STALE, detail) }
}

/// As [`stale`], for a row.
pub fn stale_row(row: &Credential) -> Problem {
    stale(row.revision)
}

/// What came of a change; the row is read again where somebody else was first.
///
/// # Errors
/// The problem that kept it from being saved.
pub async fn settled(came: Came, now: impl AsyncFnOnce() -> crate::error::Result<Credential>) -> Result<(), Problem> {
    match came {
        Came::Saved(_) => Ok(()),
        Came::Refused(refused) => Err(of(&refused)),
        Came::Stale => Err(stale_row(&now().await?)),
    }
}
