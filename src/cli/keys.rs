//! `credenza keys`: root keys staged and retired, workspace keys rotated. Never by HTTP; each act is audited.

use super::KeysCommand;
use super::exit::{Exit, Failure};
use super::open::{self, Vault};
use crate::clock::At;
use crate::config::{self, Config};
use crate::crypto::root_key::RootKey;
use crate::id::Id;
use crate::jobs::rotation::{Rotation, Step, compact};
use crate::model::key_status::{self, Needs};
use crate::model::permission::Allowed;
use crate::model::root_key::{self, Root, RootState};
use crate::model::workspace::Workspace;
use crate::model::{rotation, second_factor, workspace_key};
use std::collections::BTreeMap;
use std::path::Path;

/// Workspaces of one page.
const PAGE: i64 = 200;
/// A workspace key should not seal for longer than this many days.
const OLD: i64 = 365;

/// Runs one of the commands.
pub fn run(command: KeysCommand) -> Result<Exit, Failure> {
    let config = open::config()?;
    open::block_on(async move {
        match command {
            KeysCommand::Status => status(&config).await,
            KeysCommand::Stage { file, env, command } => {
                stage(&config, file.as_deref(), env.as_deref(), command.as_deref()).await
            }
            KeysCommand::Retire { label, at_once } => retire(&config, label, at_once).await,
            KeysCommand::Rotate { instance_root: true, .. } => stage_root(&config).await,
            KeysCommand::Rotate { workspace, older_than, background, .. } => {
                rotate(&config, workspace, older_than, background).await
            }
        }
    })
}

async fn status(config: &Config) -> Result<Exit, Failure> {
    let vault = open::existing_vault(config, false).await?;
    println!("Root keys:");
    let roots = vault.db.read(root_key::all).await?;
    let mut by_label: BTreeMap<&str, Vec<&Root>> = BTreeMap::new();
    for root in &roots {
        by_label.entry(&root.root_label).or_default().push(root);
    }
    for (label, rows) in by_label {
        let given = if label == vault.means.keyring.label() { "  (the one given here)" } else { "" };
        println!("  {label}  {}{given}", root_line(&rows));
    }
    let mut exit = Exit::Fine;
    for version in vault.means.keyring.damaged() {
        println!("  instance root {version} is DAMAGED");
        exit = Exit::Failed;
    }
    println!("Workspace keys:");
    if !workspace_lines(&vault).await? {
        exit = Exit::Failed;
    }
    factor_lines(&vault).await?;
    if vault.db.read(root_key::due_compaction).await?.is_some() {
        println!("Retired keys may still be in the database file: the running server, or “keys rotate”, erases them.");
    }
    Ok(exit)
}

/// Says under which instance roots the seeds of authenticator apps are sealed.
async fn factor_lines(vault: &Vault) -> Result<(), Failure> {
    let (mut after, mut seeds) = (String::new(), BTreeMap::<u32, u64>::new());
    loop {
        let from = after.clone();
        let (roots, next) = vault.db.read(move |conn| second_factor::roots(conn, &from, PAGE)).await?;
        roots.into_iter().for_each(|root| *seeds.entry(root).or_default() += 1);
        let Some(next) = next else { break };
        after = next;
    }
    println!("Authenticator apps:");
    for (root, count) in &seeds {
        let older = *root != vault.means.keyring.root_version();
        let then = if older { ", an older one: the running server seals them anew" } else { "" };
        println!("  sealed under instance root {root}: {count}{then}");
    }
    if seeds.is_empty() {
        println!("  none");
    }
    Ok(())
}

