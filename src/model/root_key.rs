//! Root keys and the instance roots that they wrap: staged, promoted at a start, retained, retired.
//!
//! A row is one version of the instance root under one root key. Exactly one row is active; the rows of a root
//! key that is to come are staged until a server starts with it.

use super::permission::Actor;
use super::{Means, audit};
use crate::clock::At;
use crate::crypto::keyring::{Keyring, KeyringError, WrappedRoot};
use crate::crypto::random::Random;
use crate::crypto::root_key::RootKey;
use crate::db::schema::{instance, instance_roots as roots};
use crate::db::types::text_enum;
use crate::db::{Conn, Tx, dialect};
use crate::error::{Error, Result};
use chrono::TimeDelta;
use diesel::prelude::*;
use std::collections::BTreeSet;

text_enum! {
    /// What a wrapped instance root is still good for.
    RootState {
        /// Wrapped under a root key that is to come.
        Staged = "staged",
        /// In use.
        Active = "active",
        /// Kept for what is older.
        Retained = "retained",
        /// No longer in use.
        Retired = "retired",
    }
}

/// A root key that was used this recently may be the one that some process starts with next.
pub const QUIET: TimeDelta = TimeDelta::days(7);

/// A row, without what is wrapped.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = roots, check_for_backend(crate::db::MultiBackend))]
pub struct Root {
    /// The version of the instance root.
    pub version: i32,
    /// The root key that wraps it.
    pub root_label: String,
    /// What it is good for.
    pub state: RootState,
    /// When it was wrapped.
    pub created_at: At,
    /// When a server last ran with this root key.
    pub used_at: Option<At>,
    /// When it was retired.
    pub retired_at: Option<At>,
}

/// Every row, by version and label.
pub fn all(conn: &mut Conn) -> Result<Vec<Root>> {
    Ok(roots::table.order((roots::version, roots::created_at)).select(Root::as_select()).load(conn)?)
}

/// Opens the key ring of an instance with what is stored.
pub(super) fn ring(
    conn: &mut Conn,
    instance: &str,
    root_key: &RootKey,
    random: &Random,
) -> Result<Result<Keyring, KeyringError>> {
    let rows: Vec<(i32, String, String, Vec<u8>, RootState)> = roots::table
        .filter(roots::state.ne(RootState::Retired))
        .order((roots::version, roots::root_label))
        .select((roots::version, roots::root_label, roots::check_value, roots::wrapped, roots::state))
        .load(conn)?;
    let (mut active, mut stored) = (0, Vec::new());
    for (version, label, check, wrapped, state) in rows {
        let version = u32::try_from(version).map_err(Error::internal)?;
        if state == RootState::Active {
            active = version;
        }
        stored.push(WrappedRoot { version, label, check, wrapped });
    }
    Ok(Keyring::open(random.clone(), instance, root_key, &stored, active))
}

