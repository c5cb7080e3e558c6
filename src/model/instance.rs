//! The instance: its id, and how its keys are opened.

use super::permission::Actor;
use super::root_key::RootState;
use super::{Means, audit, root_key as stored};
use crate::clock::Clock;
use crate::crypto::keyring::{Keyring, KeyringError};
use crate::crypto::random::Random;
use crate::crypto::root_key::RootKey;
use crate::db::schema::instance;
use crate::db::{Conn, Tx, dialect};
use crate::error::{Error, Result};
use crate::id::Id;
use diesel::prelude::*;
use std::sync::Arc;

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
        Some(id) => with_ring(tx.conn(), &id, root_key, random),
        None => create(tx, root_key, random, clock).map(|keyring| Opened::Ready(Box::new(keyring))),
    }
}

/// Opens the keys of an instance that exists, changing nothing; `None` if there is none.
pub fn peek(conn: &mut Conn, root_key: &RootKey, random: &Random) -> Result<Option<Opened>> {
    let id: Option<String> = instance::table.select(instance::id).first(conn).optional()?;
    id.map(|id| with_ring(conn, &id, root_key, random)).transpose()
}

fn with_ring(conn: &mut Conn, id: &str, root_key: &RootKey, random: &Random) -> Result<Opened> {
    let opened = stored::ring(conn, id, root_key, random)?;
    Ok(opened.map_or_else(Opened::Refused, |keyring| Opened::Ready(Box::new(keyring))))
}

fn create(tx: &mut Tx<'_>, root_key: &RootKey, random: &Random, clock: &Clock) -> Result<Keyring> {
    let id = Id::<Instance>::new();
    let (keyring, root) = Keyring::create(random.clone(), id.as_str(), root_key)?;
    let now = clock.now();
    diesel::insert_into(instance::table)
        .values((instance::id.eq(&id), instance::created_at.eq(now)))
        .execute(tx.conn())?;
    stored::insert(tx, &root, RootState::Active, now)?;
    audit::start(tx, audit::INSTANCE)?;
    let means = Means { keyring: Arc::new(keyring), clock: clock.clone() };
    let entry = audit::Entry::allow("instance.created", audit::Target::instance());
    audit::record(tx, &means, audit::INSTANCE, &Actor::operator(), entry)?;
    Arc::into_inner(means.keyring).ok_or_else(|| Error::internal("the key ring is held twice"))
}
