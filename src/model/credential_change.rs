//! What changes a credential. Each change writes its audit line in the same transaction.

use super::check_record::{self, Cause};
use super::credential::{Badge, Credential, Environment, name_holder};
use super::permission::{
    Allowed, CreateCredential, DeleteCredential, EditCredential, Permission, RenameCredential, RestoreCredential,
    RotateCredential, VerifyCredential,
};
use super::status::{self, Status};
use super::workspace::Workspace;
use super::{Means, audit, count, fingerprint, version, word};
use crate::catalog::form::Values;
use crate::report::{Outcome, Report};
use crate::clock::At;
use crate::db::schema::credentials;
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::fold;
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
}

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

/// A new secret for the same thing.
#[derive(Debug)]
pub struct Rotated {
    /// The revision that the person saw, where it was sent.
    pub revision: Option<i64>,
    /// The version whose values were kept.
    pub live_version: i64,
    /// The service's name, for search.
    pub service: String,
    /// The values, the new secret among them.
    pub content: Content,
    /// What their check came to.
    pub report: Report,
}

/// Stores a new credential with what its check came to.
pub fn create(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<CreateCredential>,
    new: &NewCredential,
) -> Result<Saved> {
    let NewCredential { id, kind, details, content, report } = new;
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if let Some(holder) = name_holder(tx.conn(), workspace, &details.name, None)? {
        return Ok(Saved::NameTaken(holder));
    }
    let handle = free_handle(tx.conn(), workspace, &details.name, &kind.integration)?;
    let state = Checked::saved(report, now)?;
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
            ),
            (
                credentials::live_version.eq(1),
                credentials::revision.eq(1),
                credentials::deleted_by.eq(""),
                credentials::created_at.eq(now),
                credentials::created_by.eq(&allowed.actor().id),
                credentials::last_used_at.eq(never()),
            ),
        ))
        .execute(tx.conn())?;
    let row = Credential::get(tx.conn(), workspace, id)?;
    let blob =
        version::put_live(tx, means, row.seal_place(), 1, &content.values, &content.destination, &allowed.actor().id)?;
    index(tx, workspace, id, &kind.service)?;
    fingerprint::replace(tx, workspace, id, &fingerprint::of(means, workspace, &content.values.secret)?)?;
    count::shift(tx, workspace, None, Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
    let entry = audit::Entry::allow("credential.created", audit::Target::credential(id.as_str()))
        .code(&state.outcome)
        .detail("name", details.name.as_str())
        .detail("integration", kind.integration.as_str())
        .detail("method", kind.method.as_str())
        .detail("version", 1)
        .detail("blob", blob)
        .detail("unverified", state.status == Status::Unverified);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
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
        let (version, blob) = replace_content(tx, means, allowed, &before, content, report)?;
        entry =
            entry.code(&check_record::outcome_text(report.outcome)?).detail("version", version).detail("blob", blob);
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

/// Replaces the secret at once; everything else stays.
pub fn rotate(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RotateCredential>,
    id: &Id<Credential>,
    rotated: &Rotated,
) -> Result<Saved> {
    let Rotated { revision, live_version, service, content, report } = rotated;
    let (revision, live_version) = (*revision, *live_version);
    allowed.begin(tx, means.now())?;
    let before = Credential::get(tx.conn(), allowed.workspace(), id)?;
    if before.live_version != live_version || revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    diesel::update(one(allowed.workspace(), id))
        .set(credentials::revision.eq(credentials::revision + 1))
        .execute(tx.conn())?;
    let (version, blob) = replace_content(tx, means, allowed, &before, content, report)?;
    index(tx, allowed.workspace(), id, service)?;
    let entry = audit::Entry::allow("credential.rotated", audit::Target::credential(id.as_str()))
        .code(&check_record::outcome_text(report.outcome)?)
        .detail("fields", content.changed.clone())
        .detail("version", version)
        .detail("blob", blob);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

/// Stores what a check of the stored values came to. `None`: the credential was changed or deleted
/// while the check ran, so that its result says nothing any more.
pub fn checked(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<VerifyCredential>,
    id: &Id<Credential>,
    live_version: i64,
    service: &str,
    report: &Report,
) -> Result<Option<Credential>> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let Some(before) = Credential::find(tx.conn(), workspace, id)? else { return Ok(None) };
    if before.live_version != live_version {
        return Ok(None);
    }
    let state = Checked::again(&before, report, now)?;
    diesel::update(one(workspace, id)).set(state.columns()).execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Manual, report, now)?;
    let after = Credential::get(tx.conn(), workspace, id)?;
    if before.identity != after.identity {
        index(tx, workspace, id, service)?;
    }
    let entry = audit::Entry::allow("credential.checked", audit::Target::credential(id.as_str()))
        .code(&state.outcome)
        .detail("from", before.status.as_str())
        .detail("to", state.status.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Some(after))
}

