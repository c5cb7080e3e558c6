//! What a bot's call takes: judged, written down and counted in one unit, before anything leaves.

use super::bot::Bot;
use super::bot_token::{BotToken, Closed, Scope};
use super::credential::Credential;
use super::permission::{Actor, Allowed, UseCredential};
use super::served::{self, Answer, Named, served};
use super::version::Version;
use super::{Means, audit, credential_change};
use crate::catalog::destination;
use crate::catalog::form::Values;
use crate::catalog::load::Catalog;
use crate::catalog::schema::Method;
use crate::clock::At;
use crate::crypto::bot_token::Presented;
use crate::db::schema::{blocks, credential_uses as uses, credentials};
use crate::db::{Conn, Tx, dialect};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use std::net::IpAddr;

/// The last use of a credential is written into its row at most so often: lists are sorted by it.
const TOUCH_EVERY: TimeDelta = TimeDelta::seconds(60);

/// What a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A credential, by handle or id.
    Credential(String),
    /// A block, by key.
    Block(String),
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The values go to the bot.
    Fetch,
    /// We make a call with them.
    Use,
}

impl Purpose {
    /// The scope that it needs.
    pub fn scope(self) -> Scope {
        match self {
            Self::Fetch => Scope::Fetch,
            Self::Use => Scope::Use,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Fetch => "credential.fetched",
            Self::Use => "credential.used",
        }
    }
}

/// Who asks: a token, and where from.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token.
    pub token: Presented,
    /// The address it came from.
    pub address: Option<IpAddr>,
    /// How the audit log names who has not been recognised yet.
    pub actor: Actor,
    /// The pattern of the address that was asked.
    pub route: String,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks.
    pub caller: Caller,
    /// What for.
    pub purpose: Purpose,
    /// Of what.
    pub wanted: Wanted,
    /// Of which version; none: of the one in use.
    pub version: Option<i64>,
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such token.
    Unknown,
    /// The token is not let in.
    Closed(Closed),
    /// The token lacks a scope.
    Scope(Scope),
    /// Nothing of this name within the token's reach.
    NotFound,
    /// The block has no credential.
    EmptyBlock,
    /// It was deleted.
    Deleted,
    /// It is switched off.
    Suspended,
    /// It does not work; with the hint of its last check.
    Broken(String),
    /// It cannot be decrypted.
    Unreadable,
    /// The catalogue does not have its service any more.
    NoService,
    /// There is no such version, or it is not served yet or any more.
    NoVersion,
    /// The call does not fit its credential: the name of the problem's type, and what is wrong.
    Unfit(&'static str, String),
}

impl Refusal {
    /// Its word in the audit log, and the name of its problem type.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "token-unknown",
            Self::Closed(Closed::Revoked) => "token-revoked",
            Self::Closed(Closed::Expired) => "token-expired",
            Self::Closed(Closed::Network) => "token-network",
            Self::Scope(_) => "scope-missing",
            Self::NotFound => "not-found",
            Self::EmptyBlock => "block-empty",
            Self::Deleted => "credential-deleted",
            Self::Suspended => "credential-suspended",
            Self::Broken(_) => "credential-broken",
            Self::Unreadable => "credential-unreadable",
            Self::NoService => "service-unknown",
            Self::NoVersion => "version-gone",
            Self::Unfit(code, _) => code,
        }
    }

    /// Whether it may be somebody who tries what a token opens, not a bot whose own credential is in a bad state.
    pub fn may_be_probing(&self) -> bool {
        matches!(self, Self::Unknown | Self::Closed(_) | Self::Scope(_) | Self::NotFound)
    }
}

/// What a granted call gets.
#[derive(Debug)]
pub struct Granted {
    /// The permission, for what follows from the call.
    pub allowed: Allowed<UseCredential>,
    /// The token.
    pub token: BotToken,
    /// The credential.
    pub row: Credential,
    /// The version that is served.
    pub version: Version,
    /// Its values.
    pub values: Values,
}

/// What became of a call.
pub type Taken = Result<Box<Granted>, Refusal>;

/// Finds the token of a call that may do one of some things.
///
/// # Errors
/// The outer one when storage fails.
pub fn recognise(conn: &mut Conn, now: At, caller: &Caller, scopes: &[Scope]) -> Result<Result<BotToken, Refusal>> {
    let Some((token, has_bot)) = BotToken::by_digest(conn, &caller.token.digest)? else {
        return Ok(Err(Refusal::Unknown));
    };
    let judged = if has_bot { token.judge(now, caller.address) } else { Err(Closed::Revoked) };
    Ok(match (judged, scopes) {
        (Err(closed), _) => Err(Refusal::Closed(closed)),
        (Ok(()), scopes) if scopes.iter().any(|scope| token.may(*scope)) => Ok(token),
        (Ok(()), [first, ..]) => Err(Refusal::Scope(*first)),
        (Ok(()), []) => Ok(token),
    })
}

