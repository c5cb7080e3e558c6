//! Tokens: what bots and automations sign in with. They belong to their bot, not to whoever made them.

use super::bot::Bot;
use super::credential::Credential;
use super::permission::{Actor, Allowed, ManageTokens};
use super::user::User;
use super::workspace::Workspace;
use super::{Means, audit, token_warning};
use crate::clock::At;
use crate::crypto::bot_token::Minted;
use crate::db::schema::{blocks, bot_token_credentials as narrowed, bot_tokens as tokens, bots, credentials};
use crate::db::types::{Json, text_enum};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use ipnet::IpNet;
use std::net::IpAddr;

/// Days that a token lives unless somebody says otherwise.
pub const DAYS: i64 = 90;
/// The most days that a token lives.
pub const MOST_DAYS: i64 = 366;
/// From so many days before its end people are warned.
pub const WARN_DAYS: i64 = 14;
/// The most tokens of one bot that can be used.
const MOST: i64 = 50;
/// The most credentials and networks that a token names.
const MOST_NAMED: usize = 200;
/// How long a token that was just made can be shown.
pub const SHOWN_FOR: TimeDelta = TimeDelta::seconds(60);
/// The last use is written down at most so often.
const TOUCH_EVERY: TimeDelta = TimeDelta::seconds(60);

text_enum! {
    /// What a token may do.
    Scope {
        /// Have calls made with a credential.
        Use = "use",
        /// Get a credential's values.
        Fetch = "fetch",
        /// Manage the workspace; never together with the others.
        Manage = "manage",
    }
}

/// A token's row, without the token.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tokens, check_for_backend(crate::db::MultiBackend))]
pub struct BotToken {
    /// Its id.
    pub id: Id<BotToken>,
    /// Its workspace.
    pub workspace_id: Id<Workspace>,
    /// Its bot; none for one that manages the workspace.
    pub bot_id: Option<Id<Bot>>,
    /// What people call it.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// What it may do.
    pub scopes: Json<Vec<String>>,
    /// Whether it is for every block of its bot, or for the credentials that it names.
    pub every_block: bool,
    /// The networks that it may come from; none: from anywhere.
    pub networks: Json<Vec<String>>,
    /// When it was made.
    pub created_at: At,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    pub expires_at: At,
    /// When it was revoked.
    pub revoked_at: Option<At>,
    /// When it was first seen in an address, where others can read it.
    pub leaked_at: Option<At>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<At>,
    /// The token that was made in its place.
    pub replaced_by: Option<String>,
}

/// Why a token is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It was revoked, or its bot is gone.
    Revoked,
    /// Its time is over.
    Expired,
    /// It came from another network.
    Network,
}

/// What a new token is to be.
#[derive(Debug)]
pub struct NewToken {
    /// Its id.
    pub id: Id<BotToken>,
    /// Its bot; none for one that manages the workspace.
    pub bot: Option<Id<Bot>>,
    /// Its name, already read by [`checked_name`].
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The credentials that it is for; none: those of every block of its bot.
    pub credentials: Option<Vec<Id<Credential>>>,
    /// The networks that it may come from.
    pub networks: Vec<IpNet>,
    /// Days that it lives.
    pub days: i64,
    /// The token itself.
    pub minted: Minted,
    /// What is kept for the seconds until it is shown.
    pub shown: Option<Vec<u8>>,
    /// The token in whose place it is made, and how long that is still good.
    pub replaces: Option<(Id<BotToken>, TimeDelta)>,
}

impl BotToken {
    /// The token of this digest, and whether its bot is still there.
    pub(super) fn by_digest(conn: &mut Conn, digest: &str) -> Result<Option<(Self, bool)>> {
        let its_bot = bots::workspace_id.eq(tokens::workspace_id).and(bots::id.nullable().eq(tokens::bot_id));
        let found: Option<(Self, Option<Id<Bot>>)> = tokens::table
            .left_join(bots::table.on(its_bot.and(bots::deleted_at.is_null())))
            .filter(tokens::digest.eq(digest))
            .select((Self::as_select(), bots::id.nullable()))
            .first(conn)
            .optional()?;
        Ok(found.map(|(token, bot)| {
            let complete = token.bot_id == bot;
            (token, complete)
        }))
    }

