//! What to say after something was saved.

use crate::check::report::{Outcome, Report};

/// The message after saving.
pub fn saved_as(report: &Report, verified: &'static str) -> &'static str {
    match report.outcome {
        Outcome::Ok | Outcome::Limited => verified,
        Outcome::Untested if verified == "created" => "created-untested",
        Outcome::Untested => verified,
        _ => "created-unverified",
    }
}