/// Writes down that a call was refused before it named anything; nothing for a token that nobody knows.
pub fn refused(tx: &mut Tx<'_>, means: &Means, caller: &Caller, refusal: &Refusal) -> Result<()> {
    let Some((token, _)) = BotToken::by_digest(tx.conn(), &caller.token.digest)? else { return Ok(()) };
    let target = audit::Target::route(&caller.route);
    let entry = audit::Entry::deny("token.refused", target, refusal.code()).detail("token", token.prefix.as_str());
    audit::record(tx, means, token.workspace_id.as_str(), &token.actor(&caller.actor), entry).map(|_| ())
}

/// Judges a call and, if it may be, opens the values; `fits` says whether the call can be made with them. Either way it
/// is written down here, so that nothing leaves before its line is kept.
///
/// # Errors
/// When storage fails; a refusal is a value, since it leaves a line.
pub fn take(
    tx: &mut Tx<'_>,
    means: &Means,
    catalog: &Catalog,
    asked: &Asked,
    fits: &dyn Fn(&Method, &Values) -> Result<(), Refusal>,
) -> Result<Taken> {
    let digest = &asked.caller.token.digest;
    if dialect::needs_row_locks(tx.conn())
        && let Some((token, _)) = BotToken::by_digest(tx.conn(), digest)?
    {
        // What is judged is read behind the lock: a token revoked a moment ago is not let in.
        audit::lock(tx, token.workspace_id.as_str())?;
    }
    let now = means.now();
    let Some((token, has_bot)) = BotToken::by_digest(tx.conn(), digest)? else { return Ok(Err(Refusal::Unknown)) };
    let actor = token.actor(&asked.caller.actor);
    let mut seen = Seen::default();
    let fitting = |row: &Credential, values: &Values| match catalog.method(&row.integration, &row.method) {
        Some((_, method)) => fits(method, values),
        None => Err(Refusal::NoService),
    };
    let judged = match judge(tx.conn(), now, &token, has_bot, asked, &mut seen)? {
        Ok((row, version)) => open(tx, means, catalog, &row, &version, &token, &actor)?
            .and_then(|values| fitting(&row, &values).map(|()| (row, version, values))),
        Err(refusal) => Err(refusal),
    };
    match judged {
        Ok((row, version, values)) => {
            count(tx, &token, &row.id, now, true)?;
            token.touch(tx, now)?;
            touch(tx, &row, now)?;
            let entry =
                seen.noted(audit::Entry::allow(asked.purpose.action(), audit::Target::credential(row.id.as_str())));
            let entry = entry.detail("token", token.prefix.as_str()).detail("version", version.version);
            audit::record(tx, means, token.workspace_id.as_str(), &actor, entry)?;
            let allowed = Allowed::bot(token.workspace_id.clone(), actor, token.id.clone());
            Ok(Ok(Box::new(Granted { allowed, token, row, version, values })))
        }
        Err(refusal) => {
            if let (Some(credential), true) = (&seen.credential, seen.reached) {
                count(tx, &token, credential, now, false)?;
            }
            let target = match &seen.credential {
                Some(credential) => audit::Target::credential(credential.as_str()),
                None => audit::Target::route(&asked.caller.route),
            };
            let entry = seen.noted(audit::Entry::deny(asked.purpose.action(), target, refusal.code()));
            let entry = entry.detail("token", token.prefix.as_str());
            audit::record(tx, means, token.workspace_id.as_str(), &actor, entry)?;
            Ok(Err(refusal))
        }
    }
}

/// What was found on the way to a judgement, for its line.
#[derive(Default)]
struct Seen {
    credential: Option<Id<Credential>>,
    /// Whether the credential is within the token's reach.
    reached: bool,
    block: Option<String>,
}

impl Seen {
    fn noted(&self, entry: audit::Entry) -> audit::Entry {
        match &self.block {
            Some(block) => entry.detail("block", block.as_str()),
            None => entry,
        }
    }
}