    /// The workspace of the token of this digest, if there is one at all; it never changes.
    pub fn workspace_of(conn: &mut Conn, digest: &str) -> Result<Option<Id<Workspace>>> {
        Ok(tokens::table.filter(tokens::digest.eq(digest)).select(tokens::workspace_id).first(conn).optional()?)
    }

    /// A token of the workspace.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Self>) -> Result<Option<Self>> {
        Ok(one(workspace, id).select(Self::as_select()).first(conn).optional()?)
    }

    /// The tokens of a bot, or those that manage the workspace, the newest first.
    pub fn of(conn: &mut Conn, workspace: &Id<Workspace>, bot: Option<&Id<Bot>>) -> Result<Vec<Self>> {
        let query = tokens::table.filter(tokens::workspace_id.eq(workspace.as_str().to_owned())).into_boxed();
        let query = match bot {
            Some(bot) => query.filter(tokens::bot_id.eq(bot.as_str().to_owned())),
            None => query.filter(tokens::bot_id.is_null()),
        };
        Ok(query.order(tokens::id.desc()).limit(4 * MOST).select(Self::as_select()).load(conn)?)
    }

    /// Whether it may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.0.iter().any(|known| known == scope.as_str())
    }

    /// Whether it is let in now from this address.
    pub fn judge(&self, now: At, address: Option<IpAddr>) -> Result<(), Closed> {
        if self.revoked_at.is_some() {
            return Err(Closed::Revoked);
        }
        if self.expires_at <= now {
            return Err(Closed::Expired);
        }
        let here = |network: &String| {
            let network = network.parse::<IpNet>();
            address.is_some_and(|ip| network.is_ok_and(|network| network.contains(&ip.to_canonical())))
        };
        if self.networks.0.is_empty() || self.networks.0.iter().any(here) { Ok(()) } else { Err(Closed::Network) }
    }

    /// Whether it ends soon, and is not replaced yet.
    pub fn ends_soon(&self, now: At) -> bool {
        let open = self.revoked_at.is_none() && self.replaced_by.is_none() && self.expires_at > now;
        open && self.expires_at <= now.plus(TimeDelta::days(WARN_DAYS))
    }

    /// Whether it is for this credential.
    pub(super) fn reaches(&self, conn: &mut Conn, credential: &Id<Credential>) -> Result<bool> {
        let yes = match (&self.bot_id, self.every_block) {
            (Some(bot), true) => diesel::select(diesel::dsl::exists(
                blocks::table
                    .filter(blocks::workspace_id.eq(&self.workspace_id).and(blocks::bot_id.eq(bot)))
                    .filter(blocks::credential_id.eq(credential.as_str())),
            ))
            .get_result(conn)?,
            (Some(_), false) => diesel::select(diesel::dsl::exists(
                narrowed::table
                    .filter(narrowed::workspace_id.eq(&self.workspace_id).and(narrowed::token_id.eq(&self.id)))
                    .filter(narrowed::credential_id.eq(credential)),
            ))
            .get_result(conn)?,
            (None, _) => false,
        };
        Ok(yes)
    }

    /// Notes that it was used, unless that was noted a moment ago.
    pub(super) fn touch(&self, tx: &mut Tx<'_>, now: At) -> Result<()> {
        if self.last_used_at.is_none_or(|at| now.since(at) >= TOUCH_EVERY) {
            diesel::update(one(&self.workspace_id, &self.id))
                .set(tokens::last_used_at.eq(Some(now)))
                .execute(tx.conn())?;
        }
        Ok(())
    }
}

type Key<'a> = diesel::dsl::And<
    diesel::dsl::Eq<tokens::workspace_id, &'a Id<Workspace>>,
    diesel::dsl::Eq<tokens::id, &'a Id<BotToken>>,
>;

fn one<'a>(workspace: &'a Id<Workspace>, id: &'a Id<BotToken>) -> diesel::dsl::Filter<tokens::table, Key<'a>> {
    tokens::table.filter(tokens::workspace_id.eq(workspace).and(tokens::id.eq(id)))
}

/// Reads a name: trimmed, 1 to 100 characters, no control characters. The error is for the field.
pub fn checked_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        Err("Say in a few words where the token will live, such as “Worker on the mail server”.")
    } else {
        Ok(name.to_owned())
    }
}

