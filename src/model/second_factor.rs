//! Second factors: an authenticator app, passkeys, and recovery codes that stand in for them. The seed of an app is
//! sealed for its person under the instance's own key.

use super::permission::{Actor, Role};
use super::session::Session;
use super::step::{self, Purpose};
use super::user::User;
use super::{Means, audit};
use crate::clock::At;
use crate::crypto::context::Context;
use crate::crypto::envelope;
use crate::crypto::token;
use crate::crypto::totp::{Authenticator, SEED};
use crate::db::schema::{memberships, passkeys, recovery_codes, users, workspaces};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use diesel::prelude::*;
use zeroize::Zeroizing;

/// So many recovery codes are made at once.
pub const CODES: usize = 10;
/// Letters of a recovery code that are not mistaken for one another: five bits each.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// What a person has besides a password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Factors {
    /// An authenticator app.
    pub app: bool,
    /// So many passkeys.
    pub passkeys: i64,
    /// So many recovery codes that were not used.
    pub codes: i64,
}

impl Factors {
    /// Whether a password alone is not enough.
    pub fn any(self) -> bool {
        self.app || self.passkeys > 0
    }
}

/// What a seed is sealed for.
pub fn context(means: &Means, user: &Id<User>) -> Context {
    Context::new("cc/totp/v1").text(means.keyring.instance()).text(user.as_str())
}

/// What a person has.
pub fn of(conn: &mut Conn, user: &Id<User>) -> Result<Factors> {
    let app: Option<Option<Vec<u8>>> =
        users::table.filter(users::id.eq(user)).select(users::totp_sealed).first(conn).optional()?;
    Ok(Factors {
        app: app.flatten().is_some(),
        passkeys: passkeys::table.filter(passkeys::user_id.eq(user)).count().get_result(conn)?,
        codes: recovery_codes::table.filter(recovery_codes::user_id.eq(user)).count().get_result(conn)?,
    })
}

/// The workspaces whose policy asks this person for a second factor: those where they are admin or support.
pub fn asked_by(conn: &mut Conn, user: &Id<User>, now: At) -> Result<Vec<super::workspace::Workspace>> {
    let all: Vec<super::workspace::Workspace> = memberships::table
        .inner_join(workspaces::table.on(workspaces::id.eq(memberships::workspace_id)))
        .filter(memberships::user_id.eq(user).and(memberships::role.eq_any([Role::Admin, Role::Support])))
        .filter(memberships::expires_at.is_null().or(memberships::expires_at.gt(now)))
        .select(super::workspace::Workspace::as_select())
        .load(conn)?;
    Ok(all.into_iter().filter(|workspace| workspace.settings.second_factor).collect())
}

/// Makes a seed that waits for its first code.
pub fn begin_app(tx: &mut Tx<'_>, means: &Means, user: &Id<User>) -> Result<()> {
    let mut seed = Zeroizing::new([0_u8; SEED]);
    means.keyring.random().fill(seed.as_mut_slice())?;
    let sealed = means.keyring.seal(means.keyring.mfa(), &context(means, user), seed.as_slice())?;
    let id = step::of_person(Purpose::Authenticator, user);
    step::begin(tx, &id, Purpose::Authenticator, Some(user), &STANDARD_NO_PAD.encode(sealed), means.now())
}

fn open(means: &Means, person: &User, sealed: &[u8]) -> Result<Authenticator> {
    let seed = envelope::open(|id| means.keyring.mfa_key(id), &context(means, &person.id), sealed)
        .map_err(Error::unavailable)?;
    Authenticator::new(&seed, &person.email)
}

/// The app that waits for its first code.
pub fn begun_app(conn: &mut Conn, means: &Means, person: &User) -> Result<Option<Authenticator>> {
    let id = step::of_person(Purpose::Authenticator, &person.id);
    let Some(found) = step::find(conn, &id, Purpose::Authenticator, means.now())? else { return Ok(None) };
    let sealed = STANDARD_NO_PAD.decode(&found.state).map_err(Error::internal)?;
    open(means, person, &sealed).map(Some)
}

/// Turns the app on whose first code this is, and makes recovery codes where there are none. `None` for a wrong code.
pub fn turn_on_app(
    tx: &mut Tx<'_>,
    means: &Means,
    person: &User,
    code: &str,
    actor: &Actor,
) -> Result<Option<Vec<Secret>>> {
    let (now, id) = (means.now(), step::of_person(Purpose::Authenticator, &person.id));
    let Some(found) = step::try_one(tx, &id, Purpose::Authenticator, now)? else { return Ok(None) };
    let sealed = STANDARD_NO_PAD.decode(&found.state).map_err(Error::internal)?;
    let Some(at) = open(means, person, &sealed)?.step_of(code, unix(now)) else { return Ok(None) };
    step::end(tx, &id)?;
    diesel::update(users::table.filter(users::id.eq(&person.id)))
        .set((users::totp_sealed.eq(Some(sealed)), users::totp_last_step.eq(Some(at))))
        .execute(tx.conn())?;
    changed(tx, means, &person.id, "person.authenticator_on", actor)?;
    match of(tx.conn(), &person.id)?.codes {
        0 => new_codes(tx, means, &person.id, actor).map(Some),
        _ => Ok(Some(Vec::new())),
    }
}