/// Says what is to be said of workspace keys; `false` if one is lost.
async fn workspace_lines(vault: &Vault) -> Result<bool, Failure> {
    let (mut after, mut sound, mut old, mut lost) = (String::new(), 0, 0, 0);
    loop {
        let (means, from) = (vault.means.clone(), after.clone());
        let page = vault.db.read(move |conn| key_status::page(conn, &means, &from, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.slug);
        for workspace in page {
            let days = vault.means.now().since(workspace.active_since).num_days();
            old += u64::from(days > OLD);
            match workspace.needs.is_empty() {
                true => sound += 1,
                false => println!("  {}: key {} seals", workspace.slug, workspace.active),
            }
            for (key, needs) in workspace.needs {
                println!("    key {key}: {needs}");
                lost += u64::from(matches!(needs, Needs::Lost { .. }));
            }
        }
    }
    println!("  workspaces with nothing under an older key: {sound}");
    if old > 0 {
        println!("  keys that have sealed for more than a year: {old}; “credenza keys rotate --older-than {OLD}”");
    }
    Ok(lost == 0)
}

fn root_line(rows: &[&Root]) -> String {
    let day = |at: At| at.utc().format("%Y-%m-%d %H:%M UTC").to_string();
    let is = |state| rows.iter().any(|row| row.state == state);
    let state = match () {
        () if is(RootState::Active) => RootState::Active,
        () if is(RootState::Retired) => RootState::Retired,
        () if is(RootState::Retained) => RootState::Retained,
        () => RootState::Staged,
    };
    let staged = rows.iter().find(|row| state == RootState::Active && row.state == RootState::Staged);
    let roots: Vec<String> = rows.iter().map(|row| row.version.to_string()).collect();
    let mut line = format!("{:<8}  instance root {}", state.as_str(), roots.join(", "));
    if let Some(root) = staged {
        line += &format!(" ({} is staged: restart every server)", root.version);
    }
    if let Some(made) = rows.iter().map(|row| row.created_at).min() {
        line += &format!("  wrapped {}", day(made));
    }
    match rows.iter().filter_map(|row| row.retired_at).max() {
        Some(retired) => line += &format!("  retired {}", day(retired)),
        None => match rows.iter().filter_map(|row| row.used_at).max() {
            Some(used) => line += &format!("  last used {}", day(used)),
            None => line += "  not used by a server yet",
        },
    }
    line
}

async fn stage(
    config: &Config,
    file: Option<&Path>,
    env: Option<&str>,
    command: Option<&str>,
) -> Result<Exit, Failure> {
    let new = match (file, env, command) {
        (Some(path), None, None) => RootKey::from_file(path).map_err(Failure::key)?,
        (None, Some(name), None) => {
            let text = std::env::var(name).map(zeroize::Zeroizing::new);
            let text = text.map_err(|_| Failure::key(format!("the environment has no variable {name}")))?;
            RootKey::from_base64(&text).map_err(Failure::key)?
        }
        (None, None, Some(text)) => {
            let argv = config::command(text).map_err(|why| Failure::refused(format!("--command {why}")))?;
            open::from_command(&argv)?
        }
        _ => return Err(Failure::refused("Say where the new root key is: one of --file, --env, --command.")),
    };
    let vault = open::vault(config).await?;
    let (means, label) = (vault.means.clone(), new.label().to_owned());
    let is_new = vault.db.write(move |tx| root_key::stage(tx, &means, &new)).await?;
    println!("The root key {label} is {}.", if is_new { "staged" } else { "staged already" });
    println!(
        "Next: start every server with it. The first start makes it the active one; {} is kept.",
        vault.means.keyring.label()
    );
    Ok(Exit::Fine)
}

async fn retire(config: &Config, label: String, at_once: bool) -> Result<Exit, Failure> {
    let vault = open::vault(config).await?;
    let (means, wanted) = (vault.means.clone(), label.clone());
    vault.db.write(move |tx| root_key::retire(tx, &means, &wanted, at_once)).await?;
    println!("The root key {label} opens this database no more. It still opens older backups.");
    finish(&vault).await
}

async fn stage_root(config: &Config) -> Result<Exit, Failure> {
    let vault = open::vault(config).await?;
    let (means, key) = (vault.means.clone(), vault.root_key.clone());
    let version = vault.db.write(move |tx| root_key::stage_root(tx, &means, &key)).await?;
    println!("Instance root {version} is staged.");
    println!("Next: stop every server, then start them: from then on it seals, and everybody signs in again.");
    Ok(Exit::Fine)
}

async fn rotate(
    config: &Config,
    slug: Option<String>,
    older_than: Option<i64>,
    background: bool,
) -> Result<Exit, Failure> {
    let vault = open::vault(config).await?;
    let mut exit = Exit::Fine;
    if let Some(slug) = slug {
        let wanted = slug.clone();
        let found = vault.db.read(move |conn| Workspace::find(conn, &wanted)).await?.ok_or_else(|| {
            Failure::refused(format!("There is no workspace {slug}. “credenza workspace list” names them."))
        })?;
        exit = rotate_one(&vault, &found, older_than, background).await?;
    } else {
        let mut after = String::new();
        loop {
            let from = after.clone();
            let page = vault.db.read(move |conn| Workspace::page(conn, &from, PAGE)).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.slug);
            for found in page {
                if rotate_one(&vault, &found, older_than, background).await? == Exit::Failed {
                    exit = Exit::Failed;
                }
            }
        }
    }
    if background {
        println!("The running server seals the rest anew; “credenza keys status” tells how far it is.");
        return Ok(exit);
    }
    finish(&vault).await.map(|_| exit)
}

async fn rotate_one(
    vault: &Vault,
    workspace: &Workspace,
    older_than: Option<i64>,
    background: bool,
) -> Result<Exit, Failure> {
    if let Some(days) = older_than
        && !is_older(vault, &workspace.id, days).await?
    {
        return Ok(Exit::Fine);
    }
    let slug = workspace.slug.clone();
    let allowed = Allowed::operator(workspace.id.clone());
    if background {
        let (means, id) = (vault.means.clone(), workspace.id.clone());
        let begun = vault.db.write(move |tx| match rotation::retained(tx.conn(), &id)?.is_empty() {
            true => workspace_key::begin_rotation(tx, &means, &allowed).map(Some),
            false => Ok(None),
        });
        match begun.await? {
            Some(key) => println!("{slug}: key {key} seals from now on"),
            None => println!("{slug}: a rotation is under way already"),
        }
        return Ok(Exit::Fine);
    }
    let work = Rotation { db: vault.db.clone(), means: vault.means.clone(), allowed };
    let is_done = work.run(&mut |step| println!("{slug}: {}", said(step))).await?;
    Ok(if is_done { Exit::Fine } else { Exit::Failed })
}

async fn is_older(vault: &Vault, workspace: &Id<Workspace>, days: i64) -> Result<bool, Failure> {
    let id = workspace.clone();
    let keys = vault.db.read(move |conn| workspace_key::all(conn, &id)).await?;
    let now = vault.means.now();
    let active = keys.iter().find(|key| key.state == workspace_key::KeyState::Active);
    Ok(keys.iter().any(|key| key.state == workspace_key::KeyState::Retained)
        || active.is_none_or(|key| now.since(key.created_at).num_days() >= days))
}

fn said(step: Step) -> String {
    match step {
        Step::Begun(key) => format!("key {key} seals from now on"),
        Step::Sealed { done, left } => format!("{done} sealed anew, {left} left"),
        Step::Retired(key) => format!("key {key} is retired"),
        Step::Unreadable(left) => format!(
            "{left} cannot be opened and stay under their old key until they are entered again: credenza drill names them"
        ),
    }
}

/// Erases from the file what was retired.
async fn finish(vault: &Vault) -> Result<Exit, Failure> {
    if compact(&vault.db).await? {
        println!("The database was written anew without what was retired.");
    }
    Ok(Exit::Fine)
}