/// Writes down a change that its check kept from being stored: secrets were used, so there is a line.
pub fn refused<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    kind: &Kind,
    report: &Report,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let outcome = check_record::outcome_text(report.outcome)?;
    let entry = audit::Entry::deny(P::NAME, audit::Target::credential(id.as_str()), &outcome)
        .detail("integration", kind.integration.as_str())
        .detail("method", kind.method.as_str())
        .detail("hint", report.code.as_str())
        .detail("connected", report.connected);
    audit::record_allowed(tx, means, allowed, entry)
}

/// Notes that the stored value cannot be decrypted.
pub fn unreadable<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    id: &Id<Credential>,
    label: &str,
) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let Some(before) = Credential::find(tx.conn(), allowed.workspace(), id)? else { return Ok(()) };
    diesel::update(one(allowed.workspace(), id))
        .set((
            credentials::status.eq(Status::Unreadable),
            credentials::code.eq("unreadable"),
            credentials::hint.eq(format!(
                "The stored value cannot be decrypted with the root key {label}. Enter the values again, or start with the key they were sealed under."
            )),
            credentials::checked_at.eq(Some(now)),
        ))
        .execute(tx.conn())?;
    count::shift(tx, allowed.workspace(), Some(before.status), Some(Status::Unreadable))?;
    let entry = audit::Entry::allow("credential.unreadable", audit::Target::credential(id.as_str())).code("unreadable");
    audit::record_allowed(tx, means, allowed, entry)
}

/// Moves a credential to “Recently deleted”.
pub fn delete(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<DeleteCredential>,
    id: &Id<Credential>,
    revision: Option<i64>,
) -> Result<Saved> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let before = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(Saved::Stale(Box::new(before)));
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::deleted_at.eq(Some(now)),
            credentials::deleted_by.eq(&allowed.actor().id),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    count::shift(tx, workspace, Some(before.status), None)?;
    let entry =
        audit::Entry::allow("credential.deleted", audit::Target::credential(id.as_str())).detail("name", before.name);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

/// Brings a deleted credential back, under another name if one is given.
pub fn restore(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<RestoreCredential>,
    id: &Id<Credential>,
    service: &str,
    name: Option<&str>,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let before = Credential::get_deleted(tx.conn(), workspace, id)?;
    let name = name.unwrap_or(&before.name);
    if let Some(holder) = name_holder(tx.conn(), workspace, name, Some(id))? {
        return Ok(Saved::NameTaken(holder));
    }
    diesel::update(one(workspace, id))
        .set((
            credentials::deleted_at.eq(None::<At>),
            credentials::deleted_by.eq(""),
            credentials::name.eq(name),
            credentials::name_key.eq(fold::fold(name)),
            credentials::revision.eq(credentials::revision + 1),
        ))
        .execute(tx.conn())?;
    index(tx, workspace, id, service)?;
    count::shift(tx, workspace, None, Some(before.status))?;
    let entry = audit::Entry::allow("credential.restored", audit::Target::credential(id.as_str())).detail("name", name);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Saved::Done)
}

/// Removes a deleted credential for good, its versions and checks with it.
pub fn purge(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<DeleteCredential>, id: &Id<Credential>) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let before = Credential::get_deleted(tx.conn(), allowed.workspace(), id)?;
    diesel::delete(one(allowed.workspace(), id)).execute(tx.conn())?;
    let entry =
        audit::Entry::allow("credential.purged", audit::Target::credential(id.as_str())).detail("name", before.name);
    audit::record_allowed(tx, means, allowed, entry)
}

/// The row of one credential, for an update or a delete.
pub(super) fn one<'a>(workspace: &'a Id<Workspace>, id: &'a Id<Credential>) -> One<'a> {
    credentials::table.filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq(id)))
}

type Key<'a> = diesel::dsl::And<
    diesel::dsl::Eq<credentials::workspace_id, &'a Id<Workspace>>,
    diesel::dsl::Eq<credentials::id, &'a Id<Credential>>,
>;
type One<'a> = diesel::dsl::Filter<credentials::table, Key<'a>>;

