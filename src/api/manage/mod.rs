//! The management API: what an admin does on pages, for a token of the workspace. It never reads a secret.

pub mod blocks;
pub mod body;
pub mod bots;
pub mod create;
pub mod credential;
pub mod deletion;
pub mod guard;
pub mod integrations;
pub mod listed;
pub mod refusal;
pub mod replacement;
pub mod rotation;
pub mod update;

use crate::app::App;
use crate::model::credential::Credential;

/// The name of a credential's service, for search; its id where the catalogue no longer has it.
fn service(app: &App, row: &Credential) -> String {
    app.catalog.get(&row.integration).map_or_else(|| row.integration.clone(), |found| found.name.clone())
}
