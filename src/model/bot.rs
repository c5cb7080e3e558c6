//! Bots: what uses credentials. A bot is a draft until it is published.

use super::permission::{Allowed, ManageBots};
use super::workspace::Workspace;
use super::{Means, audit, block};
use crate::catalog::form::Remark;
use crate::catalog::load::Catalog;
use crate::clock::At;
use crate::db::schema::bots;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::fold;
use crate::id::Id;
use diesel::prelude::*;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

/// A bot's row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = bots, check_for_backend(crate::db::MultiBackend))]
pub struct Bot {
    /// Its id.
    pub id: Id<Bot>,
    /// Its workspace.
    pub workspace_id: Id<Workspace>,
    /// What people call it.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Since when people depend on it; `None` for a draft.
    pub published_at: Option<At>,
    /// Counts changes of it and of its blocks, so that two editors cannot overwrite each other.
    pub revision: i64,
    /// When it was made.
    pub created_at: At,
    /// Who made it.
    pub created_by: String,
    /// When it was deleted; its row stays, so that what it used can be told by name.
    pub deleted_at: Option<At>,
}

/// What became of a change of a bot that another editor may have overtaken.
#[derive(Debug)]
pub enum Changed {
    /// Stored.
    Done,
    /// Somebody else was first: the bot as it is now.
    Stale(Box<Bot>),
    /// Another bot has the name, written so.
    NameTaken(String),
}

/// What people write about a bot.
#[derive(Debug, Clone)]
pub struct Details {
    /// Its name, already read by [`checked_name`].
    pub name: String,
    /// A sentence about it, already read by [`checked_description`].
    pub description: String,
}

impl Bot {
    /// A bot of the workspace; `None` for a foreign, deleted or unknown id alike.
    pub fn find(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Bot>) -> Result<Option<Self>> {
        Ok(bots::table
            .filter(bots::workspace_id.eq(workspace).and(bots::id.eq(id)))
            .filter(bots::deleted_at.is_null())
            .select(Self::as_select())
            .first(conn)
            .optional()?)
    }

    /// As [`Bot::find`], with [`Error::NotFound`] for none.
    pub fn get(conn: &mut Conn, workspace: &Id<Workspace>, id: &Id<Bot>) -> Result<Self> {
        Self::find(conn, workspace, id)?.ok_or(Error::NotFound)
    }

    /// Bots of a workspace, the newest first, behind `after`; at most `limit`.
    pub fn page(conn: &mut Conn, workspace: &Id<Workspace>, after: Option<&Id<Bot>>, limit: i64) -> Result<Vec<Self>> {
        let mut query = bots::table
            .filter(bots::workspace_id.eq(workspace).and(bots::deleted_at.is_null()))
            .order(bots::id.desc())
            .limit(limit)
            .select(Self::as_select())
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(bots::id.lt(after));
        }
        Ok(query.load(conn)?)
    }

    /// Whether people depend on it.
    pub fn is_published(&self) -> bool {
        self.published_at.is_some()
    }
}

/// What is wrong with what people write about a bot.
#[derive(Debug, Default, Clone)]
pub struct Wrong {
    /// Of the name.
    pub name: Option<Remark>,
    /// Of the description.
    pub description: Option<Remark>,
}

impl Wrong {
    /// Another bot has the name.
    pub fn name_taken(holder: &str) -> Self {
        let text = format!("The bot “{holder}” exists already. Choose a name that tells the two apart.");
        Self { name: Some(Remark { code: "taken", text }), ..Self::default() }
    }
}

impl Details {
    /// Reads what was written; the error says what is wrong with it.
    pub fn read(catalog: &Catalog, name: &str, description: &str) -> Result<Self, Box<Wrong>> {
        let leaked = |text: &str| {
            let found = catalog.recognise(text.trim())?;
            let text =
                format!("This looks like a {}. Everybody can read this: choose another text.", found.shape.label);
            Some(Remark { code: "secret_in_plain", text })
        };
        let invalid = |text: &&'static str| Remark { code: "invalid", text: (*text).to_owned() };
        let (good_name, good_description) = (checked_name(name), checked_description(description));
        let wrong = Wrong {
            name: good_name.as_ref().err().map(invalid).or_else(|| leaked(name)),
            description: good_description.as_ref().err().map(invalid).or_else(|| leaked(description)),
        };
        match (good_name, good_description) {
            (Ok(name), Ok(description)) if wrong.name.is_none() && wrong.description.is_none() => {
                Ok(Self { name, description })
            }
            _ => Err(Box::new(wrong)),
        }
    }
}

