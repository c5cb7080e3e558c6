//! A new credential.

use super::checked::Checked;
use super::connection::Consent;
use super::{Content, Details, Kind, Saved, index};
use crate::clock::At;
use crate::db::schema::credentials;
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::fold;
use crate::id::Id;
use crate::model::check_record::{self, Cause};
use crate::model::credential::{Credential, name_holder};
use crate::model::permission::{Allowed, CreateCredential};
use crate::model::status::Status;
use crate::model::version::{New, Old};
use crate::model::workspace::Workspace;
use crate::model::{Means, audit, count, fingerprint, version};
use crate::report::Report;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// Handles of one beginning are numbered up to this.
const NUMBERED: u32 = 33;

/// A credential to be stored for the first time.
#[derive(Debug)]
pub struct NewCredential {
    /// Its id, made beforehand so that checks can be counted for it.
    pub id: Id<Credential>,
    /// What it is of.
    pub kind: Kind,
    /// What people write about it.
    pub details: Details,
    /// Its values.
    pub content: Content,
    /// What their check came to.
    pub report: Report,
    /// What a person consented to at the service, for a method that asks for it.
    pub consent: Option<Consent>,
}

/// Stores a new credential with what its check came to.
pub fn create(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<CreateCredential>,
    new: &NewCredential,
) -> Result<Saved> {
    let NewCredential { id, kind, details, content, report, consent } = new;
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if let Some(holder) = name_holder(tx.conn(), workspace, &details.name, None)? {
        return Ok(Saved::NameTaken(holder));
    }
    if let Some(consent) = consent {
        consent.end(tx)?;
    }
    let handle = free_handle(tx.conn(), workspace, id, &details.name, &kind.integration)?;
    let given = consent.as_ref().and_then(|consent| consent.grant.ends());
    let expires_at = content.values.ends_at().or(given);
    let state = Checked::saved(report, now, expires_at)?;
    diesel::insert_into(credentials::table)
        .values((
            (
                credentials::workspace_id.eq(workspace),
                credentials::id.eq(id),
                credentials::handle.eq(&handle),
                credentials::name.eq(&details.name),
                credentials::name_key.eq(fold::fold(&details.name)),
                credentials::integration.eq(&kind.integration),
                credentials::method.eq(&kind.method),
                credentials::environment.eq(details.environment),
                credentials::description.eq(&details.description),
                credentials::tags.eq(Json(details.tags.clone())),
                credentials::place.eq(&content.place),
                credentials::badge.eq(content.badge),
            ),
            (
                credentials::status.eq(state.status),
                credentials::outcome.eq(&state.outcome),
                credentials::code.eq(&state.code),
                credentials::hint.eq(&state.hint),
                credentials::identity.eq(state.identity.clone().unwrap_or_default()),
                credentials::checked_at.eq(Some(now)),
                credentials::good_at.eq(state.good_at),
                credentials::expires_at.eq(expires_at),
            ),
            (
                credentials::live_version.eq(1),
                credentials::revision.eq(1),
                credentials::deleted_by.eq(""),
                credentials::created_at.eq(now),
                credentials::created_by.eq(&allowed.actor().id),
                credentials::last_used_at.eq(At::EPOCH),
            ),
        ))
        .execute(tx.conn())?;
    let row = Credential::get(tx.conn(), workspace, id)?;
    let written = version::put(
        tx,
        means,
        row.seal_place(),
        1,
        (&content.values, &content.destination),
        &allowed.actor().id,
        New::Live(Old::Erased),
    )?;
    index(tx, workspace, id, &kind.service)?;
    fingerprint::replace(tx, workspace, id, &fingerprint::of(means, workspace, &content.values.secret)?)?;
    count::shift(tx, workspace, None, Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
    let mut entry = audit::Entry::allow("credential.created", audit::Target::credential(id.as_str()))
        .code(&state.outcome)
        .detail("name", details.name.as_str())
        .detail("integration", kind.integration.as_str())
        .detail("method", kind.method.as_str())
        .detail("handle", handle)
        .detail("unverified", state.status == Status::Unverified);
    if let Some(consent) = consent {
        entry = consent.store(tx, means, row.seal_place(), &content.destination, &allowed.actor().id, entry)?;
    }
    audit::record_allowed(tx, means, allowed, written.noted(entry))?;
    Ok(Saved::Done)
}

/// The first free one of the handle that the name comes to, the same with a number, and with the end of the id, which
/// is as good as free. One look-up of so many keys, however many credentials have such a name.
fn free_handle(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    id: &Id<Credential>,
    name: &str,
    integration: &str,
) -> Result<String> {
    let base = match fold::handle(name) {
        folded if folded.is_empty() => integration.to_owned(),
        folded => folded,
    };
    let numbered = (2..=NUMBERED).map(|n| format!("{base}-{n}"));
    let by_id = id.as_str().rsplit('-').next().map(|end| format!("{base}-{end}"));
    let candidates: Vec<String> = std::iter::once(base.clone()).chain(numbered).chain(by_id).collect();
    let taken: BTreeSet<String> = credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::handle.eq_any(&candidates)))
        .select(credentials::handle)
        .load(conn)?
        .into_iter()
        .collect();
    candidates.into_iter().find(|handle| !taken.contains(handle)).ok_or_else(|| Error::internal("no free handle"))
}
