//! Changes by hand: of everything, or of the name alone.

use super::rotation::replace_content;
use super::{Content, Details, Saved, index, one};
use crate::db::Tx;
use crate::db::schema::credentials;
use crate::db::types::Json;
use crate::error::Result;
use crate::fold;
use crate::id::Id;
use crate::model::credential::{Credential, name_holder};
use crate::model::permission::{Allowed, EditCredential, RenameCredential};
use crate::model::version::Old;
use crate::model::{Means, audit, check_record};
use crate::report::Report;
use diesel::prelude::*;

/// A change of details and perhaps of values.
#[derive(Debug)]
pub struct Edited {
    /// The revision that the editor saw.
    pub revision: i64,
    /// The service's name, for search.
    pub service: String,
    /// What people write about it.
    pub details: Details,
    /// The values and what their check came to, if any value changed.
    pub content: Option<(Content, Report)>,
}

/// Changes details and, where `content` is given, values. The old version stays until this commits.
pub fn edit(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<EditCredential>,
    id: &Id<Credential>,
    edited: &Edited,
) -> Result<Saved> {
    let Edited { revision, service, details, content } = edited;
    let revision = *revision;
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if before.revision != revision {
        return Ok(Saved::Stale(Box::new(before)));
    }
    if let Some(holder) = name_holder(tx.conn(), workspace, &details.name, Some(id))? {
        return Ok(Saved::NameTaken(holder));
    }
    let mut changed = changed_details(&before, details);
    let affected = diesel::update(one(workspace, id).filter(credentials::revision.eq(revision)))
        .set((
            credentials::name.eq(&details.name),
            credentials::name_key.eq(fold::fold(&details.name)),
            credentials::environment.eq(details.environment),
            credentials::description.eq(&details.description),
            credentials::tags.eq(Json(details.tags.clone())),
            credentials::revision.eq(revision + 1),
        ))
        .execute(tx.conn())?;
    if affected != 1 {
        return Ok(Saved::Stale(Box::new(Credential::get(tx.conn(), workspace, id)?)));
    }
    let mut entry = audit::Entry::allow("credential.edited", audit::Target::credential(id.as_str()));
    if let Some((content, report)) = content {
        changed.extend(content.changed.iter().cloned());
        let written = replace_content(tx, means, allowed, &before, (content, report), Old::Erased)?;
        entry = written.noted(entry.code(&check_record::outcome_text(report.outcome)?));
    }
    index(tx, workspace, id, service)?;
    audit::record_allowed(tx, means, allowed, entry.detail("fields", changed))?;
    Ok(Saved::Done)
}

/// Gives a credential another name; never verifies, and the handle stays.
pub fn rename(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RenameCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
    service: &str,
    name: &str,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    if let Some(holder) = name_holder(tx.conn(), workspace, name, Some(id))? {
        return Ok(Saved::NameTaken(holder));
    }
    if before.name == name {
        return Ok(Saved::Done);
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::name.eq(name),
            credentials::name_key.eq(fold::fold(name)),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    index(tx, workspace, id, service)?;
    let entry = audit::Entry::allow("credential.renamed", audit::Target::credential(id.as_str()))
        .detail("from", before.name)
        .detail("to", name);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

fn changed_details(before: &Credential, details: &Details) -> Vec<String> {
    [
        ("name", before.name != details.name),
        ("environment", before.environment != details.environment),
        ("description", before.description != details.description),
        ("tags", before.tags.0 != details.tags),
    ]
    .into_iter()
    .filter(|(_, changed)| *changed)
    .map(|(name, _)| name.to_owned())
    .collect()
}
