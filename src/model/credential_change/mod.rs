//! What changes a credential. Each change writes its audit line in the same transaction.

mod checked;
mod connection;
mod creation;
mod deletion;
mod edit;
mod learnt;
mod replacement;
mod rotation;
mod staging;
mod suspension;
mod test_mail;

pub use checked::{checked, refused, unreadable};
pub use connection::{Connected, Consent, connect};
pub use creation::{NewCredential, create};
pub use deletion::{Deleting, delete, purge, restore, revoked};
pub use edit::{Edited, edit, rename};
pub use learnt::learnt;
pub use replacement::{Replacing, replace};
pub use rotation::{Rotated, Serve, rotate};
pub use staging::{Staged, erase_ended, promote, promote_due, roll_back};
pub use suspension::{LONGEST_SUSPENSION_H, resume, resume_due, suspend};
pub use test_mail::{TestMail, test_mail_asked, test_mail_ended};

use super::credential::{Badge, Credential, Environment};
use super::status::Status;
use super::word;
use super::workspace::Workspace;
use crate::catalog::form::Values;
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::error::Result;
use crate::id::Id;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// What people write about a credential.
#[derive(Debug, Clone)]
pub struct Details {
    /// Its name, already read by [`super::credential::checked_name`].
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// A sentence about it.
    pub description: String,
    /// Words it is found by.
    pub tags: Vec<String>,
}

/// Values ready to be sealed, and what follows from them.
#[derive(Debug)]
pub struct Content {
    /// Values in clear and secrets.
    pub values: Values,
    /// Where the secrets may go, canonical.
    pub destination: String,
    /// The same for people: host and port, or an account.
    pub place: String,
    /// What the key says it is for.
    pub badge: Badge,
    /// The names of the fields that differ from the version before.
    pub changed: Vec<String>,
}

/// What a new credential is of.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The service's id.
    pub integration: String,
    /// Its name, for search.
    pub service: String,
    /// The method's id.
    pub method: String,
}

/// What became of a change that another editor may have overtaken.
#[derive(Debug)]
pub enum Saved {
    /// Stored.
    Done,
    /// Somebody else was first: the row as it is now.
    Stale(Box<Credential>),
    /// Another live credential has the name, written so.
    NameTaken(String),
}

/// The status and the one beneath it of a credential that has `status` now: one that is switched off stays so, and
/// has it when it is switched on again.
pub(in crate::model) fn beneath(before: &Credential, status: Status) -> (Status, Option<Status>) {
    if before.suspended_at.is_some() { (Status::Suspended, Some(status)) } else { (status, None) }
}

/// The row of one credential, for an update or a delete.
pub(in crate::model) fn one<'a>(workspace: &'a Id<Workspace>, id: &'a Id<Credential>) -> One<'a> {
    credentials::table.filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq(id)))
}

type Key<'a> = diesel::dsl::And<
    diesel::dsl::Eq<credentials::workspace_id, &'a Id<Workspace>>,
    diesel::dsl::Eq<credentials::id, &'a Id<Credential>>,
>;
pub(in crate::model) type One<'a> = diesel::dsl::Filter<credentials::table, Key<'a>>;

/// Makes the search words of a credential those of its row as it is now.
fn index(tx: &mut Tx<'_>, workspace: &Id<Workspace>, id: &Id<Credential>, service: &str) -> Result<()> {
    let row = &Credential::find_any(tx.conn(), workspace, id)?;
    let mut words = word::of([row.name.as_str(), row.handle.as_str(), service, row.integration.as_str()]);
    let private: BTreeSet<String> = word::of(
        [row.identity.as_str(), row.place.as_str(), row.description.as_str()]
            .into_iter()
            .chain(row.tags.0.iter().map(String::as_str)),
    );
    words.extend(private.into_iter().map(|word| format!("{}{word}", super::credential_list::PRIVATE_MARK)));
    word::replace(tx, &row.workspace_id, &row.id, &words)
}
