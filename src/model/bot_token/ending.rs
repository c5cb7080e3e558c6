//! The end of a token: revoked, seen where it should not be; and of what is kept to show it once.

use super::{BotToken, one};
use crate::clock::At;
use crate::db::Tx;
use crate::db::schema::bot_tokens as tokens;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::permission::{Actor, Allowed, ManageTokens};
use crate::model::user::User;
use crate::model::workspace::Workspace;
use crate::model::{Means, audit};
use diesel::prelude::*;

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

/// Revokes every token of every workspace that is still good; how many.
pub(in crate::model) fn revoke_all(tx: &mut Tx<'_>, now: At) -> Result<usize> {
    Ok(diesel::update(tokens::table.filter(tokens::revoked_at.is_null().and(tokens::expires_at.gt(now))))
        .set((tokens::revoked_at.eq(Some(now)), tokens::shown.eq(None::<Vec<u8>>), tokens::shown_until.eq(None::<At>)))
        .execute(tx.conn())?)
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
pub fn leaked(tx: &mut Tx<'_>, means: &Means, digest: &str, actor: &Actor) -> Result<()> {
    let Some((token, _)) = BotToken::by_digest(tx.conn(), digest)? else { return Ok(()) };
    if token.leaked_at.is_some() {
        return Ok(());
    }
    audit::lock(tx, token.workspace_id.as_str())?;
    diesel::update(one(&token.workspace_id, &token.id))
        .set(tokens::leaked_at.eq(Some(means.now())))
        .execute(tx.conn())?;
    let entry = audit::Entry::deny("token.leaked", audit::Target::token(&token.id), "token_in_address")
        .detail("token", token.prefix.as_str());
    audit::record(tx, means, token.workspace_id.as_str(), &token.actor(actor), entry).map(|_| ())
}
