//! Blocks: the places in a bot that choose a credential of one integration.

use super::bot::{self, Bot, Changed};
use super::credential::Credential;
use super::permission::{Allowed, ManageBots};
use super::status::Status;
use super::workspace::Workspace;
use super::{Means, audit};
use crate::clock::At;
use crate::db::schema::{blocks, bots, credentials};
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::fold;
use crate::id::Id;
use diesel::prelude::*;
use std::collections::BTreeSet;

/// The most blocks of a bot.
pub const MOST: i64 = 200;

/// A block's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = blocks, check_for_backend(crate::db::MultiBackend))]
pub struct Block {
    /// Its id.
    pub id: Id<Block>,
    /// Its bot.
    pub bot_id: Id<Bot>,
    /// What bots call it: unique in the workspace, never changes.
    pub key: String,
    /// What people call it.
    pub label: String,
    /// The service whose credentials fit, by its id in the catalogue.
    pub integration: String,
    /// The credential that it chose; perhaps one that lies among the deleted ones.
    pub credential_id: Option<Id<Credential>>,
    /// When it was made.
    pub created_at: At,
}

/// What is to be seen of the credential that a block chose.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = credentials, check_for_backend(crate::db::MultiBackend))]
pub struct Chosen {
    /// Its id.
    pub id: Id<Credential>,
    /// Its name.
    pub name: String,
    /// What bots call it.
    pub handle: String,
    /// The service.
    pub integration: String,
    /// Its state.
    pub status: Status,
    /// What the last check came to.
    pub outcome: String,
    /// The last hint.
    pub hint: String,
    /// When it was last checked.
    pub checked_at: Option<At>,
    /// When a check last passed.
    pub good_at: Option<At>,
    /// When it ends.
    pub expires_at: Option<At>,
    /// When it was deleted.
    pub deleted_at: Option<At>,
}

impl Chosen {
    /// Whether a call with it is likely to succeed.
    pub fn works(&self) -> bool {
        self.deleted_at.is_none() && matches!(self.status, Status::Working | Status::Expiring)
    }

    /// Whether a call with it is sure to fail.
    pub fn fails(&self) -> bool {
        self.deleted_at.is_some() || matches!(self.status, Status::Broken | Status::Suspended | Status::Unreadable)
    }

    /// The live credential of a service with this id or handle.
    pub fn fits(
        conn: &mut Conn,
        workspace: &Id<Workspace>,
        integration: &str,
        named: &str,
    ) -> Result<Option<Id<Credential>>> {
        Ok(credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::integration.eq(integration)))
            .filter(credentials::deleted_at.is_null())
            .filter(credentials::id.eq(named).or(credentials::handle.eq(named)))
            .select(credentials::id)
            .first(conn)
            .optional()?)
    }

    /// The credential of this id, a deleted one too.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Option<Self>> {
        Ok(credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::id.eq(id)))
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// Credentials that fit a block, by name; at most `limit`.
    pub fn fitting(conn: &mut Conn, workspace: &Id<Workspace>, integration: &str, limit: i64) -> Result<Vec<Self>> {
        Ok(credentials::table
            .filter(credentials::workspace_id.eq(workspace).and(credentials::integration.eq(integration)))
            .filter(credentials::deleted_at.is_null())
            .order((credentials::name_key, credentials::id))
            .limit(limit)
            .select(Self::as_select())
            .load(conn)?)
    }
}

/// A block with what it chose.
pub type Seen = (Block, Option<Chosen>);

/// The blocks of some bots with what they chose, in the order of their bots' ids and then of the blocks.
pub fn of_bots(conn: &mut Conn, workspace: &Id<Workspace>, bots: &[Id<Bot>]) -> Result<Vec<Seen>> {
    let bots: Vec<&str> = bots.iter().map(Id::as_str).collect();
    let chosen =
        credentials::workspace_id.eq(blocks::workspace_id).and(credentials::id.nullable().eq(blocks::credential_id));
    Ok(blocks::table
        .left_join(credentials::table.on(chosen))
        .filter(blocks::workspace_id.eq(workspace).and(blocks::bot_id.eq_any(bots)))
        .order((blocks::bot_id, blocks::position, blocks::id))
        .select((Block::as_select(), Option::<Chosen>::as_select()))
        .load(conn)?)
}