pub(super) fn insert(tx: &mut Tx<'_>, root: &WrappedRoot, state: RootState, now: At) -> Result<()> {
    diesel::insert_into(roots::table)
        .values((
            roots::version.eq(i32::try_from(root.version).map_err(Error::internal)?),
            roots::root_label.eq(&root.label),
            roots::check_value.eq(&root.check),
            roots::wrapped.eq(&root.wrapped),
            roots::state.eq(state),
            roots::created_at.eq(now),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// Wraps every instance root under a root key that is to come. `false` if that was done already.
pub fn stage(tx: &mut Tx<'_>, means: &Means, new: &RootKey) -> Result<bool> {
    dialect::lock_instance(tx.conn())?;
    let rows = all(tx.conn())?;
    let label = new.label();
    let is = |state| rows.iter().any(|row| row.root_label == label && row.state == state);
    if is(RootState::Staged) && !is(RootState::Active) {
        return Ok(false);
    }
    if is(RootState::Active) {
        return Err(Error::Conflict(format!("The root key {label} is the one in use.")));
    }
    if is(RootState::Retained) || is(RootState::Retired) {
        return Err(Error::Conflict(format!(
            "The root key {label} was in use before. Make a new one with: openssl rand -base64 32"
        )));
    }
    if let Some(other) = rows.iter().find(|row| row.state == RootState::Staged) {
        return Err(Error::Conflict(staged_already(&other.root_label)));
    }
    let wrapped = means.keyring.rewrap(new)?;
    for root in &wrapped {
        insert(tx, root, RootState::Staged, means.now())?;
    }
    let entry = audit::Entry::allow("root_key.staged", audit::Target::instance())
        .detail("label", label)
        .detail("roots", wrapped.len());
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry)?;
    Ok(true)
}

fn staged_already(label: &str) -> String {
    format!(
        "The root key {label} is staged: start the servers with it, or withdraw it with “credenza keys retire {label}”."
    )
}

/// Makes the next instance root, staged under the root key in use; it seals from the next start on.
pub fn stage_root(tx: &mut Tx<'_>, means: &Means, root_key: &RootKey) -> Result<u32> {
    dialect::lock_instance(tx.conn())?;
    let rows = all(tx.conn())?;
    let own = root_key.label();
    if let Some(staged) = rows.iter().find(|row| row.state == RootState::Staged) {
        return Err(Error::Conflict(match staged.root_label == own {
            true => format!("Instance root {} is staged already: restart every server.", staged.version),
            false => staged_already(&staged.root_label),
        }));
    }
    if let Some(other) = rows.iter().find(|row| row.state != RootState::Retired && row.root_label != own) {
        let label = &other.root_label;
        return Err(Error::Conflict(format!(
            "The root key {label} is still kept and would not open a new instance root. First run “credenza keys retire {label}”."
        )));
    }
    let root = means.keyring.next_root(root_key)?;
    insert(tx, &root, RootState::Staged, means.now())?;
    let entry = audit::Entry::allow("instance_root.staged", audit::Target::instance()).detail("version", root.version);
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry)?;
    Ok(root.version)
}

/// At a server's start: notes that its root key is in use and, if something is staged under it, makes that the
/// active one, all in one transaction. `true` if so: then the key ring must be opened again.
pub fn promote(tx: &mut Tx<'_>, means: &Means) -> Result<bool> {
    dialect::lock_instance(tx.conn())?;
    note_use(tx, means)?;
    let label = means.keyring.label();
    let mut own = all(tx.conn())?;
    own.retain(|row| row.root_label == label && row.state != RootState::Retired);
    if own.iter().all(|row| row.state != RootState::Staged) {
        return Ok(false);
    }
    let newest = own.iter().map(|row| row.version).max().unwrap_or_default();
    let to = |state: RootState| (roots::state.eq(state),);
    diesel::update(roots::table.filter(roots::state.eq(RootState::Active)))
        .set(to(RootState::Retained))
        .execute(tx.conn())?;
    diesel::update(roots::table.filter(roots::root_label.eq(label).and(roots::state.eq(RootState::Staged))))
        .set(to(RootState::Retained))
        .execute(tx.conn())?;
    diesel::update(roots::table.filter(roots::root_label.eq(label).and(roots::version.eq(newest))))
        .set(to(RootState::Active))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("root_key.promoted", audit::Target::instance())
        .detail("label", label)
        .detail("version", newest);
    audit::record(tx, means, audit::INSTANCE, &Actor::job("start"), entry)?;
    Ok(true)
}

/// Whether this process has the instance root that seals. One that another process has promoted since is not a lost
/// key: [`Error::Unavailable`], and this process must be started again.
pub fn judge_current(conn: &mut Conn, means: &Means) -> Result<()> {
    let active = roots::table.filter(roots::state.eq(RootState::Active)).select(roots::version);
    let active: Option<i32> = active.first(conn).optional()?;
    match active.and_then(|version| u32::try_from(version).ok()) {
        Some(version) if !means.keyring.has_root(version) => {
            Err(Error::unavailable(format!("instance root {version} is newer than this process; restart it")))
        }
        _ => Ok(()),
    }
}

/// Notes that a server runs with its root key.
pub fn note_use(tx: &mut Tx<'_>, means: &Means) -> Result<()> {
    diesel::update(roots::table.filter(roots::root_label.eq(means.keyring.label())))
        .set(roots::used_at.eq(Some(means.now())))
        .execute(tx.conn())?;
    Ok(())
}

/// Erases what is wrapped under a root key, for good. `at_once`: although a server ran with it a short while ago.
///
/// Refused for the active one, for the one that this process was given, while some instance root is wrapped
/// under no other, and, unless it was only staged or `at_once`, for [`QUIET`] after its last use.
pub fn retire(tx: &mut Tx<'_>, means: &Means, label: &str, at_once: bool) -> Result<()> {
    dialect::lock_instance(tx.conn())?;
    let mut rows = all(tx.conn())?;
    rows.retain(|row| row.state != RootState::Retired);
    let (own, others): (Vec<&Root>, Vec<&Root>) = rows.iter().partition(|row| row.root_label == label);
    may_retire(means, label, &own, &others, at_once).map_err(Error::Conflict)?;
    let now = means.now();
    diesel::update(roots::table.filter(roots::root_label.eq(label)))
        .set((
            roots::wrapped.eq(Vec::<u8>::new()),
            roots::state.eq(RootState::Retired),
            roots::retired_at.eq(Some(now)),
        ))
        .execute(tx.conn())?;
    note_retirement(tx, now)?;
    let entry = audit::Entry::allow("root_key.retired", audit::Target::instance())
        .detail("label", label)
        .detail("at_once", at_once);
    audit::record(tx, means, audit::INSTANCE, &Actor::operator(), entry).map(|_| ())
}

fn may_retire(means: &Means, label: &str, own: &[&Root], others: &[&Root], at_once: bool) -> Result<(), String> {
    if own.is_empty() {
        return Err(format!("No root key {label} is kept here. “credenza keys status” names those that are."));
    }
    if own.iter().any(|row| row.state == RootState::Active) {
        return Err(format!("The root key {label} is the active one. Stage another first: “credenza keys stage”."));
    }
    if own.iter().all(|row| row.state == RootState::Staged) {
        return Ok(());
    }
    if label == means.keyring.label() {
        return Err(format!(
            "This command was given the root key {label} itself. Give it the active one, so that it is sure that there is one."
        ));
    }
    let ready: BTreeSet<i32> =
        others.iter().filter(|row| row.state != RootState::Staged).map(|row| row.version).collect();
    if let Some(only) = own.iter().find(|row| !ready.contains(&row.version)) {
        return Err(format!("Instance root {} is wrapped under {label} alone, so that key is needed.", only.version));
    }
    let recent = own.iter().filter_map(|row| row.used_at).max().filter(|at| means.now().since(*at) < QUIET);
    match recent {
        Some(at) if !at_once => Err(format!(
            "A server ran with the root key {label} on {}, less than {} days ago. If every server starts with the active one now, add --at-once.",
            at.utc().format("%Y-%m-%d %H:%M UTC"),
            QUIET.num_days()
        )),
        _ => Ok(()),
    }
}

/// Notes that something was erased that must leave the file too.
pub(super) fn note_retirement(tx: &mut Tx<'_>, now: At) -> Result<()> {
    diesel::update(instance::table).set(instance::retired_at.eq(Some(now))).execute(tx.conn())?;
    Ok(())
}

/// The retirement after which the file was not yet written anew, if there is one.
pub fn due_compaction(conn: &mut Conn) -> Result<Option<At>> {
    let times: Option<(Option<At>, Option<At>)> =
        instance::table.select((instance::retired_at, instance::compacted_at)).first(conn).optional()?;
    Ok(times.and_then(|(retired, compacted)| retired.filter(|at| compacted.is_none_or(|done| done < *at))))
}

/// The file was written anew after this retirement.
pub fn compacted(tx: &mut Tx<'_>, retirement: At) -> Result<()> {
    diesel::update(instance::table).set(instance::compacted_at.eq(Some(retirement))).execute(tx.conn())?;
    Ok(())
}