fn judge(
    conn: &mut Conn,
    now: At,
    token: &BotToken,
    has_bot: bool,
    asked: &Asked,
    seen: &mut Seen,
) -> Result<Result<(Credential, Version), Refusal>> {
    let let_in = if has_bot { token.judge(now, asked.caller.address) } else { Err(Closed::Revoked) };
    if let Err(closed) = let_in {
        return Ok(Err(Refusal::Closed(closed)));
    }
    if !token.may(asked.purpose.scope()) {
        return Ok(Err(Refusal::Scope(asked.purpose.scope())));
    }
    let (answer, through_block) = match &asked.wanted {
        Wanted::Credential(text) => (of_credential(conn, token, text, asked.version, now)?, false),
        Wanted::Block(key) => {
            let chosen: Option<Option<Id<Credential>>> = blocks::table
                .filter(blocks::workspace_id.eq(&token.workspace_id).and(blocks::key.eq(key)))
                .filter(blocks::bot_id.nullable().eq(token.bot_id.as_ref().map(Id::as_str)))
                .select(blocks::credential_id)
                .first(conn)
                .optional()?;
            let Some(chosen) = chosen else { return Ok(Err(Refusal::NotFound)) };
            seen.block = Some(key.clone());
            let Some(id) = chosen else { return Ok(Err(Refusal::EmptyBlock)) };
            (served(conn, &token.workspace_id, Named::Id(&id), asked.version, now)?, token.every_block)
        }
    };
    let (Answer::Served(row, _) | Answer::Refused(row, _)) = &answer else { return Ok(Err(Refusal::NotFound)) };
    seen.credential = Some(row.id.clone());
    if !through_block && !token.reaches(conn, &row.id)? {
        return Ok(Err(Refusal::NotFound));
    }
    seen.reached = true;
    Ok(match answer {
        Answer::Served(row, version) => Ok((*row, *version)),
        Answer::Absent => Err(Refusal::NotFound),
        Answer::Refused(row, why) => Err(match why {
            served::Refusal::Deleted => Refusal::Deleted,
            served::Refusal::Suspended(_) => Refusal::Suspended,
            served::Refusal::Unreadable => Refusal::Unreadable,
            served::Refusal::Broken => Refusal::Broken(row.hint),
            served::Refusal::Staged | served::Refusal::Ended => Refusal::NoVersion,
        }),
    })
}

/// What is served of a credential that is named by its id or handle.
fn of_credential(conn: &mut Conn, token: &BotToken, name: &str, version: Option<i64>, now: At) -> Result<Answer> {
    match Id::<Credential>::parse(name) {
        Some(id) => served(conn, &token.workspace_id, Named::Id(&id), version, now),
        None => served(conn, &token.workspace_id, Named::Handle(name), version, now),
    }
}

/// Opens the values, provided that they lead where they were sealed for.
fn open(
    tx: &mut Tx<'_>,
    means: &Means,
    catalog: &Catalog,
    row: &Credential,
    version: &Version,
    token: &BotToken,
    actor: &Actor,
) -> Result<Result<Values, Refusal>> {
    let Some((_, method)) = catalog.method(&row.integration, &row.method) else { return Ok(Err(Refusal::NoService)) };
    let leads = serde_json::from_str(&version.destination)
        .is_ok_and(|sealed| destination::changed(method, &sealed, &version.config.0).is_empty());
    if !leads {
        tracing::warn!(credential = %row.id, "its values lead elsewhere than it was sealed for");
        return Ok(Err(Refusal::Unreadable));
    }
    match version.open(tx.conn(), means, row.seal_place()) {
        Ok(secret) => Ok(Ok(Values { plain: version.config.0.clone(), secret })),
        Err(fault) => {
            tracing::warn!(credential = %row.id, cause = fault.cause, "a stored value cannot be decrypted");
            let allowed = Allowed::<UseCredential>::bot(row.workspace_id.clone(), actor.clone(), token.id.clone());
            credential_change::unreadable(tx, means, &allowed, &row.id, &fault)?;
            Ok(Err(Refusal::Unreadable))
        }
    }
}

