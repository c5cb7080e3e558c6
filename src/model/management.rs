//! A call that manages a workspace: its token, and what it may.

use super::bot_token::{BotToken, Scope};
use super::bot_use::{self, Caller, Refusal};
use super::permission::{Actor, Allowed, ByToken};
use super::workspace::Workspace;
use crate::clock::At;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::id::Id;

/// A token with the scope `manage` that was just judged.
#[derive(Debug, Clone)]
pub struct Manager {
    token: BotToken,
    actor: Actor,
}

impl Manager {
    /// The token.
    pub fn token(&self) -> &BotToken {
        &self.token
    }

    /// Its workspace.
    pub fn workspace(&self) -> &Id<Workspace> {
        &self.token.workspace_id
    }

    /// The permission `P`, for the model; each write reads again whether the token is still good.
    pub fn allowed<P: ByToken>(&self) -> Allowed<P> {
        Allowed::token(self.token.workspace_id.clone(), self.actor.clone(), self.token.id.clone())
    }
}

/// Recognises the token of a call that manages.
///
/// # Errors
/// The outer one when storage fails.
pub fn recognise(conn: &mut Conn, now: At, caller: &Caller) -> Result<Result<Manager, Refusal>> {
    let found = bot_use::recognise(conn, now, caller, &[Scope::Manage])?;
    Ok(found.map(|token| Manager { actor: token.actor(&caller.actor), token }))
}

/// Notes that a token was used, unless that was noted a moment ago.
pub fn note(tx: &mut Tx<'_>, now: At, manager: &Manager) -> Result<()> {
    manager.token.touch(tx, now)
}
