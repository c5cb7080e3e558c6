//! What a consent gave: tokens, sealed, and when they are renewed. One renewer at a time holds a lease.

use super::credential::Credential;
use super::permission::{Allowed, Permission};
use super::sealed::Opening;
use super::sealing::{self, Unreadable};
use super::version::Place;
use super::workspace::Workspace;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{credentials, oauth_grants as grants};
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use crate::secret::Secret;
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A renewal that takes longer than this has died; another process may try.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);

/// A grant as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = grants, check_for_backend(crate::db::MultiBackend))]
pub struct Grant {
    /// Counts the stored tokens; part of the seal.
    pub serial: i64,
    /// The sealed tokens.
    pub(super) sealed: Vec<u8>,
    /// The workspace key that seals them.
    pub key_version: i32,
    /// The scopes that were asked for.
    pub asked: Json<Vec<String>>,
    /// The scopes that were given; `None` where the service does not say.
    pub granted: Json<Option<Vec<String>>>,
    /// Whether it can be renewed without a person.
    pub renewable: bool,
    /// When the access token ends, where that is known.
    pub expires_at: Option<At>,
    /// When it is renewed next; `None` when it never is by itself.
    pub refresh_at: Option<At>,
    /// When the consent ends whatever is done, where that is known.
    pub ends_at: Option<At>,
    /// When the person consented.
    pub connected_at: At,
    /// Who it was.
    pub connected_by: String,
    /// When it was last renewed.
    pub refreshed_at: Option<At>,
    /// Renewals that failed in a row.
    pub failures: i32,
    /// Until when somebody is renewing it.
    pub lease_until: Option<At>,
    /// The number of the last lease.
    pub fence: i64,
}

/// Tokens and what else the service told for keeping. `token` is the live one.
#[derive(Debug, Default)]
pub struct Tokens {
    /// By name, as templates use them.
    pub values: BTreeMap<String, Secret>,
    /// What renews them.
    pub refresh: Option<Secret>,
}

#[derive(Serialize)]
struct Written<'a> {
    values: BTreeMap<&'a str, &'a str>,
    refresh: Option<&'a str>,
}

#[derive(Deserialize)]
struct Read {
    values: BTreeMap<String, String>,
    refresh: Option<String>,
}

impl Tokens {
    /// As they are sealed: JSON that is wiped after use.
    pub(super) fn written(&self) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let refresh = self.refresh.as_ref().map(Secret::expose);
        sealing::json(&Written { values: sealing::texts(&self.values), refresh })
    }

    /// What [`Tokens::written`] wrote.
    pub(super) fn read(plain: &[u8]) -> Option<Self> {
        let Read { values, refresh } = serde_json::from_slice(plain).ok()?;
        Some(Self { values: sealing::named(values), refresh: refresh.map(Secret::new) })
    }

    /// A second holder of the same tokens.
    pub fn duplicate(&self) -> Self {
        let values = self.values.iter().map(|(name, secret)| (name.clone(), secret.duplicate())).collect();
        Self { values, refresh: self.refresh.as_ref().map(Secret::duplicate) }
    }
}

/// When tokens end and are renewed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Times {
    /// When the access token ends, in microseconds since 1970.
    pub expires_at: Option<i64>,
    /// When it is renewed next.
    pub refresh_at: Option<i64>,
    /// When the consent ends whatever is done.
    pub ends_at: Option<i64>,
}

/// What a consent or a renewal gave.
#[derive(Debug)]
pub struct NewGrant {
    /// The tokens.
    pub tokens: Tokens,
    /// The scopes that were asked for.
    pub asked: Vec<String>,
    /// The scopes that were given, where the service says.
    pub granted: Option<Vec<String>>,
    /// When they end.
    pub times: Times,
}

impl NewGrant {
    /// When what was given ends for good, where that is known: one that is renewed does not end with its token.
    pub(super) fn ends(&self) -> Option<At> {
        match is_renewable(self) {
            true => at(self.times.ends_at),
            false => at(self.times.expires_at),
        }
    }
}

impl Grant {
    /// The grant of a credential, where it has one.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<Option<Self>> {
        Ok(one(workspace, credential).select(Self::as_select()).first(conn).optional()?)
    }

    /// Opens the tokens with the keys of the workspace; `destination` is that of the credential's live version.
    pub fn open(
        &self,
        keys: &Opening,
        means: &Means,
        place: Place<'_>,
        destination: &str,
    ) -> Result<Tokens, Unreadable> {
        let context = place.grant_context(means, self.serial, destination);
        let plain = sealing::open(keys, means, context, &self.sealed, self.key_version)?;
        Tokens::read(&plain).ok_or_else(|| Unreadable::new(means, self.key_version, "not what was sealed"))
    }

    /// The scopes that were asked for and not given, where the service says what it gave.
    pub fn missing(&self) -> Vec<String> {
        missing(&self.asked.0, self.granted.0.as_deref())
    }
}