/// Counts a use, or a refusal, of a credential by a bot.
fn count(tx: &mut Tx<'_>, token: &BotToken, credential: &Id<Credential>, now: At, allowed: bool) -> Result<()> {
    let Some(bot) = &token.bot_id else { return Ok(()) };
    let one = uses::table
        .filter(uses::workspace_id.eq(&token.workspace_id).and(uses::credential_id.eq(credential)))
        .filter(uses::bot_id.eq(bot));
    let counted = match allowed {
        true => diesel::update(one)
            .set((uses::count.eq(uses::count + 1), uses::last_at.eq(Some(now))))
            .execute(tx.conn())?,
        false => diesel::update(one)
            .set((uses::denied.eq(uses::denied + 1), uses::last_denied_at.eq(Some(now))))
            .execute(tx.conn())?,
    };
    if counted == 0 {
        diesel::insert_into(uses::table)
            .values((
                uses::workspace_id.eq(&token.workspace_id),
                uses::credential_id.eq(credential),
                uses::bot_id.eq(bot),
                uses::last_at.eq(allowed.then_some(now)),
                uses::count.eq(i64::from(allowed)),
                uses::last_denied_at.eq((!allowed).then_some(now)),
                uses::denied.eq(i64::from(!allowed)),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

fn touch(tx: &mut Tx<'_>, row: &Credential, now: At) -> Result<()> {
    if now.since(row.last_used_at) >= TOUCH_EVERY {
        diesel::update(credential_change::one(&row.workspace_id, &row.id))
            .set(credentials::last_used_at.eq(now))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// The credentials that a token is for, with what may be said of them, by handle; behind `after`, at most `limit`.
pub fn within_reach(conn: &mut Conn, token: &BotToken, after: &str, limit: i64) -> Result<Vec<Credential>> {
    use crate::db::schema::bot_token_credentials as narrowed;
    let query = credentials::table
        .filter(credentials::workspace_id.eq(token.workspace_id.as_str().to_owned()))
        .filter(credentials::deleted_at.is_null().and(credentials::handle.gt(after.to_owned())))
        .into_boxed();
    let query = if token.every_block {
        let chosen = blocks::table
            .filter(blocks::workspace_id.eq(token.workspace_id.as_str().to_owned()))
            .filter(blocks::bot_id.nullable().eq(token.bot_id.as_ref().map(ToString::to_string)))
            .select(blocks::credential_id);
        query.filter(credentials::id.nullable().eq_any(chosen))
    } else {
        let named = narrowed::table
            .filter(narrowed::workspace_id.eq(token.workspace_id.as_str().to_owned()))
            .filter(narrowed::token_id.eq(token.id.as_str().to_owned()))
            .select(narrowed::credential_id);
        query.filter(credentials::id.eq_any(named))
    };
    Ok(query.order(credentials::handle).limit(limit).select(Credential::as_select()).load(conn)?)
}

/// A credential that a token is for, by handle or id.
pub fn find_within_reach(conn: &mut Conn, token: &BotToken, name: &str, now: At) -> Result<Option<Credential>> {
    let (Answer::Served(row, _) | Answer::Refused(row, _)) = of_credential(conn, token, name, None, now)? else {
        return Ok(None);
    };
    Ok(if row.deleted_at.is_none() && token.reaches(conn, &row.id)? { Some(*row) } else { None })
}

/// The blocks of a token's bot: key, label, service, and the credential's handle and status where there is one that
/// is within reach; behind `after`, at most `limit`.
pub fn blocks_of(conn: &mut Conn, token: &BotToken, after: &str, limit: i64) -> Result<Vec<BlockRow>> {
    let Some(bot) = &token.bot_id else { return Ok(Vec::new()) };
    let chosen =
        credentials::workspace_id.eq(blocks::workspace_id).and(credentials::id.nullable().eq(blocks::credential_id));
    let rows: Vec<(String, String, String, Option<Credential>)> = blocks::table
        .left_join(credentials::table.on(chosen))
        .filter(blocks::workspace_id.eq(&token.workspace_id).and(blocks::bot_id.eq(bot)))
        .filter(blocks::key.gt(after))
        .order(blocks::key)
        .limit(limit)
        .select((blocks::key, blocks::label, blocks::integration, Option::<Credential>::as_select()))
        .load(conn)?;
    let reach: Vec<String> = match token.every_block {
        true => Vec::new(),
        false => within_reach(conn, token, "", 1000)?.into_iter().map(|row| row.id.to_string()).collect(),
    };
    let reaches = |row: &Credential| token.every_block || reach.iter().any(|id| id == row.id.as_str());
    Ok(rows
        .into_iter()
        .map(|(key, label, integration, chosen)| BlockRow {
            key,
            label,
            integration,
            credential: chosen.filter(reaches),
        })
        .collect())
}

/// A block as its bot sees it.
#[derive(Debug)]
pub struct BlockRow {
    /// Its key.
    pub key: String,
    /// Its label.
    pub label: String,
    /// The service of its credentials.
    pub integration: String,
    /// What it chose, if the token is for it.
    pub credential: Option<Credential>,
}

/// The bot of a token, for its name.
pub fn bot_of(conn: &mut Conn, token: &BotToken) -> Result<Option<Bot>> {
    match &token.bot_id {
        Some(bot) => Bot::find(conn, &token.workspace_id, bot),
        None => Ok(None),
    }
}
