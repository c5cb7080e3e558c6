//! The walk of a change of a credential: what was sent is read, verified by a live check, and stored.
//!
//! Pages and the management API go the same way; they differ in how they say what came of it. No step is inside a
//! transaction but the last, which stores and writes the audit line.

pub mod content;
pub mod create;
pub mod delete;
pub mod details;
pub mod edit;
pub mod kept;
pub mod rotate;
pub mod verify;

use crate::app::App;
use crate::catalog::form::Remarks;
use crate::catalog::schema::{Integration, Method};
use crate::check::report::Report;
use crate::error::{Error, Result};
use details::DetailRemarks;

/// A service and one of its ways to sign in.
pub type KindOf<'a> = (&'a Integration, &'a Method);

/// Why nothing was saved, for whoever sent it.
#[derive(Debug, Default)]
pub struct Refused {
    /// What is wrong with what every credential has.
    pub wrong: DetailRemarks,
    /// What is wrong with the fields of the method.
    pub errors: Remarks,
    /// What to look at although it is accepted.
    pub warnings: Remarks,
    /// What the check came to that kept it from being saved.
    pub report: Option<Report>,
}

impl Refused {
    /// Another credential has the name.
    fn name_taken(holder: &str, warnings: Remarks) -> Self {
        Self { wrong: DetailRemarks::name_taken(holder), warnings, ..Self::default() }
    }
}

/// What came of a change of a credential that exists.
pub enum Came {
    /// It is stored; with what its check came to, if its values changed.
    Saved(Option<Report>),
    /// Nothing was saved.
    Refused(Box<Refused>),
    /// Somebody else was first: nothing was saved.
    Stale,
}

/// A service and method that are in the catalogue.
///
/// # Errors
/// [`Error::Unprocessable`] for others.
pub fn chosen<'a>(app: &'a App, integration: &str, method: &str) -> Result<KindOf<'a>> {
    app.catalog.method(integration, method).ok_or_else(|| {
        Error::Unprocessable(
            "This service or way to sign in is not in the catalogue. Choose one from the gallery.".into(),
        )
    })
}