/// Reads networks: addresses or networks in CIDR form, between commas or white space. The error is for the field.
pub fn checked_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let read = |word: &str| {
        let network = word.parse::<IpNet>().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| network.trunc()).map_err(|_| {
            format!("“{word}” is not a network. Write addresses or networks such as 203.0.113.7 or 10.20.0.0/16.")
        })
    };
    let networks: Vec<IpNet> = words.map(read).collect::<Result<_, _>>()?;
    if networks.len() > MOST_NAMED { Err(format!("At most {MOST_NAMED} networks.")) } else { Ok(networks) }
}

/// Reads the life of a token in days. The error is for the field.
pub fn checked_days(days: Option<i64>) -> Result<i64, String> {
    match days.unwrap_or(DAYS) {
        days @ 1..=MOST_DAYS => Ok(days),
        _ => Err(format!("A token lives for 1 to {MOST_DAYS} days.")),
    }
}

/// Reads what a token may do: something, and to manage only by itself. The error is for the field.
pub fn checked_scopes(words: &[String], manages: bool) -> Result<Vec<Scope>, &'static str> {
    let mut scopes: Vec<Scope> = Vec::new();
    for word in words {
        let scope = Scope::parse(word).ok_or("A scope is one of use, fetch and manage.")?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes.sort_unstable();
    match (manages, scopes.as_slice()) {
        (_, []) => Err("Choose what the token may do."),
        (true, [Scope::Manage]) => Ok(scopes),
        (true, _) => Err("A token that manages does nothing else: it never gets a secret."),
        (false, scopes_of_bot) if scopes_of_bot.contains(&Scope::Manage) => {
            Err("A token of a bot uses and fetches; one that manages is made for the workspace, not for a bot.")
        }
        (false, _) => Ok(scopes),
    }
}

/// Stores a token.
///
/// # Errors
/// [`Error::NotFound`] when the bot is gone; [`Error::Unprocessable`] for a credential that is not in the workspace.
pub fn create(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageTokens>, new: &NewToken) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if let Some(bot) = &new.bot {
        Bot::get(tx.conn(), workspace, bot)?;
    }
    full(tx.conn(), workspace, new.bot.as_ref(), now)?;
    if let Some((old, overlap)) = &new.replaces {
        retire(tx, workspace, old, &new.id, now.plus(*overlap), now)?;
    }
    let scopes: Vec<String> = new.scopes.iter().map(ToString::to_string).collect();
    let networks: Vec<String> = new.networks.iter().map(ToString::to_string).collect();
    let expires_at = now.plus(TimeDelta::days(new.days));
    diesel::insert_into(tokens::table)
        .values((
            tokens::workspace_id.eq(workspace),
            tokens::id.eq(&new.id),
            tokens::bot_id.eq(new.bot.as_ref().map(Id::as_str)),
            tokens::name.eq(&new.name),
            tokens::prefix.eq(&new.minted.prefix),
            tokens::digest.eq(&new.minted.digest),
            tokens::scopes.eq(Json(scopes.clone())),
            tokens::every_block.eq(new.bot.is_some() && new.credentials.is_none()),
            tokens::networks.eq(Json(networks.clone())),
            tokens::created_at.eq(now),
            tokens::created_by.eq(&allowed.actor().id),
            tokens::expires_at.eq(expires_at),
            tokens::revoked_by.eq(""),
            tokens::shown.eq(new.shown.clone()),
            tokens::shown_until.eq(new.shown.as_ref().map(|_| now.plus(SHOWN_FOR))),
            tokens::warn_at.eq(token_warning::next(now, expires_at)),
        ))
        .execute(tx.conn())?;
    name_credentials(tx, workspace, new)?;
    let mut entry = audit::Entry::allow("token.created", audit::Target::token(&new.id))
        .detail("token", new.minted.prefix.as_str())
        .detail("scopes", scopes)
        .detail("days", new.days)
        .detail("networks", networks);
    if let Some(bot) = &new.bot {
        entry = entry.detail("bot", bot.as_str());
    }
    if let Some(credentials) = &new.credentials {
        entry = entry.detail("credentials", credentials.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    if let Some((old, overlap)) = &new.replaces {
        entry = entry.detail("replaces", old.as_str()).detail("overlap_minutes", overlap.num_minutes());
    }
    audit::record_allowed(tx, means, allowed, entry)
}

fn full(conn: &mut Conn, workspace: &Id<Workspace>, bot: Option<&Id<Bot>>, now: At) -> Result<()> {
    let open =
        BotToken::of(conn, workspace, bot)?.iter().filter(|t| t.revoked_at.is_none() && t.expires_at > now).count();
    match i64::try_from(open).is_ok_and(|open| open < MOST) {
        true => Ok(()),
        false => Err(Error::Conflict(format!("There are {MOST} tokens already. Revoke those that nobody uses first."))),
    }
}

fn name_credentials(tx: &mut Tx<'_>, workspace: &Id<Workspace>, new: &NewToken) -> Result<()> {
    let Some(named) = &new.credentials else { return Ok(()) };
    if named.len() > MOST_NAMED {
        return Err(Error::Unprocessable(format!("A token names at most {MOST_NAMED} credentials.")));
    }
    let ids: Vec<&str> = named.iter().map(Id::as_str).collect();
    let here: i64 = credentials::table
        .filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq_any(ids)))
        .filter(credentials::deleted_at.is_null())
        .count()
        .get_result(tx.conn())?;
    if usize::try_from(here) != Ok(named.len()) {
        return Err(Error::Unprocessable("One of the credentials is not in this workspace any more.".into()));
    }
    for credential in named {
        diesel::insert_into(narrowed::table)
            .values((
                narrowed::workspace_id.eq(workspace),
                narrowed::token_id.eq(&new.id),
                narrowed::credential_id.eq(credential),
            ))
            .execute(tx.conn())?;
    }
    Ok(())
}

