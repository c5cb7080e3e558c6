//! Passkeys of people: their public keys, by the id that the device gave them.

use super::permission::Actor;
use super::second_factor::{self, Factors};
use super::user::User;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{passkeys, users};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use diesel::prelude::*;

/// So many a person may have.
pub const MOST: i64 = 20;

/// One passkey.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = passkeys, check_for_backend(crate::db::MultiBackend))]
pub struct Passkey {
    /// Its id, in base64.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// Its public key and counter, as JSON.
    pub public_key: String,
    /// When it was made.
    pub created_at: At,
    /// When it was last used.
    pub used_at: Option<At>,
}

/// The passkeys of a person, the oldest first.
pub fn of(conn: &mut Conn, user: &Id<User>) -> Result<Vec<Passkey>> {
    Ok(passkeys::table
        .filter(passkeys::user_id.eq(user))
        .order((passkeys::created_at, passkeys::id))
        .limit(MOST)
        .select(Passkey::as_select())
        .load(conn)?)
}

/// A person's passkey of this id, if they have not been disabled.
pub fn find(conn: &mut Conn, user: &Id<User>, id: &str) -> Result<Option<Passkey>> {
    Ok(passkeys::table
        .inner_join(users::table.on(users::id.eq(passkeys::user_id)))
        .filter(passkeys::user_id.eq(user).and(passkeys::id.eq(id)).and(users::disabled_at.is_null()))
        .select(Passkey::as_select())
        .first(conn)
        .optional()?)
}

/// Stores a passkey that was just made, and makes recovery codes where there are none.
pub fn add(
    tx: &mut Tx<'_>,
    means: &Means,
    user: &Id<User>,
    (id, name, public_key): (&str, &str, &str),
    actor: &Actor,
) -> Result<Vec<Secret>> {
    let before = second_factor::of(tx.conn(), user)?;
    if before.passkeys >= MOST {
        return Err(Error::Conflict(format!("{MOST} passkeys are enough. Remove one first.")));
    }
    let done = tx.savepoint(|tx| {
        diesel::insert_into(passkeys::table)
            .values((
                passkeys::id.eq(id),
                passkeys::user_id.eq(user),
                passkeys::name.eq(name),
                passkeys::public_key.eq(public_key),
                passkeys::created_at.eq(means.now()),
            ))
            .execute(tx.conn())?;
        Ok(())
    });
    super::unique_as(done, "This passkey is known already.")?;
    second_factor::changed(tx, means, user, "person.passkey_added", actor)?;
    if before.codes == 0 { second_factor::new_codes(tx, means, user, actor) } else { Ok(Vec::new()) }
}

/// Gives one of a person's passkeys another name.
pub fn rename(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, id: &str, name: &str, actor: &Actor) -> Result<()> {
    let own = passkeys::user_id.eq(user).and(passkeys::id.eq(id));
    if diesel::update(passkeys::table.filter(own)).set(passkeys::name.eq(name)).execute(tx.conn())? == 0 {
        return Err(Error::NotFound);
    }
    let entry = audit::Entry::allow("person.passkey_renamed", audit::Target::user(user)).detail("to", name);
    audit::record(tx, means, audit::INSTANCE, actor, entry).map(drop)
}

/// Removes one of a person's passkeys.
pub fn remove(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, id: &str, actor: &Actor) -> Result<()> {
    let less = |factors: Factors| Factors { passkeys: factors.passkeys - 1, ..factors };
    second_factor::keep_what_is_asked(tx, means, user, less)?;
    let own = passkeys::user_id.eq(user).and(passkeys::id.eq(id));
    if diesel::delete(passkeys::table.filter(own)).execute(tx.conn())? == 0 {
        return Err(Error::NotFound);
    }
    second_factor::drop_codes_of_nothing(tx, user)?;
    second_factor::changed(tx, means, user, "person.passkey_removed", actor)
}

/// Keeps what using a passkey changed about it, if it is still as it was read: of two answers made with one counter,
/// one counts.
pub fn used(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, before: &Passkey, public_key: &str) -> Result<bool> {
    let same =
        passkeys::user_id.eq(user).and(passkeys::id.eq(&before.id)).and(passkeys::public_key.eq(&before.public_key));
    let changed = diesel::update(passkeys::table.filter(same))
        .set((passkeys::public_key.eq(public_key), passkeys::used_at.eq(Some(means.now()))))
        .execute(tx.conn())?;
    Ok(changed > 0)
}

/// Writes down that an answer was not true.
pub fn refused(tx: &mut Tx<'_>, means: &Means, action: &'static str, actor: &Actor) -> Result<()> {
    let entry = audit::Entry::deny(action, audit::Target::instance(), "passkey");
    audit::record(tx, means, audit::INSTANCE, actor, entry).map(drop)
}