fn replace_content<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    before: &Credential,
    content: &Content,
    report: &Report,
) -> Result<(i64, String)> {
    let now = means.now();
    let (workspace, id) = (&before.workspace_id, &before.id);
    let version = before.live_version + 1;
    let blob = version::put_live(
        tx,
        means,
        before.seal_place(),
        version,
        &content.values,
        &content.destination,
        &allowed.actor().id,
    )?;
    let state = Checked::saved(report, now)?;
    diesel::update(one(workspace, id))
        .set((
            state.columns(),
            credentials::live_version.eq(version),
            credentials::place.eq(&content.place),
            credentials::badge.eq(content.badge),
        ))
        .execute(tx.conn())?;
    fingerprint::replace(tx, workspace, id, &fingerprint::of(means, workspace, &content.values.secret)?)?;
    count::shift(tx, workspace, Some(before.status), Some(state.status))?;
    check_record::insert(tx, workspace, id, Cause::Save, report, now)?;
    Ok((version, blob))
}

/// The columns that a check sets.
struct Checked {
    status: Status,
    outcome: String,
    code: String,
    hint: String,
    identity: Option<String>,
    checked_at: At,
    good_at: Option<At>,
}

#[derive(AsChangeset)]
#[diesel(table_name = credentials)]
struct CheckedColumns {
    status: Status,
    outcome: String,
    code: String,
    hint: String,
    identity: Option<String>,
    checked_at: Option<At>,
    good_at: Option<At>,
}

impl Checked {
    fn saved(report: &Report, now: At) -> Result<Self> {
        Self::of(report, status::when_saved(report.outcome, now, None), now)
    }

    fn again(before: &Credential, report: &Report, now: At) -> Result<Self> {
        let status = status::after_check(before.status, report.outcome, before.good_at, now, before.expires_at);
        Self::of(report, status, now)
    }

    fn of(report: &Report, status: Status, now: At) -> Result<Self> {
        let good = matches!(report.outcome, Outcome::Ok | Outcome::Limited);
        Ok(Self {
            status,
            outcome: check_record::outcome_text(report.outcome)?,
            code: report.code.clone(),
            hint: report.hint.clone(),
            identity: report.identity.clone(),
            checked_at: now,
            good_at: good.then_some(now),
        })
    }

    /// `None` leaves a column as it is: a failed check keeps the account and the last good time.
    fn columns(&self) -> CheckedColumns {
        CheckedColumns {
            status: self.status,
            outcome: self.outcome.clone(),
            code: self.code.clone(),
            hint: self.hint.clone(),
            identity: self.identity.clone(),
            checked_at: Some(self.checked_at),
            good_at: self.good_at,
        }
    }
}

/// Makes the search words of a credential those of its row as it is now.
fn index(tx: &mut Tx<'_>, workspace: &Id<Workspace>, id: &Id<Credential>, service: &str) -> Result<()> {
    let row = &Credential::find_any(tx.conn(), workspace, id)?;
    let mut words = word::of(
        [row.name.as_str(), row.handle.as_str(), service, row.integration.as_str()]
            .into_iter()
            .chain(row.tags.0.iter().map(String::as_str)),
    );
    let private: BTreeSet<String> = word::of([row.identity.as_str(), row.place.as_str(), row.description.as_str()]);
    words.extend(private.into_iter().map(|word| format!("{}{word}", super::credential_list::PRIVATE_MARK)));
    word::replace(tx, &row.workspace_id, &row.id, &words)
}

fn free_handle(conn: &mut Conn, workspace: &Id<Workspace>, name: &str, integration: &str) -> Result<String> {
    let base = match fold::handle(name) {
        folded if folded.is_empty() => integration.to_owned(),
        folded => folded,
    };
    let taken: BTreeSet<String> = credentials::table
        .filter(credentials::workspace_id.eq(workspace))
        .filter(
            credentials::handle
                .eq(&base)
                .or(credentials::handle.like(format!("{}-%", base.replace('_', "\\_"))).escape('\\')),
        )
        .select(credentials::handle)
        .load(conn)?
        .into_iter()
        .collect();
    std::iter::once(base.clone())
        .chain((2_u64..).map(|n| format!("{base}-{n}")))
        .find(|handle| !taken.contains(handle))
        .ok_or_else(|| Error::internal("no free handle"))
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

/// The instant that stands for “never used”.
fn never() -> At {
    At::from_micros(0).unwrap_or_else(|| At::new(chrono::DateTime::UNIX_EPOCH))
}
