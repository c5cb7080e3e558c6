//! A new token, perhaps in the place of another.

use super::{BotToken, MOST, MOST_NAMED, SHOWN_FOR, Scope, checked_days, one};
use crate::clock::At;
use crate::crypto::bot_token::Minted;
use crate::db::schema::{bot_token_credentials as narrowed, bot_tokens as tokens, credentials, workspaces};
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::bot::Bot;
use crate::model::credential::Credential;
use crate::model::permission::{Allowed, ManageTokens};
use crate::model::workspace::Workspace;
use crate::model::workspace_settings::Settings;
use crate::model::{Means, audit, token_warning};
use chrono::TimeDelta;
use diesel::prelude::*;
use ipnet::IpNet;

/// What a new token is to be.
#[derive(Debug)]
pub struct NewToken {
    /// Its id.
    pub id: Id<BotToken>,
    /// Its bot; none for one that manages the workspace.
    pub bot: Option<Id<Bot>>,
    /// Its name, already read by [`super::checked_name`].
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

/// Stores a token.
///
/// # Errors
/// [`Error::NotFound`] when the bot is gone; [`Error::Unprocessable`] for a credential that is not in the workspace,
/// and for a life longer than the workspace allows.
pub fn create(tx: &mut Tx<'_>, means: &Means, allowed: &Allowed<ManageTokens>, new: &NewToken) -> Result<()> {
    let now = means.now();
    allowed.begin(tx, now)?;
    let workspace = allowed.workspace();
    if let Some(bot) = &new.bot {
        Bot::get(tx.conn(), workspace, bot)?;
    }
    let settings: Settings =
        workspaces::table.find(workspace.as_str()).select(workspaces::settings).first::<Json<_>>(tx.conn())?.0;
    checked_days(Some(new.days), settings.token_days).map_err(Error::Unprocessable)?;
    if let Some((old, overlap)) = &new.replaces {
        retire(tx, workspace, old, &new.id, now.plus(*overlap), now)?;
    }
    full(tx.conn(), workspace, new.bot.as_ref(), now)?;
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

/// Those that were replaced end soon and are counted apart, so that each of as many as there may be can be rotated.
fn full(conn: &mut Conn, workspace: &Id<Workspace>, bot: Option<&Id<Bot>>, now: At) -> Result<()> {
    let mut open = BotToken::of(conn, workspace, bot)?;
    open.retain(|token| token.revoked_at.is_none() && token.expires_at > now);
    let replaced = open.iter().filter(|token| token.replaced_by.is_some()).count();
    match replaced <= MOST && open.len() - replaced < MOST {
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