/// Turns the app off. Without any factor left the recovery codes go too.
pub fn turn_off_app(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, actor: &Actor) -> Result<()> {
    if !of(tx.conn(), user)?.app {
        return Err(Error::Conflict("No authenticator app is on.".into()));
    }
    keep_what_is_asked(tx, means, user, |factors| Factors { app: false, ..factors })?;
    diesel::update(users::table.filter(users::id.eq(user)))
        .set((users::totp_sealed.eq(None::<Vec<u8>>), users::totp_last_step.eq(None::<i64>)))
        .execute(tx.conn())?;
    drop_codes_of_nothing(tx, user)?;
    changed(tx, means, user, "person.authenticator_off", actor)
}

/// Takes every second factor of a person away, for one who lost them all: the operator's way, after looking who asks.
/// Their sessions end; the password alone opens again.
pub fn take_away(tx: &mut Tx<'_>, means: &Means, user: &Id<User>) -> Result<()> {
    diesel::update(users::table.filter(users::id.eq(user)))
        .set((users::totp_sealed.eq(None::<Vec<u8>>), users::totp_last_step.eq(None::<i64>)))
        .execute(tx.conn())?;
    diesel::delete(passkeys::table.filter(passkeys::user_id.eq(user))).execute(tx.conn())?;
    drop_codes_of_nothing(tx, user)?;
    changed(tx, means, user, "person.factors_taken_away", &Actor::operator())
}

/// [`Error::Conflict`] where a workspace asks for a second factor and none would be left.
pub(super) fn keep_what_is_asked(
    tx: &mut Tx<'_>,
    means: &Means,
    user: &Id<User>,
    without: impl FnOnce(Factors) -> Factors,
) -> Result<()> {
    if without(of(tx.conn(), user)?).any() {
        return Ok(());
    }
    match asked_by(tx.conn(), user, means.now())?.first() {
        None => Ok(()),
        Some(workspace) => Err(Error::Conflict(format!(
            "{} asks its admins and support for a second factor. Set another one up first.",
            workspace.name
        ))),
    }
}

/// Recovery codes stand in for something; where nothing is left they would only be another way in.
pub(super) fn drop_codes_of_nothing(tx: &mut Tx<'_>, user: &Id<User>) -> Result<()> {
    if !of(tx.conn(), user)?.any() {
        diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(tx.conn())?;
    }
    Ok(())
}

/// What every change of a factor does: other sessions and begun sign-ins end, a line is written.
pub(super) fn changed(
    tx: &mut Tx<'_>,
    means: &Means,
    user: &Id<User>,
    action: &'static str,
    actor: &Actor,
) -> Result<()> {
    let ended = Session::end_all_of(tx, user, Some(&actor.session))?;
    let entry = audit::Entry::allow(action, audit::Target::user(user)).detail("sessions", ended);
    audit::record(tx, means, audit::INSTANCE, actor, entry).map(drop)
}

/// Makes new recovery codes; the old ones are of no use any more. They are shown once.
pub fn new_codes(tx: &mut Tx<'_>, means: &Means, user: &Id<User>, actor: &Actor) -> Result<Vec<Secret>> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(tx.conn())?;
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let code = code(means)?;
        diesel::insert_into(recovery_codes::table)
            .values((recovery_codes::user_id.eq(user), recovery_codes::code_hash.eq(digest(code.expose()))))
            .execute(tx.conn())?;
        codes.push(code);
    }
    let entry = audit::Entry::allow("person.recovery_codes_made", audit::Target::user(user)).detail("codes", CODES);
    audit::record(tx, means, audit::INSTANCE, actor, entry)?;
    Ok(codes)
}

/// Twenty-four letters of five random bits each, in groups of four: 120 bits, so that a plain digest keeps it.
fn code(means: &Means) -> Result<Secret> {
    let mut bytes = Zeroizing::new([0_u8; 24]);
    means.keyring.random().fill(bytes.as_mut_slice())?;
    let mut text = String::with_capacity(29);
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        text.push(LETTERS.get(usize::from(byte % 32)).copied().map_or('A', char::from));
    }
    Ok(Secret::new(text))
}

/// The digest by which a recovery code is kept; case, dashes and spaces are the typist's own.
fn digest(code: &str) -> String {
    let letters = code.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase());
    token::digest(Zeroizing::new(letters.collect::<String>()).as_str())
}

