//! What was begun and waits for its other half: a few minutes, a few tries.

use super::user::User;
use crate::clock::At;
use crate::crypto::token;
use crate::db::schema::steps;
use crate::db::types::text_enum;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;

/// A step waits for so long.
pub const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);
/// So many tries a step has.
pub const TRIES: i32 = 5;

text_enum! {
    /// What is waited for.
    Purpose {
        /// The password was right; the second factor is to come.
        SecondFactor = "second_factor",
        /// A seed was shown; its first code is to come.
        Authenticator = "authenticator",
        /// A passkey was asked to sign in or confirm.
        Passkey = "passkey",
        /// A passkey is being made.
        Registration = "registration",
    }
}

/// A step that waits.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = steps, check_for_backend(crate::db::MultiBackend))]
pub struct Step {
    /// Its key: the digest of a token, or the person's name for it.
    pub id: String,
    /// Whose it is, where that is known.
    pub user_id: Option<Id<User>>,
    /// What the other half is judged by.
    pub state: String,
    /// How often it was tried.
    pub tries: i32,
}

/// The key of a step that a browser holds by a token.
pub fn held_by(browser: &str) -> String {
    token::digest(browser)
}

/// The key of the one step of a purpose that a person can have.
pub fn of_person(purpose: Purpose, user: &Id<User>) -> String {
    format!("{purpose}:{user}")
}

/// Begins a step; one of the same key is forgotten.
pub fn begin(tx: &mut Tx<'_>, id: &str, purpose: Purpose, user: Option<&Id<User>>, state: &str, now: At) -> Result<()> {
    end(tx, id)?;
    diesel::insert_into(steps::table)
        .values((
            steps::id.eq(id),
            steps::purpose.eq(purpose),
            steps::user_id.eq(user),
            steps::state.eq(state),
            steps::tries.eq(0),
            steps::expires_at.eq(now.plus(GOOD_FOR)),
        ))
        .execute(tx.conn())?;
    Ok(())
}

/// The step of this key, while it waits.
pub fn find(conn: &mut Conn, id: &str, purpose: Purpose, now: At) -> Result<Option<Step>> {
    Ok(steps::table
        .filter(steps::id.eq(id).and(steps::purpose.eq(purpose)).and(steps::expires_at.gt(now)))
        .filter(steps::tries.lt(TRIES))
        .select(Step::as_select())
        .first(conn)
        .optional()?)
}

/// Counts a try before it is judged; `None` once there are none left.
pub fn try_one(tx: &mut Tx<'_>, id: &str, purpose: Purpose, now: At) -> Result<Option<Step>> {
    let open = steps::table
        .filter(steps::id.eq(id).and(steps::purpose.eq(purpose)).and(steps::expires_at.gt(now)))
        .filter(steps::tries.lt(TRIES));
    let counted = diesel::update(open).set(steps::tries.eq(steps::tries + 1)).execute(tx.conn())?;
    if counted == 0 {
        return Ok(None);
    }
    Ok(steps::table.filter(steps::id.eq(id)).select(Step::as_select()).first(tx.conn()).optional()?)
}

/// Ends a step. `true` if it was there: of two that end it at once, one did.
pub fn end(tx: &mut Tx<'_>, id: &str) -> Result<bool> {
    Ok(diesel::delete(steps::table.filter(steps::id.eq(id))).execute(tx.conn())? > 0)
}

/// Ends every step of a person.
pub fn end_all_of(tx: &mut Tx<'_>, user: &Id<User>) -> Result<()> {
    diesel::delete(steps::table.filter(steps::user_id.eq(user))).execute(tx.conn())?;
    Ok(())
}

/// Forgets what waited too long; returns how many.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::delete(steps::table.filter(steps::expires_at.le(now))).execute(tx.conn())?)
}
