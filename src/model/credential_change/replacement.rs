//! Moving blocks from one credential to another of the same service, in one step.

use crate::db::Tx;
use crate::db::schema::blocks;
use crate::error::Result;
use crate::id::Id;
use crate::model::block::Block;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, ReplaceCredential};
use crate::model::usage::Usage;
use crate::model::{Means, audit, bot};
use diesel::prelude::*;
use std::collections::BTreeSet;

/// What became of a replacement.
#[derive(Debug, PartialEq, Eq)]
pub enum Replacing {
    /// So many blocks were moved, and so many stay.
    Done(usize, usize),
    /// Somebody changed the credential meanwhile.
    Stale,
    /// The target is not there, is of another service, or is the credential itself.
    Unfit,
}

/// Moves every block of a credential, or those of `only`, to `target`.
pub fn replace(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ReplaceCredential>,
    (id, revision): (&Id<Credential>, Option<i64>),
    target: &Id<Credential>,
    only: Option<&[Id<Block>]>,
) -> Result<Replacing> {
    allowed.begin(tx, means.now())?;
    let workspace = allowed.workspace();
    let from = Credential::get(tx.conn(), workspace, id)?;
    if revision.is_some_and(|revision| revision != from.revision) {
        return Ok(Replacing::Stale);
    }
    let fits = Credential::find(tx.conn(), workspace, target)?.is_some_and(|to| to.integration == from.integration);
    if !fits || id == target {
        return Ok(Replacing::Unfit);
    }
    let all = Usage::of(tx.conn(), workspace, id)?.blocks;
    let total = all.len();
    let moved: Vec<_> = all.into_iter().filter(|used| only.is_none_or(|only| only.contains(&used.block))).collect();
    let ids: Vec<&str> = moved.iter().map(|used| used.block.as_str()).collect();
    diesel::update(blocks::table.filter(blocks::workspace_id.eq(workspace).and(blocks::id.eq_any(ids))))
        .set(blocks::credential_id.eq(Some(target)))
        .execute(tx.conn())?;
    for bot in moved.iter().map(|used| used.bot.as_str()).collect::<BTreeSet<_>>() {
        bot::touch(tx, workspace, bot)?;
    }
    let keys: Vec<&str> = moved.iter().map(|used| used.key.as_str()).collect();
    let entry = audit::Entry::allow("credential.replaced", audit::Target::credential(id.as_str()))
        .detail("by", target.as_str())
        .detail("blocks", keys);
    audit::record_allowed(tx, means, allowed, entry)?;
    Ok(Replacing::Done(moved.len(), total - moved.len()))
}