impl Block {
    /// A block of a bot; [`Error::NotFound`] for a foreign or unknown id alike.
    pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, bot: &Id<Bot>, id: &Id<Block>) -> Result<Self> {
        blocks::table
            .filter(blocks::workspace_id.eq(workspace).and(blocks::id.eq(id)))
            .filter(blocks::bot_id.eq(bot))
            .select(Self::as_select())
            .first(conn)
            .optional()?
            .ok_or(Error::NotFound)
    }
}

impl Block {
    /// A block of a bot by key or id; [`Error::NotFound`] for a foreign or unknown one alike.
    pub fn called(conn: &mut Conn, workspace: &Id<Workspace>, bot: &Id<Bot>, name: &str) -> Result<Self> {
        blocks::table
            .filter(blocks::workspace_id.eq(workspace).and(blocks::bot_id.eq(bot)))
            .filter(blocks::id.eq(name).or(blocks::key.eq(name)))
            .select(Self::as_select())
            .first(conn)
            .optional()?
            .ok_or(Error::NotFound)
    }
}

/// A block with its bot; `None` for a foreign or unknown id alike.
pub fn with_bot(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Block>) -> Result<Option<(Block, Bot)>> {
    Ok(blocks::table
        .inner_join(bots::table.on(bots::workspace_id.eq(blocks::workspace_id).and(bots::id.eq(blocks::bot_id))))
        .filter(blocks::workspace_id.eq(workspace).and(blocks::id.eq(id)))
        .select((Block::as_select(), Bot::as_select()))
        .first(conn)
        .optional()?)
}

/// Reads a label: trimmed, 1 to 120 characters, no control characters. The error is for the field.
pub fn checked_label(label: &str) -> Result<String, &'static str> {
    let label = label.trim();
    if label.is_empty() {
        Err("Say what the block does, such as “Send the confirmation”.")
    } else if label.chars().count() > 120 || label.chars().any(char::is_control) {
        Err("A label is one line of at most 120 characters.")
    } else {
        Ok(label.to_owned())
    }
}

/// A block to be added, or what an existing one becomes.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What people call it, already read by [`checked_label`].
    pub label: String,
    /// The service whose credentials fit; an existing block keeps its own.
    pub integration: String,
    /// The credential that it chooses.
    pub credential: Option<Id<Credential>>,
}

/// Adds a block at the end of a bot. [`Error::Unprocessable`] for a credential that does not fit or is not there.
pub fn add(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    bot: &Id<Bot>,
    id: &Id<Block>,
    wanted: &Wanted,
) -> Result<Changed> {
    if let Err(refused) = bot::begin(tx, means, allowed, bot, None)? {
        return Ok(refused);
    }
    let workspace = allowed.workspace();
    check_fits(tx.conn(), workspace, wanted)?;
    let mine = blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::bot_id.eq(bot)));
    let (count, last): (i64, Option<i64>) =
        mine.select((diesel::dsl::count_star(), diesel::dsl::max(blocks::position))).first(tx.conn())?;
    if count >= MOST {
        return Err(Error::Unprocessable(format!("A bot has at most {MOST} blocks.")));
    }
    let key = free_key(tx.conn(), workspace, &wanted.label, &wanted.integration)?;
    diesel::insert_into(blocks::table)
        .values((
            blocks::workspace_id.eq(workspace),
            blocks::id.eq(id),
            blocks::bot_id.eq(bot),
            blocks::key.eq(&key),
            blocks::label.eq(&wanted.label),
            blocks::integration.eq(&wanted.integration),
            blocks::credential_id.eq(wanted.credential.as_ref()),
            blocks::position.eq(last.unwrap_or(0) + 1),
            blocks::created_at.eq(means.now()),
        ))
        .execute(tx.conn())?;
    bot::touch(tx, workspace, bot.as_str())?;
    let entry = line("block.added", bot, &key, wanted.credential.as_ref())
        .detail("label", wanted.label.as_str())
        .detail("integration", wanted.integration.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Changed::Done)
}

/// Gives a block another label and credential; its key and its service stay.
pub fn edit(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    (bot, revision): (&Id<Bot>, Option<i64>),
    id: &Id<Block>,
    (label, credential): (&str, Option<&Id<Credential>>),
) -> Result<Changed> {
    if let Err(refused) = bot::begin(tx, means, allowed, bot, revision)? {
        return Ok(refused);
    }
    let workspace = allowed.workspace();
    let before = Block::get(tx.conn(), workspace, bot, id)?;
    if before.credential_id.as_ref() != credential {
        let (label, integration) = (label.to_owned(), before.integration.clone());
        check_fits(tx.conn(), workspace, &Wanted { label, integration, credential: credential.cloned() })?;
    }
    diesel::update(blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::id.eq(id))))
        .set((blocks::label.eq(label), blocks::credential_id.eq(credential)))
        .execute(tx.conn())?;
    bot::touch(tx, workspace, bot.as_str())?;
    let entry = line("block.edited", bot, &before.key, credential)
        .detail("label", label)
        .detail("from", before.credential_id.map(String::from));
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Changed::Done)
}