/// Lets a token end at `until`, in favour of another.
fn retire(
    tx: &mut Tx<'_>,
    workspace: &Id<Workspace>,
    id: &Id<BotToken>,
    by: &Id<BotToken>,
    until: At,
    now: At,
) -> Result<()> {
    let old = BotToken::find(tx.conn(), workspace, id)?.ok_or(Error::NotFound)?;
    if old.revoked_at.is_some() || old.expires_at <= now || old.replaced_by.is_some() {
        return Err(Error::Conflict("This token is not in use any more, so there is nothing to rotate.".into()));
    }
    diesel::update(one(workspace, id))
        .set((tokens::expires_at.eq(until.min(old.expires_at)), tokens::replaced_by.eq(Some(by.as_str()))))
        .execute(tx.conn())?;
    Ok(())
}

/// Revokes a token: whoever begins to use it after this has been committed is refused.
///
/// # Errors
/// [`Error::NotFound`] for a foreign or unknown one.
pub fn revoke(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageTokens>, id: &Id<BotToken>) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    let token = BotToken::find(tx.conn(), workspace, id)?.ok_or(Error::NotFound)?;
    if token.revoked_at.is_some() {
        return Ok(());
    }
    diesel::update(one(workspace, id))
        .set((
            tokens::revoked_at.eq(Some(now)),
            tokens::revoked_by.eq(&allowed.actor().id),
            tokens::shown.eq(None::<Vec<u8>>),
            tokens::shown_until.eq(None::<At>),
        ))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("token.revoked", audit::Target::token(id)).detail("token", token.prefix);
    audit::record_allowed(tx, means, allowed, entry)
}

/// Takes what was kept to show a new token once; `None` when it was shown already, or too long ago. Only whoever
/// made the token gets it.
pub fn take_shown(
    tx: &mut Tx<'_>,
    means: &Means,
    workspace: &Id<Workspace>,
    id: &Id<BotToken>,
    maker: &Id<User>,
) -> Result<Option<Vec<u8>>> {
    let now = means.now();
    let kept: Option<Option<Vec<u8>>> = one(workspace, id)
        .filter(tokens::created_by.eq(maker.as_str()).and(tokens::shown_until.gt(now)))
        .select(tokens::shown)
        .first(tx.conn())
        .optional()?;
    diesel::update(one(workspace, id).filter(tokens::created_by.eq(maker.as_str())))
        .set((tokens::shown.eq(None::<Vec<u8>>), tokens::shown_until.eq(None::<At>)))
        .execute(tx.conn())?;
    Ok(kept.flatten())
}