/// The grants of some credentials, by credential.
pub(super) fn of_all(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    ids: &[Id<Credential>],
) -> Result<BTreeMap<String, Grant>> {
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    let rows: Vec<(String, Grant)> = grants::table
        .filter(grants::workspace_id.eq(workspace).and(grants::credential_id.eq_any(ids)))
        .select((grants::credential_id, Grant::as_select()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Scopes that shape the answer rather than give a permission: services leave them out of what they say they gave.
const UNSAID: [&str; 6] = ["offline_access", "refresh_token", "openid", "profile", "email", "offline"];

/// The scopes of `asked` that were not given. Services shorten addresses to their last part, and some write in
/// other cases.
pub fn missing(asked: &[String], granted: Option<&[String]>) -> Vec<String> {
    let Some(granted) = granted else { return Vec::new() };
    let last = |scope: &str| scope.rsplit('/').next().unwrap_or(scope).to_lowercase();
    let given: Vec<String> = granted.iter().map(|scope| last(scope)).collect();
    let lacks = |scope: &&String| !UNSAID.contains(&scope.as_str()) && !given.contains(&last(scope));
    asked.iter().filter(lacks).cloned().collect()
}

/// Stores what a consent gave, in place of what was there. Returns the SHA-256 of the blob for the audit line.
pub(super) fn connect(
    tx: &mut Tx<'_>,
    means: &Means,
    place: Place<'_>,
    destination: &str,
    new: &NewGrant,
    by: &str,
) -> Result<(i64, String)> {
    let before = Grant::find(tx.conn(), place.workspace, place.credential)?;
    let serial = before.as_ref().map_or(1, |grant| grant.serial + 1);
    // A renewal that is under way must not overwrite the new consent.
    let fence = before.as_ref().map_or(0, |grant| grant.fence + 1);
    let now = means.now();
    let (sealed, blob) = seal(tx, means, place, serial, destination, &new.tokens)?;
    diesel::delete(one(place.workspace, place.credential)).execute(tx.conn())?;
    diesel::insert_into(grants::table)
        .values((
            (
                grants::workspace_id.eq(place.workspace),
                grants::credential_id.eq(place.credential),
                grants::serial.eq(serial),
                grants::sealed.eq(sealed.blob),
                grants::key_version.eq(sealed.key_version),
                grants::asked.eq(Json(new.asked.clone())),
                grants::granted.eq(Json(new.granted.clone())),
                grants::renewable.eq(is_renewable(new)),
            ),
            (
                grants::expires_at.eq(at(new.times.expires_at)),
                grants::refresh_at.eq(at(new.times.refresh_at)),
                grants::ends_at.eq(at(new.times.ends_at)),
                grants::connected_at.eq(now),
                grants::connected_by.eq(by),
                grants::failures.eq(0),
                grants::fence.eq(fence),
            ),
        ))
        .execute(tx.conn())?;
    set_end(tx, place, new)?;
    Ok((serial, blob))
}

/// A consent that lasts until a known day shows it; one that is renewed does not end by itself.
fn set_end(tx: &mut Tx<'_>, place: Place<'_>, new: &NewGrant) -> Result<()> {
    let end = new.ends();
    let row = credentials::workspace_id.eq(place.workspace).and(credentials::id.eq(place.credential));
    diesel::update(credentials::table.filter(row)).set(credentials::expires_at.eq(end)).execute(tx.conn())?;
    Ok(())
}

fn is_renewable(new: &NewGrant) -> bool {
    new.times.refresh_at.is_some() || new.tokens.refresh.is_some()
}

/// Takes the lease to renew the tokens of this serial number; `None` when they were renewed meanwhile or somebody
/// else is at it. The number must be shown to store what the renewal gives.
pub fn lease(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    credential: &Id<Credential>,
    serial: i64,
    now: At,
) -> Result<Option<i64>> {
    let free = grants::lease_until.is_null().or(grants::lease_until.le(now));
    let taken = diesel::update(one(workspace, credential).filter(grants::serial.eq(serial)).filter(free))
        .set((grants::lease_until.eq(Some(now.plus(LEASE))), grants::fence.eq(grants::fence + 1)))
        .execute(tx.conn())?;
    if taken == 0 {
        return Ok(None);
    }
    Ok(Some(one(workspace, credential).select(grants::fence).first(tx.conn())?))
}

/// Stores what a renewal gave, provided that its lease still holds; `false` when it was overtaken.
#[expect(clippy::too_many_arguments, reason = "what is stored, where, and by which lease")]
pub fn renew<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    place: Place<'_>,
    destination: &str,
    serial: i64,
    fence: i64,
    new: &NewGrant,
) -> Result<bool> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let (sealed, blob) = seal(tx, means, place, serial + 1, destination, &new.tokens)?;
    let mine = one(place.workspace, place.credential).filter(grants::fence.eq(fence).and(grants::serial.eq(serial)));
    let stored = diesel::update(mine)
        .set((
            grants::serial.eq(serial + 1),
            grants::sealed.eq(sealed.blob),
            grants::key_version.eq(sealed.key_version),
            grants::granted.eq(Json(new.granted.clone())),
            grants::expires_at.eq(at(new.times.expires_at)),
            grants::refresh_at.eq(at(new.times.refresh_at)),
            grants::refreshed_at.eq(Some(now)),
            grants::failures.eq(0),
            grants::lease_until.eq(None::<At>),
        ))
        .execute(tx.conn())?;
    if stored == 0 {
        return Ok(false);
    }
    let entry = audit::Entry::allow("credential.refreshed", audit::Target::credential(place.credential.as_str()))
        .detail("serial", serial + 1)
        .detail("grant", blob);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(true)
}

/// Gives a lease back after a renewal that failed; `again` is when to try next, `None` when only a person can mend it.
pub fn give_back<P: Permission>(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<P>,
    credential: &Id<Credential>,
    fence: i64,
    again: Option<At>,
    code: &str,
) -> Result<()> {
    allowed.begin(tx, means.now())?;
    let given = diesel::update(one(allowed.workspace(), credential).filter(grants::fence.eq(fence)))
        .set((
            grants::lease_until.eq(None::<At>),
            grants::refresh_at.eq(again),
            grants::failures.eq(grants::failures + 1),
        ))
        .execute(tx.conn())?;
    if given == 0 {
        return Ok(());
    }
    let entry = audit::Entry::deny("credential.refreshed", audit::Target::credential(credential.as_str()), code)
        .detail("again", again.map(At::rfc3339).unwrap_or_default());
    audit::record_allowed(tx, means, allowed, entry)
}

/// Lets a renewal that could not be tried wait. It counts as no failure: whoever can open the grant may renew it.
pub fn put_off(tx: &mut Tx<'_>, workspace: &Id<Workspace>, credential: &Id<Credential>, until: At) -> Result<()> {
    diesel::update(one(workspace, credential)).set(grants::refresh_at.eq(Some(until))).execute(tx.conn())?;
    Ok(())
}

/// Lets the grants of a service be renewed at once: its client was put right.
pub(super) fn try_again(tx: &mut Tx<'_>, workspace: &Id<Workspace>, integration: &str, now: At) -> Result<()> {
    let theirs = credentials::table
        .filter(credentials::workspace_id.eq(workspace))
        .filter(credentials::integration.eq(integration))
        .filter(credentials::outcome.ne("reauthorize"))
        .select(credentials::id);
    diesel::update(grants::table)
        .filter(grants::workspace_id.eq(workspace).and(grants::credential_id.eq_any(theirs)))
        .filter(grants::renewable.and(grants::failures.gt(0)))
        .set(grants::refresh_at.eq(Some(now)))
        .execute(tx.conn())?;
    Ok(())
}

/// A credential whose tokens are due.
pub type Due = (Id<Workspace>, Id<Credential>);

/// Grants whose time to be renewed has come, the longest due first; those of deleted credentials stay.
pub fn due(conn: &mut Conn, now: At, limit: i64) -> Result<Vec<Due>> {
    Ok(grants::table
        .inner_join(
            credentials::table
                .on(credentials::workspace_id.eq(grants::workspace_id).and(credentials::id.eq(grants::credential_id))),
        )
        .filter(grants::refresh_at.le(now))
        .filter(grants::lease_until.is_null().or(grants::lease_until.le(now)))
        .filter(credentials::deleted_at.is_null())
        .order(grants::refresh_at)
        .limit(limit)
        .select((grants::workspace_id, grants::credential_id))
        .load(conn)?)
}

/// Forgets the tokens of a credential; `false` when it had none.
pub(super) fn forget(tx: &mut Tx<'_>, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<bool> {
    Ok(diesel::delete(one(workspace, credential)).execute(tx.conn())? > 0)
}

fn seal(
    tx: &mut Tx<'_>,
    means: &Means,
    place: Place<'_>,
    serial: i64,
    destination: &str,
    tokens: &Tokens,
) -> Result<(sealing::Seal, String)> {
    let context = place.grant_context(means, serial, destination)?;
    let sealed = sealing::seal(tx, means, place.workspace, &context, &tokens.written()?)?;
    let blob = sealed.digest();
    Ok((sealed, blob))
}

fn at(micros: Option<i64>) -> Option<At> {
    micros.and_then(At::from_micros)
}

type Key<'a> = diesel::dsl::And<
    diesel::dsl::Eq<grants::workspace_id, &'a Id<Workspace>>,
    diesel::dsl::Eq<grants::credential_id, &'a Id<Credential>>,
>;

fn one<'a>(
    workspace: &'a Id<Workspace>,
    credential: &'a Id<Credential>,
) -> diesel::dsl::Filter<grants::table, Key<'a>> {
    grants::table.filter(grants::workspace_id.eq(workspace).and(grants::credential_id.eq(credential)))
}
