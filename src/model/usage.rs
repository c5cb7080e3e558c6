//! What a credential is used for: the blocks that chose it, and what bots really did with it.

use super::block::Block;
use super::bot::Bot;
use super::credential::Credential;
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::Conn;
use crate::db::schema::{blocks, bots, credential_uses as uses};
use crate::error::Result;
use crate::id::Id;
use chrono::TimeDelta;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// A use this recent asks for the name to be typed before the credential is deleted.
pub const USED_LATELY: TimeDelta = TimeDelta::days(30);

/// A block that chose the credential.
#[derive(Debug, Clone)]
pub struct UsedBy {
    /// The block.
    pub block: Id<Block>,
    /// What people call the block.
    pub label: String,
    /// What bots call it.
    pub key: String,
    /// Its bot.
    pub bot: Id<Bot>,
    /// What people call the bot.
    pub bot_name: String,
    /// Whether people depend on the bot.
    pub is_published: bool,
}

/// What a bot really did with the credential.
#[derive(Debug, Clone)]
pub struct Use {
    /// The bot.
    pub bot: Id<Bot>,
    /// Its name, also if it was deleted since.
    pub bot_name: String,
    /// Whether people depend on the bot.
    pub is_published: bool,
    /// Whether the bot was deleted.
    pub is_deleted: bool,
    /// When it last got it.
    pub last_at: Option<At>,
    /// How often it got it.
    pub count: i64,
    /// When it was last refused.
    pub last_denied_at: Option<At>,
    /// How often it was refused.
    pub denied: i64,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// The blocks, by bot.
    pub blocks: Vec<UsedBy>,
    /// Real uses, the last on top; also of bots without a block for it.
    pub uses: Vec<Use>,
}

impl Usage {
    /// Of one credential.
    pub fn of(conn: &mut Conn, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<Self> {
        type Chosen = (Id<Block>, String, String, Id<Bot>, String, Option<At>);
        let chosen: Vec<Chosen> = blocks::table
            .inner_join(bots::table.on(bots::workspace_id.eq(blocks::workspace_id).and(bots::id.eq(blocks::bot_id))))
            .filter(blocks::workspace_id.eq(workspace).and(blocks::credential_id.eq(credential)))
            .order((bots::name_key, bots::id, blocks::position))
            .select((blocks::id, blocks::label, blocks::key, bots::id, bots::name, bots::published_at))
            .load(conn)?;
        type Did = (Id<Bot>, String, Option<At>, Option<At>, Option<At>, i64, Option<At>, i64);
        let did: Vec<Did> = uses::table
            .inner_join(bots::table.on(bots::workspace_id.eq(uses::workspace_id).and(bots::id.eq(uses::bot_id))))
            .filter(uses::workspace_id.eq(workspace).and(uses::credential_id.eq(credential)))
            .order((uses::last_at.desc(), bots::id))
            .select((
                bots::id,
                bots::name,
                bots::published_at,
                bots::deleted_at,
                uses::last_at,
                uses::count,
                uses::last_denied_at,
                uses::denied,
            ))
            .load(conn)?;
        let blocks = chosen
            .into_iter()
            .map(|(block, label, key, bot, bot_name, published)| UsedBy {
                block,
                label,
                key,
                bot,
                bot_name,
                is_published: published.is_some(),
            })
            .collect();
        let uses = did
            .into_iter()
            .map(|(bot, bot_name, published, deleted, last_at, count, last_denied_at, denied)| Use {
                bot,
                bot_name,
                is_published: published.is_some(),
                is_deleted: deleted.is_some(),
                last_at,
                count,
                last_denied_at,
                denied,
            })
            .collect();
        Ok(Self { blocks, uses })
    }

    /// What a bot did with it.
    pub fn by(&self, bot: &Id<Bot>) -> Option<&Use> {
        self.uses.iter().find(|used| used.bot == *bot)
    }

    /// The names of the bots that have a block for it, each once.
    pub fn bots(&self) -> Vec<(&str, bool)> {
        let mut names: Vec<(&str, bool)> = self.blocks.iter().map(|b| (b.bot_name.as_str(), b.is_published)).collect();
        names.dedup();
        names
    }

    /// The last real use by any bot.
    pub fn last(&self) -> Option<At> {
        self.uses.iter().filter_map(|used| used.last_at).max()
    }

    /// Whether deleting the credential asks for its name to be typed.
    pub fn asks_name(&self, row: &Credential, now: At) -> bool {
        let lately = row.last_used().is_some_and(|used| now.since(used) <= USED_LATELY);
        lately || !self.dependants(now).is_empty()
    }

    /// The bots that would notice its end: published ones with a block for it, and those that used it lately.
    pub fn dependants(&self, now: At) -> Vec<&str> {
        let published = self.blocks.iter().filter(|block| block.is_published).map(|block| block.bot_name.as_str());
        let lately = |used: &&Use| used.last_at.is_some_and(|at| now.since(at) <= USED_LATELY);
        let used = self.uses.iter().filter(lately).map(|used| used.bot_name.as_str());
        let mut names: Vec<&str> = published.chain(used).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// How many bots have a block for each of some credentials; those without any are left out.
pub fn counts(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[&str]) -> Result<BTreeMap<String, i64>> {
    let rows: Vec<(Option<String>, i64)> = blocks::table
        .filter(blocks::workspace_id.eq(workspace).and(blocks::credential_id.eq_any(ids)))
        .group_by(blocks::credential_id)
        .select((blocks::credential_id, diesel::dsl::count(blocks::bot_id).aggregate_distinct()))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, n)| Some((id?, n))).collect())
}

/// When a bot last got each credential, by the credential's id.
pub fn last_uses(conn: &mut Conn, workspace: &Id<Workspace>, bot: &Id<Bot>) -> Result<BTreeMap<String, At>> {
    let rows: Vec<(String, Option<At>)> = uses::table
        .filter(uses::workspace_id.eq(workspace).and(uses::bot_id.eq(bot)))
        .select((uses::credential_id, uses::last_at))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, last)| Some((id, last?))).collect())
}