/// Erases what was kept to show tokens and was never asked for; how many.
pub fn sweep(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::update(tokens::table.filter(tokens::shown_until.le(now)))
        .set((tokens::shown.eq(None::<Vec<u8>>), tokens::shown_until.eq(None::<At>)))
        .execute(tx.conn())?)
}

/// Marks a token that stood in an address, where logs and others can read it.
pub fn leaked(tx: &mut Tx<'_>, means: &Means, digest: &str, mut actor: Actor) -> Result<()> {
    let Some((token, _)) = BotToken::by_digest(tx.conn(), digest)? else { return Ok(()) };
    if token.leaked_at.is_some() {
        return Ok(());
    }
    audit::lock(tx, token.workspace_id.as_str())?;
    diesel::update(one(&token.workspace_id, &token.id))
        .set(tokens::leaked_at.eq(Some(means.now())))
        .execute(tx.conn())?;
    actor.kind = "bot";
    actor.id = token.bot_id.map(String::from).unwrap_or_default();
    let entry = audit::Entry::deny("token.leaked", audit::Target::token(&token.id), "token_in_address")
        .detail("token", token.prefix.as_str());
    audit::record(tx, means, token.workspace_id.as_str(), &actor, entry).map(|_| ())
}

/// How many tokens of a workspace end soon, for whoever looks after them.
pub fn ending_soon(conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<i64> {
    Ok(tokens::table
        .filter(tokens::workspace_id.eq(workspace).and(tokens::revoked_at.is_null()))
        .filter(tokens::replaced_by.is_null())
        .filter(tokens::expires_at.gt(now).and(tokens::expires_at.le(now.plus(TimeDelta::days(WARN_DAYS)))))
        .count()
        .get_result(conn)?)
}

/// The credentials that some tokens name: `(token, credential, name, handle)`.
pub fn named(
    conn: &mut Conn,
    workspace: &Id<Workspace>,
    ids: &[Id<BotToken>],
) -> Result<Vec<(String, String, String)>> {
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    let its = credentials::workspace_id.eq(narrowed::workspace_id).and(credentials::id.eq(narrowed::credential_id));
    Ok(narrowed::table
        .inner_join(credentials::table.on(its))
        .filter(narrowed::workspace_id.eq(workspace).and(narrowed::token_id.eq_any(ids)))
        .order((narrowed::token_id, credentials::name_key))
        .select((narrowed::token_id, credentials::name, credentials::handle))
        .load(conn)?)
}

/// The credentials that a token names and that are still there.
pub fn named_ids(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<BotToken>) -> Result<Vec<Id<Credential>>> {
    let its = credentials::workspace_id.eq(narrowed::workspace_id).and(credentials::id.eq(narrowed::credential_id));
    Ok(narrowed::table
        .inner_join(credentials::table.on(its))
        .filter(narrowed::workspace_id.eq(workspace).and(narrowed::token_id.eq(id)))
        .filter(credentials::deleted_at.is_null())
        .select(credentials::id)
        .load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::{Scope, checked_days, checked_networks, checked_scopes};

    #[test]
    fn networks_are_read_in_one_spelling() {
        let read =
            |text: &str| checked_networks(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            read(" 10.1.2.3/8, 203.0.113.7\n2001:DB8::/32 ").unwrap(),
            ["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"]
        );
        assert_eq!(read("").unwrap(), Vec::<String>::new());
        for bad in ["10.0.0.0/33", "example.com", "10.0.0", "::1/129", "10.0.0.1/8/8"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn to_manage_stands_alone() {
        let read = |words: &[&str], manages| {
            checked_scopes(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), manages)
        };
        assert_eq!(read(&["fetch", "use", "fetch"], false).unwrap(), [Scope::Use, Scope::Fetch]);
        assert_eq!(read(&["manage"], true).unwrap(), [Scope::Manage]);
        for (words, manages) in
            [(&[][..], false), (&["manage"], false), (&["manage", "fetch"], true), (&["use"], true), (&["all"], false)]
        {
            assert!(read(words, manages).is_err(), "{words:?}");
        }
        assert_eq!(checked_days(None), Ok(90));
        assert!(checked_days(Some(0)).is_err() && checked_days(Some(367)).is_err() && checked_days(Some(-1)).is_err());
    }
}