/// Makes a block use a credential that was just made for it; a block that is gone meanwhile is let be.
pub fn choose(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    bot: &Id<Bot>,
    id: &Id<Block>,
    credential: &Id<Credential>,
) -> Result<()> {
    let label = match Block::get(tx.conn(), allowed.workspace(), bot, id) {
        Err(Error::NotFound) => return Ok(()),
        found => found?.label,
    };
    edit(tx, means, allowed, (bot, None), id, (&label, Some(credential))).map(drop)
}

/// As [`choose`], for a block of which only the id is known; gives its bot. `None`: it is gone or of another service.
pub fn choose_anywhere(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Block>,
    (credential, integration): (&Id<Credential>, &str),
) -> Result<Option<Id<Bot>>> {
    let found = with_bot(tx.conn(), allowed.workspace(), id)?;
    let Some((_, bot)) = found.filter(|(block, _)| block.integration == integration) else { return Ok(None) };
    choose(tx, means, allowed, &bot.id, id, credential)?;
    Ok(Some(bot.id))
}

/// Removes a block from its bot.
pub fn remove(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    (bot, revision): (&Id<Bot>, Option<i64>),
    id: &Id<Block>,
) -> Result<Changed> {
    if let Err(refused) = bot::begin(tx, means, allowed, bot, revision)? {
        return Ok(refused);
    }
    let workspace = allowed.workspace();
    let before = Block::get(tx.conn(), workspace, bot, id)?;
    diesel::delete(blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::id.eq(id))))
        .execute(tx.conn())?;
    bot::touch(tx, workspace, bot.as_str())?;
    let entry = line("block.removed", bot, &before.key, before.credential_id.as_ref()).detail("label", before.label);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Changed::Done)
}

/// Removes every block of a bot; returns how many there were.
pub(super) fn remove_all(tx: &mut Tx<'_>, workspace: &Id<Workspace>, bot: &Id<Bot>) -> Result<usize> {
    Ok(diesel::delete(blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::bot_id.eq(bot))))
        .execute(tx.conn())?)
}

/// Empties the blocks that chose a credential which goes for good.
pub(super) fn empty(tx: &mut Tx<'_>, workspace: &Id<Workspace>, credential: &Id<Credential>) -> Result<()> {
    diesel::update(blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::credential_id.eq(credential))))
        .set(blocks::credential_id.eq(None::<Id<Credential>>))
        .execute(tx.conn())?;
    Ok(())
}

fn line(action: &'static str, bot: &Id<Bot>, key: &str, credential: Option<&Id<Credential>>) -> audit::Entry {
    audit::Entry::allow(action, audit::Target::bot(bot))
        .detail("block", key)
        .detail("credential", credential.map(|id| id.as_str().to_owned()))
}

fn check_fits(conn: &mut Conn, workspace: &Id<Workspace>, wanted: &Wanted) -> Result<()> {
    let Some(credential) = &wanted.credential else { return Ok(()) };
    let found = Credential::find(conn, workspace, credential)?;
    if found.is_some_and(|found| found.integration == wanted.integration) {
        return Ok(());
    }
    Err(Error::Unprocessable(
        "Choose a credential of the block's service; this one is not there or is of another.".into(),
    ))
}

fn free_key(conn: &mut Conn, workspace: &Id<Workspace>, label: &str, integration: &str) -> Result<String> {
    let base = match fold::handle(label) {
        folded if folded.is_empty() => integration.to_owned(),
        folded => folded,
    };
    let taken: BTreeSet<String> = blocks::table
        .filter(blocks::workspace_id.eq(workspace))
        .filter(blocks::key.eq(&base).or(blocks::key.like(format!("{}-%", base.replace('_', "\\_"))).escape('\\')))
        .select(blocks::key)
        .load(conn)?
        .into_iter()
        .collect();
    std::iter::once(base.clone())
        .chain((2_u64..).map(|n| format!("{base}-{n}")))
        .find(|key| !taken.contains(key))
        .ok_or_else(|| Error::internal("no free key"))
}