/// Reads a name: trimmed, 1 to 200 characters, no control characters. The error is for the field.
pub fn checked_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() {
        Err("Give the bot a name that your team will recognise, such as “Order confirmations”.")
    } else if name.chars().count() > 200 || name.chars().any(char::is_control) {
        Err("A name is one line of at most 200 characters.")
    } else {
        Ok(name.to_owned())
    }
}

/// Reads a description: trimmed, one line of at most 1000 characters. The error is for the field.
pub fn checked_description(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() > LONGEST_DESCRIPTION || text.chars().any(char::is_control) {
        return Err("A description is one line of at most 1000 characters.");
    }
    Ok(text.to_owned())
}

/// The name of the bot that has this name already, as it is written there.
fn name_holder(conn: &mut Conn, workspace: &Id<Workspace>, name: &str, except: &str) -> Result<Option<String>> {
    Ok(bots::table
        .filter(bots::workspace_id.eq(workspace).and(bots::name_key.eq(fold::fold(name))))
        .filter(bots::deleted_at.is_null().and(bots::id.ne(except.to_owned())))
        .select(bots::name)
        .first(conn)
        .optional()?)
}

/// Makes a draft under an id that was made beforehand.
pub fn create(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    details: &Details,
) -> Result<Changed> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if let Some(holder) = name_holder(tx.conn(), workspace, &details.name, "")? {
        return Ok(Changed::NameTaken(holder));
    }
    diesel::insert_into(bots::table)
        .values((
            bots::workspace_id.eq(workspace),
            bots::id.eq(id),
            bots::name.eq(&details.name),
            bots::name_key.eq(fold::fold(&details.name)),
            bots::description.eq(&details.description),
            bots::revision.eq(1),
            bots::created_at.eq(now),
            bots::created_by.eq(&allowed.actor().id),
            bots::deleted_by.eq(""),
        ))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("bot.created", audit::Target::bot(id)).detail("name", details.name.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Changed::Done)
}

/// The bot as it is now, in a write that holds the permission; the outer `Err` ends the change.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    revision: Option<i64>,
) -> Result<Result<Bot, Changed>> {
    allowed.begin(tx, means.now())?;
    let bot = Bot::get(tx.conn(), allowed.workspace(), id)?;
    if revision.is_some_and(|revision| revision != bot.revision) {
        return Ok(Err(Changed::Stale(Box::new(bot))));
    }
    Ok(Ok(bot))
}

/// Counts one more change of a bot.
pub(super) fn touch(tx: &mut Tx<'_>, workspace: &Id<Workspace>, id: &str) -> Result<()> {
    diesel::update(bots::table.filter(bots::workspace_id.eq(workspace).and(bots::id.eq(id))))
        .set(bots::revision.eq(bots::revision + 1))
        .execute(tx.conn())?;
    Ok(())
}

/// Gives a bot another name and description; its blocks and tokens stay.
pub fn edit(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    revision: Option<i64>,
    details: &Details,
) -> Result<Changed> {
    let before = match begin(tx, means, allowed, id, revision)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    let workspace = allowed.workspace();
    if let Some(holder) = name_holder(tx.conn(), workspace, &details.name, id.as_str())? {
        return Ok(Changed::NameTaken(holder));
    }
    diesel::update(bots::table.filter(bots::workspace_id.eq(workspace).and(bots::id.eq(id))))
        .set((
            bots::name.eq(&details.name),
            bots::name_key.eq(fold::fold(&details.name)),
            bots::description.eq(&details.description),
            bots::revision.eq(bots::revision + 1),
        ))
        .execute(tx.conn())?;
    let entry = audit::Entry::allow("bot.edited", audit::Target::bot(id))
        .detail("from", before.name)
        .detail("to", details.name.as_str());
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Changed::Done)
}

/// What became of a publication.
#[derive(Debug)]
pub enum Publishing {
    /// Stored.
    Done,
    /// Somebody else was first: the bot as it is now.
    Stale(Box<Bot>),
    /// These blocks have no credential: such a bot cannot be published.
    Incomplete(Vec<String>),
    /// The credentials of these blocks are sure to fail, and nobody said that this is known.
    Failing(Vec<String>),
}

