//! A new password by a link that was sent to the address of the account: once, within half an hour.

use super::outbox::{self, Promise};
use super::permission::Actor;
use super::session::Session;
use super::user::{SignInRow, User};
use super::{Means, attempt, audit};
use crate::clock::At;
use crate::crypto::token;
use crate::db::schema::password_resets as resets;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use chrono::TimeDelta;
use diesel::prelude::*;

/// A link is of use for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::minutes(30);
/// So many links are sent to one person in that time.
const MOST: i64 = 3;

/// What a request comes with.
pub struct Wanted<'a> {
    /// Who has the address, if somebody does.
    pub person: Option<&'a SignInRow>,
    /// Their address as they wrote it, or as it was typed.
    pub to: &'a str,
    /// The token that goes into the link.
    pub link: &'a Secret,
    /// The mail's subject.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Promises a link to whoever has the address. For an address that nobody has, or somebody who is disabled or was sent
/// enough of them, the same is done and undone, so that neither the answer nor the time tells.
pub fn ask(tx: &mut Tx<'_>, means: &Means, wanted: &Wanted<'_>, actor: &Actor) -> Result<()> {
    let now = means.now();
    let known = wanted.person.filter(|row| row.disabled_at.is_none()).map(|row| row.id.clone());
    let user = known.clone().unwrap_or_else(Id::new);
    let open: i64 = resets::table
        .filter(resets::user_id.eq(&user).and(resets::created_at.gt(now.plus(-GOOD_FOR))))
        .count()
        .get_result(tx.conn())?;
    let done = tx.savepoint(|tx| {
        diesel::insert_into(resets::table)
            .values((
                resets::token_hash.eq(token::digest(wanted.link.expose())),
                resets::user_id.eq(&user),
                resets::created_at.eq(now),
                resets::expires_at.eq(now.plus(GOOD_FOR)),
            ))
            .execute(tx.conn())?;
        let mail = Promise {
            workspace: None,
            user: known.as_ref(),
            kind: "reset",
            to: wanted.to,
            subject: wanted.subject,
            text: wanted.text,
            good_for: GOOD_FOR,
        };
        outbox::promise(tx, means, &mail)?;
        audit::record(
            tx,
            means,
            audit::INSTANCE,
            actor,
            audit::Entry::allow("reset.asked", audit::Target::user(&user)),
        )?;
        if known.is_some() && open < MOST { Ok(()) } else { Err(Error::NotFound) }
    });
    match done {
        Err(Error::NotFound) => Ok(()),
        done => done,
    }
}

/// Whom a link lets choose a new password now.
pub fn by_token(conn: &mut Conn, link: &str, now: At) -> Result<Option<User>> {
    let found: Option<Id<User>> = resets::table
        .filter(resets::token_hash.eq(token::digest(link)).and(resets::expires_at.gt(now)))
        .select(resets::user_id)
        .first(conn)
        .optional()?;
    match found {
        Some(user) => User::find(conn, &user),
        None => Ok(None),
    }
}

/// Stores the new password and ends every session. The link, and every other of the person, is spent;
/// [`Error::NotFound`] if it was already.
pub fn redeem(tx: &mut Tx<'_>, means: &Means, link: &str, password_hash: &str, actor: &Actor) -> Result<User> {
    let now = means.now();
    let spent: Option<Id<User>> = diesel::delete(
        resets::table.filter(resets::token_hash.eq(token::digest(link)).and(resets::expires_at.gt(now))),
    )
    .returning(resets::user_id)
    .get_result(tx.conn())
    .optional()?;
    let user = spent.ok_or(Error::NotFound)?;
    let person = User::find(tx.conn(), &user)?.ok_or(Error::NotFound)?;
    forget(tx, &user)?;
    User::set_password(tx, &user, password_hash)?;
    attempt::forgive(tx, &user)?;
    let ended = Session::end_all_of(tx, &user, None)?;
    let entry = audit::Entry::allow("person.password_reset", audit::Target::user(&user)).detail("sessions", ended);
    let actor = Actor { kind: "person", id: user.to_string(), ..actor.clone() };
    audit::record(tx, means, audit::INSTANCE, &actor, entry)?;
    Ok(person)
}

/// Forgets every link that a person was sent.
pub(super) fn forget(tx: &mut Tx<'_>, user: &Id<User>) -> Result<()> {
    diesel::delete(resets::table.filter(resets::user_id.eq(user))).execute(tx.conn())?;
    Ok(())
}

/// Forgets links whose time is over; returns how many.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::delete(resets::table.filter(resets::expires_at.le(now))).execute(tx.conn())?)
}
