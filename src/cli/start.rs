//! What a server does with the database before it serves: a rollback is judged, what is staged is promoted.

use super::exit::Failure;
use super::open::{self, Vault};
use crate::anchor::{Anchor, Known};
use crate::clock::At;
use crate::config::Config;
use crate::crypto::random::Random;
use crate::model::instance::{self, Opened};
use crate::model::rollback::{self, Gap};
use crate::model::root_key;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// So many gaps are named.
const NAMED: usize = 10;

/// Refuses to make a database where the anchor knows one: it was lost or moved, and a backup belongs there.
pub fn refuse_lost(config: &Config, accepts: bool) -> Result<(), Failure> {
    let anchor = Anchor::within(&config.data_dir);
    if accepts || !anchor.path().exists() || !open::is_empty(&open::database_url(config)?)? {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "There is no database, or nothing in it, and {} knows one: restore its backup. To begin anew instead, start once with \
         “credenza serve --accept-rollback”.",
        anchor.path().display()
    )))
}

/// Refuses a database that is behind its anchor; if the operator accepts that, writes it down, ends what lets
/// somebody in, and anchors the database as it is.
pub async fn judge_rollback(vault: &Vault, config: &Config, accepts: bool) -> Result<(), Failure> {
    let anchor = Anchor::within(&config.data_dir);
    let gaps = match anchor.load() {
        Ok(None) => return Ok(()),
        Ok(Some(known)) => {
            let keyring = vault.means.keyring.clone();
            vault.db.read(move |conn| rollback::gaps(conn, &keyring, &known)).await?
        }
        Err(error) if accepts => {
            tracing::warn!("{error}");
            Vec::new()
        }
        Err(error) => {
            return Err(Failure::refused(format!(
                "{error}. Whether the database was put back to an older state cannot be told. If it was not, or may \
                 be, start once with “credenza serve --accept-rollback”."
            )));
        }
    };
    match (gaps.is_empty(), accepts) {
        (true, false) => Ok(()),
        (true, true) if anchor.load().is_ok() => {
            tracing::warn!("--accept-rollback: there is nothing to accept; leave it out from now on");
            Ok(())
        }
        (false, false) => Err(Failure::refused(refusal(&gaps))),
        (_, true) => accept(vault, config, &anchor, gaps).await,
    }
}

fn refusal(gaps: &[Gap]) -> String {
    let mut text =
        "The database is older than, or another one than, it was when this data directory was last in use:".to_owned();
    for gap in gaps.iter().take(NAMED) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {gap}");
    }
    if gaps.len() > NAMED {
        let _ = write!(text, "\n  and {} more", gaps.len() - NAMED);
    }
    text + "\nIf you restored a backup on purpose, start once with “credenza serve --accept-rollback”: it is written \
            down, everybody signs in again, and every token and invitation ends. What was changed or deleted after \
            that backup is as it was before."
}

async fn accept(vault: &Vault, config: &Config, anchor: &Anchor, gaps: Vec<Gap>) -> Result<(), Failure> {
    let means = vault.means.clone();
    let ended = vault.db.write(move |tx| rollback::accept(tx, &means, &gaps)).await?;
    let heads = vault.db.read(rollback::all_heads).await?;
    drop(vault.db.committed().take());
    let known = Known { instance: vault.means.keyring.instance().to_owned(), heads };
    anchor.replace(&known).map_err(Failure::refused)?;
    set_aside(&config.checkpoint_file, vault.means.now())?;
    tracing::warn!(
        sessions = ended.sessions,
        tokens = ended.tokens,
        invitations = ended.invitations,
        begun = ended.begun,
        "a rollback of the database was accepted: every session, token, invitation and link was ended. Make new \
         tokens for bots and automations, and review who is a member of each workspace"
    );
    Ok(())
}

/// Signed checkpoints of the state that was given up stay beside the new ones, but speak of it no more.
fn set_aside(checkpoints: &Path, now: At) -> Result<(), Failure> {
    let mut aside = checkpoints.as_os_str().to_owned();
    aside.push(now.utc().format(".until-%Y%m%dT%H%M%SZ").to_string());
    match std::fs::rename(checkpoints, aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::refused(format!("{}: {error}", checkpoints.display())))
        }
        _ => Ok(()),
    }
}

/// Makes what is staged under the given root key the active one.
pub async fn promote(vault: &mut Vault) -> Result<(), Failure> {
    let means = vault.means.clone();
    if !vault.db.write(move |tx| root_key::promote(tx, &means)).await? {
        return Ok(());
    }
    let root_key = vault.root_key.clone();
    match vault.db.read(move |conn| instance::peek(conn, &root_key, &Random::system())).await? {
        Some(Opened::Ready(keyring)) => {
            open::say_damaged(&keyring);
            tracing::info!(
                label = keyring.label(),
                root = keyring.root_version(),
                "the staged key is the active one now"
            );
            vault.means.keyring = Arc::from(keyring);
            Ok(())
        }
        Some(Opened::Refused(error)) => Err(Failure::key(error)),
        None => Err(Failure::refused("The database went away.")),
    }
}