/// Publishes a bot. Each block must have a credential; one that is sure to fail is taken only if the person knows
/// (`anyway`).
pub fn publish(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    revision: Option<i64>,
    anyway: bool,
) -> Result<Publishing> {
    let before = match begin(tx, means, allowed, id, revision)? {
        Ok(before) => before,
        Err(Changed::Stale(now)) => return Ok(Publishing::Stale(now)),
        Err(_) => return Ok(Publishing::Done),
    };
    let blocks = block::of_bots(tx.conn(), allowed.workspace(), std::slice::from_ref(id))?;
    let labels = |which: &dyn Fn(&block::Seen) -> bool| -> Vec<String> {
        blocks.iter().filter(|seen| which(seen)).map(|(block, _)| block.label.clone()).collect()
    };
    let empty = labels(&|(_, chosen)| chosen.as_ref().is_none_or(|chosen| chosen.deleted_at.is_some()));
    if !empty.is_empty() {
        return Ok(Publishing::Incomplete(empty));
    }
    let failing = labels(&|(_, chosen)| chosen.as_ref().is_some_and(block::Chosen::fails));
    if !failing.is_empty() && !anyway {
        return Ok(Publishing::Failing(failing));
    }
    if !before.is_published() {
        let at = Some(means.now());
        set_published(tx, allowed.workspace(), id, at)?;
        let entry = audit::Entry::allow("bot.published", audit::Target::bot(id))
            .detail("name", before.name)
            .detail("failing", failing);
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(Publishing::Done)
}

/// Makes a bot a draft again.
pub fn withdraw(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    revision: Option<i64>,
) -> Result<Changed> {
    let before = match begin(tx, means, allowed, id, revision)? {
        Ok(before) => before,
        Err(refused) => return Ok(refused),
    };
    if before.is_published() {
        set_published(tx, allowed.workspace(), id, None)?;
        let entry = audit::Entry::allow("bot.withdrawn", audit::Target::bot(id)).detail("name", before.name);
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(Changed::Done)
}

fn set_published(tx: &mut Tx<'_>, workspace: &Id<Workspace>, id: &Id<Bot>, at: Option<At>) -> Result<()> {
    diesel::update(bots::table.filter(bots::workspace_id.eq(workspace).and(bots::id.eq(id))))
        .set((bots::published_at.eq(at), bots::revision.eq(bots::revision + 1)))
        .execute(tx.conn())?;
    Ok(())
}

/// What became of a deletion.
#[derive(Debug)]
pub enum Deleting {
    /// It is gone.
    Done,
    /// Somebody else was first: the bot as it is now.
    Stale(Box<Bot>),
    /// It is published, and its name was not typed.
    Unconfirmed(Box<Bot>),
}

/// Deletes a bot with its blocks; none of its tokens opens anything any more. What it used can still be told. A
/// published one goes only if `confirmed` is its name.
pub fn delete(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageBots>,
    id: &Id<Bot>,
    revision: Option<i64>,
    confirmed: &str,
) -> Result<Deleting> {
    let before = match begin(tx, means, allowed, id, revision)? {
        Ok(before) => before,
        Err(Changed::Stale(now)) => return Ok(Deleting::Stale(now)),
        Err(_) => return Ok(Deleting::Done),
    };
    if before.is_published() && confirmed.trim() != before.name {
        return Ok(Deleting::Unconfirmed(Box::new(before)));
    }
    let workspace = allowed.workspace();
    let blocks = block::remove_all(tx, workspace, id)?;
    diesel::update(bots::table.filter(bots::workspace_id.eq(workspace).and(bots::id.eq(id))))
        .set((
            bots::deleted_at.eq(Some(means.now())),
            bots::deleted_by.eq(&allowed.actor().id),
            bots::published_at.eq(None::<At>),
            bots::revision.eq(bots::revision + 1),
        ))
        .execute(tx.conn())?;
    let entry =
        audit::Entry::allow("bot.deleted", audit::Target::bot(id)).detail("name", before.name).detail("blocks", blocks);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Deleting::Done)
}

/// The names of some bots of a workspace, those that were deleted among them.
pub fn names(conn: &mut Conn, workspace: &Id<Workspace>, ids: &[Id<Bot>]) -> Result<Vec<(Id<Bot>, String)>> {
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    Ok(bots::table
        .filter(bots::workspace_id.eq(workspace).and(bots::id.eq_any(ids)))
        .select((bots::id, bots::name))
        .load(conn)?)
}

/// How many bots a workspace has.
pub fn total(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<i64> {
    Ok(bots::table.filter(bots::workspace_id.eq(workspace).and(bots::deleted_at.is_null())).count().get_result(conn)?)
}

/// Whether a workspace has any bot.
pub fn exists(conn: &mut Conn, workspace: &Id<Workspace>) -> Result<bool> {
    let one: Option<String> = bots::table
        .filter(bots::workspace_id.eq(workspace).and(bots::deleted_at.is_null()))
        .select(bots::id)
        .first(conn)
        .optional()?;
    Ok(one.is_some())
}

/// The bot, or [`Error::Unprocessable`] with our words: for a command that names one.
pub fn named(conn: &mut Conn, workspace: &Id<Workspace>, id: &str) -> Result<Bot> {
    let found = Id::parse(id).map(|id| Bot::find(conn, workspace, &id)).transpose()?.flatten();
    found.ok_or_else(|| Error::Unprocessable(format!("There is no bot {id} in this workspace.")))
}