/// Whether a text is the code of now of a person's app, or one of their recovery codes; each counts once. Returns which.
pub fn accepts(tx: &mut Tx<'_>, means: &Means, person: &User, code: &str) -> Result<Option<&'static str>> {
    if code.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(accepts_app(tx, means, person, code)?.then_some("app"));
    }
    let own = recovery_codes::user_id.eq(&person.id).and(recovery_codes::code_hash.eq(digest(code)));
    let spent = diesel::delete(recovery_codes::table.filter(own)).execute(tx.conn())?;
    Ok((spent > 0).then_some("recovery_code"))
}

/// Whether a code is of a person's app, and of a later step than the last one that was taken.
pub fn accepts_app(tx: &mut Tx<'_>, means: &Means, person: &User, code: &str) -> Result<bool> {
    let sealed: Option<Option<Vec<u8>>> =
        users::table.filter(users::id.eq(&person.id)).select(users::totp_sealed).first(tx.conn()).optional()?;
    let Some(sealed) = sealed.flatten() else { return Ok(false) };
    let Some(at) = open(means, person, &sealed)?.step_of(code, unix(means.now())) else { return Ok(false) };
    let later = users::table
        .filter(users::id.eq(&person.id))
        .filter(users::totp_last_step.is_null().or(users::totp_last_step.lt(at)));
    Ok(diesel::update(later).set(users::totp_last_step.eq(Some(at))).execute(tx.conn())? > 0)
}

fn unix(now: At) -> u64 {
    u64::try_from(now.micros() / 1_000_000).unwrap_or_default()
}

/// The sealed seed of a person.
type Sealed = (Id<User>, Vec<u8>);

/// The sealed seeds of a page of people, and where the next page begins.
fn page(conn: &mut Conn, after: &str, limit: i64) -> Result<(Vec<Sealed>, Option<String>)> {
    let page: Vec<(Id<User>, Option<Vec<u8>>)> = users::table
        .filter(users::id.gt(after).and(users::totp_sealed.is_not_null()))
        .order(users::id)
        .limit(limit)
        .select((users::id, users::totp_sealed))
        .load(conn)?;
    let next = page.last().map(|(id, _)| id.to_string());
    Ok((page.into_iter().map(|(user, sealed)| (user, sealed.unwrap_or_default())).collect(), next))
}

/// The numbers of the instance roots that the seeds of a page of people are sealed under, and where the next begins.
pub fn roots(conn: &mut Conn, after: &str, limit: i64) -> Result<(Vec<u32>, Option<String>)> {
    let (page, next) = page(conn, after, limit)?;
    Ok((page.iter().filter_map(|(_, blob)| envelope::key_id(blob).ok()).collect(), next))
}

/// People whose seed does not open, or opens to something else; for a drill. How many open, and where the next page
/// begins.
pub fn unreadable(
    conn: &mut Conn,
    means: &Means,
    after: &str,
    limit: i64,
) -> Result<(Vec<String>, i64, Option<String>)> {
    let (page, next) = page(conn, after, limit)?;
    let (mut faults, mut opened) = (Vec::new(), 0);
    for (user, blob) in page {
        match envelope::open(|id| means.keyring.mfa_key(id), &context(means, &user), &blob) {
            Ok(seed) if seed.len() == SEED => opened += 1,
            Ok(_) => faults.push(format!("the second factor of person {user}: it is no seed")),
            Err(why) => faults.push(format!("the second factor of person {user}: {why}")),
        }
    }
    Ok((faults, opened, next))
}

/// Seals the seeds of a page of people again that are still under an older instance root; returns how many, and where
/// the next page begins.
pub fn reseal(tx: &mut Tx<'_>, means: &Means, after: &str, limit: i64) -> Result<(usize, Option<String>)> {
    let (page, next) = page(tx.conn(), after, limit)?;
    let mut done = 0;
    for (user, blob) in page {
        if envelope::key_id(&blob).is_ok_and(|id| id == means.keyring.mfa().id()) {
            continue;
        }
        let Ok(seed) = envelope::open(|id| means.keyring.mfa_key(id), &context(means, &user), &blob) else { continue };
        let sealed = means.keyring.seal(means.keyring.mfa(), &context(means, &user), &seed)?;
        let same = users::table.filter(users::id.eq(&user).and(users::totp_sealed.eq(Some(blob))));
        done += diesel::update(same).set(users::totp_sealed.eq(Some(sealed))).execute(tx.conn())?;
    }
    if done > 0 {
        let entry = audit::Entry::allow("second_factors.resealed", audit::Target::instance())
            .detail("seeds", done)
            .detail("root", means.keyring.root_version());
        audit::record(tx, means, audit::INSTANCE, &Actor::job("keys"), entry)?;
    }
    Ok((done, next))
}
