//! Tokens: what bots and automations sign in with. They belong to their bot or, those that manage, to the workspace;
//! never to whoever made them.

mod ending;
mod making;
mod reading;

pub(super) use ending::revoke_all;
pub use ending::{leaked, revoke, sweep, take_shown};
pub use making::{NewToken, create};
pub use reading::{checked_days, checked_name, checked_networks, checked_scopes, usual_days};

use super::bot::Bot;
use super::credential::Credential;
use super::permission::Actor;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::schema::{blocks, bot_token_credentials as narrowed, bot_tokens as tokens, bots, credentials};
use crate::db::types::{Json, text_enum};
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use ipnet::IpNet;
use std::net::IpAddr;

/// Days that a token lives unless somebody says otherwise.
pub const DAYS: i64 = 90;
/// The most days that a token lives; a workspace can set fewer.
pub const MOST_DAYS: i64 = 366;
/// From so many days before its end people are warned.
pub const WARN_DAYS: i64 = 14;
/// The most tokens of one bot that can be used.
const MOST: usize = 50;
/// The most tokens of one bot that are listed, ended ones too.
const LISTED: i64 = 200;
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
        Ok(query.order(tokens::id.desc()).limit(LISTED).select(Self::as_select()).load(conn)?)
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

    /// How the audit log names whoever comes with it: its bot or, for one that manages, the token itself.
    pub(super) fn actor(&self, seen: &Actor) -> Actor {
        let (kind, id) = match &self.bot_id {
            Some(bot) => ("bot", bot.to_string()),
            None => ("token", self.id.to_string()),
        };
        Actor { kind, id, session: self.prefix.clone(), ..seen.clone() }
    }

    /// Whether its last use was noted so long ago that another is worth noting.
    pub fn is_to_be_noted(&self, now: At) -> bool {
        self.last_used_at.is_none_or(|at| now.since(at) >= TOUCH_EVERY)
    }

    /// Notes that it was used, unless that was noted a moment ago.
    pub(super) fn touch(&self, tx: &mut Tx<'_>, now: At) -> Result<()> {
        if self.is_to_be_noted(now) {
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
