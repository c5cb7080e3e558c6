//! The instance: its id and its root keys.

use super::permission::Actor;
use super::{Means, audit};
use crate::clock::Clock;
use crate::crypto::keyring::{Keyring, KeyringError, WrappedRoot};
use crate::crypto::random::Random;
use crate::crypto::root_key::RootKey;
use crate::db::schema::{instance, instance_roots};
use crate::db::types::text_enum;
use crate::db::{Conn, Tx, dialect};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;
use std::sync::Arc;

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

/// This installation.
#[derive(Debug)]
pub enum Instance {}

/// What opening the instance came to.
pub enum Opened {
    /// The keys are in memory.
    Ready(Box<Keyring>),
    /// The root key does not fit this database (exit 3).
    Refused(KeyringError),
}

/// Whether this database belongs to an instance already.
pub fn exists(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(instance::table.select(instance::id))).get_result(conn)?)
}

/// Opens the instance's keys, making the instance if the database is new.
pub fn open(tx: &mut Tx<'_>, root_key: &RootKey, random: &Random, clock: &Clock) -> Result<Opened> {
    dialect::lock_instance(tx.conn())?;
    let id: Option<String> = instance::table.select(instance::id).first(tx.conn()).optional()?;
    match id {
        Some(id) => {
            let opened = Keyring::open(random.clone(), &id, root_key, &roots(tx.conn())?);
            Ok(opened.map_or_else(Opened::Refused, |keyring| Opened::Ready(Box::new(keyring))))
        }
        None => create(tx, root_key, random, clock).map(|keyring| Opened::Ready(Box::new(keyring))),
    }
}

/// Tries whether a root key opens the instance of this database, changing nothing; `None` where there is none yet.
pub fn look(conn: &mut Conn, root_key: &RootKey, random: &Random) -> Result<Option<Opened>> {
    let Some(id) = instance::table.select(instance::id).first::<String>(conn).optional()? else { return Ok(None) };
    let opened = Keyring::open(random.clone(), &id, root_key, &roots(conn)?);
    Ok(Some(opened.map_or_else(Opened::Refused, |keyring| Opened::Ready(Box::new(keyring)))))
}

fn create(tx: &mut Tx<'_>, root_key: &RootKey, random: &Random, clock: &Clock) -> Result<Keyring> {
    let id = Id::<Instance>::new();
    let (keyring, root) = Keyring::create(random.clone(), id.as_str(), root_key)?;
    let now = clock.now();
    diesel::insert_into(instance::table)
        .values((instance::id.eq(&id), instance::created_at.eq(now)))
        .execute(tx.conn())?;
    diesel::insert_into(instance_roots::table)
        .values((
            instance_roots::version.eq(i32::try_from(root.version).map_err(Error::internal)?),
            instance_roots::root_label.eq(&root.label),
            instance_roots::check_value.eq(&root.check),
            instance_roots::wrapped.eq(&root.wrapped),
            instance_roots::state.eq(RootState::Active),
            instance_roots::created_at.eq(now),
        ))
        .execute(tx.conn())?;
    audit::start(tx, audit::INSTANCE)?;
    let means = Means { keyring: Arc::new(keyring), clock: clock.clone() };
    let entry = audit::Entry::allow("instance.created", audit::Target::instance());
    audit::record(tx, &means, audit::INSTANCE, &Actor::operator(), entry)?;
    Arc::into_inner(means.keyring).ok_or_else(|| Error::internal("the key ring is held twice"))
}

fn roots(conn: &mut Conn) -> Result<Vec<WrappedRoot>> {
    let rows: Vec<(i32, String, String, Vec<u8>)> = instance_roots::table
        .filter(instance_roots::state.ne(RootState::Retired))
        .select((
            instance_roots::version,
            instance_roots::root_label,
            instance_roots::check_value,
            instance_roots::wrapped,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(version, label, check, wrapped)| {
            Ok(WrappedRoot { version: u32::try_from(version).map_err(Error::internal)?, label, check, wrapped })
        })
        .collect()
}
