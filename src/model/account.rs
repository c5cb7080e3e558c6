//! What a person changes about their own account: password and address.

use super::outbox::{self, Promise};
use super::permission::Actor;
use super::session::Session;
use super::user::{self, User};
use super::{Means, audit, reset};
use crate::clock::At;
use crate::crypto::token;
use crate::db::schema::{email_changes, users};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use chrono::TimeDelta;
use diesel::prelude::*;

/// The link to a new address is of use for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::hours(24);
/// Notices are tried for so long.
pub const NOTICE: TimeDelta = TimeDelta::days(3);

/// What mails about another address are called among the mails.
pub const EMAIL_KIND: &str = "email";

/// A notice to a person about their account.
pub struct Notice<'a> {
    /// What it is about.
    pub kind: &'static str,
    /// Their address.
    pub to: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Promises a notice, in the transaction of what it tells of.
pub fn notify(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, notice: &Notice<'_>) -> Result<()> {
    let mail = Promise {
        workspace: None,
        user: Some(user),
        kind: notice.kind,
        to: notice.to,
        subject: notice.subject,
        text: notice.text,
        good_for: NOTICE,
    };
    outbox::promise(tx, means, &mail).map(drop)
}

/// Stores a person's new password; every session but theirs of now ends, and so do links for a new password.
pub fn set_password(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, password_hash: &str, actor: &Actor) -> Result<()> {
    User::set_password(tx, user, password_hash)?;
    reset::forget(tx, user)?;
    let ended = Session::end_all_of(tx, user, Some(&actor.session))?;
    let entry = audit::Entry::allow("person.password_changed", audit::Target::user(user)).detail("sessions", ended);
    audit::record(tx, means, audit::INSTANCE, actor, entry).map(drop)
}

/// Writes down that a person wants another address; it counts once the link that was sent there is opened.
pub fn ask_email(
    tx: &mut Tx<'_>,
    means: &Means,
    user: &Id<User>,
    email: &str,
    link: &Secret,
    actor: &Actor,
) -> Result<()> {
    let (now, email) = (means.now(), user::checked_email(email)?);
    diesel::delete(email_changes::table.filter(email_changes::user_id.eq(user))).execute(tx.conn())?;
    diesel::insert_into(email_changes::table)
        .values((
            email_changes::user_id.eq(user),
            email_changes::token_hash.eq(token::digest(link.expose())),
            email_changes::email.eq(&email),
            email_changes::created_at.eq(now),
            email_changes::expires_at.eq(now.plus(GOOD_FOR)),
        ))
        .execute(tx.conn())?;
    audit::record(
        tx,
        means,
        audit::INSTANCE,
        actor,
        audit::Entry::allow("person.email_asked", audit::Target::user(user)),
    )
    .map(drop)
}

/// The address that a person's link would give them now.
pub fn email_of(conn: &mut Conn, user: &Id<User>, link: &str, now: At) -> Result<Option<String>> {
    Ok(email_changes::table
        .filter(email_changes::user_id.eq(user).and(email_changes::token_hash.eq(token::digest(link))))
        .filter(email_changes::expires_at.gt(now))
        .select(email_changes::email)
        .first(conn)
        .optional()?)
}

/// Gives a person the address that their link was sent to; every session but theirs of now ends, and so do links for a
/// new password, which lie in the old mailbox. Returns the old address and the new one. [`Error::Conflict`] if somebody
/// else has it meanwhile.
pub fn set_email(
    tx: &mut Tx<'_>,
    means: &Means,
    user: &Id<User>,
    link: &str,
    actor: &Actor,
) -> Result<(String, String)> {
    let email = email_of(tx.conn(), user, link, means.now())?.ok_or(Error::NotFound)?;
    let before = User::find(tx.conn(), user)?.ok_or(Error::SignInNeeded)?.email;
    diesel::delete(email_changes::table.filter(email_changes::user_id.eq(user))).execute(tx.conn())?;
    let done = tx.savepoint(|tx| {
        diesel::update(users::table.filter(users::id.eq(user)))
            .set((users::email.eq(&email), users::email_key.eq(user::email_key(&email))))
            .execute(tx.conn())?;
        Ok(())
    });
    super::unique_as(done, "Somebody else has this address already.")?;
    reset::forget(tx, user)?;
    let ended = Session::end_all_of(tx, user, Some(&actor.session))?;
    let entry = audit::Entry::allow("person.email_changed", audit::Target::user(user)).detail("sessions", ended);
    audit::record(tx, means, audit::INSTANCE, actor, entry)?;
    Ok((before, email))
}
