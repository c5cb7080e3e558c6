//! `credenza bot` and `token`: bots and their tokens without a browser, for automation.

use super::exit::{Exit, Failure};
use super::open;
use crate::crypto::bot_token::mint;
use crate::db::Conn;
use crate::error::Error;
use crate::id::Id;
use crate::model::bot::{self, Bot, Changed, Details};
use crate::model::bot_token::{self, checked_days, checked_name, checked_networks, checked_scopes};
use crate::model::credential::Credential;
use crate::model::permission::Allowed;
use crate::model::workspace::Workspace;
use clap::Args;

/// What a token is to be.
#[derive(Debug, Args)]
pub struct NewToken {
    /// The workspace's slug.
    #[arg(long)]
    workspace: String,
    /// The bot's id; without it the token is for the management API.
    #[arg(long)]
    bot: Option<String>,
    /// What it may do: `use` (calls are made for it), `fetch` (it gets values), or, without a bot, `manage`.
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// The handle of a credential that it is for; without any it is for those of every block of its bot.
    #[arg(long, requires = "bot")]
    credential: Vec<String>,
    /// What people call it.
    #[arg(long, default_value = "Made at the shell")]
    name: String,
    /// A network that it may come from, such as 10.20.0.0/16; without any it may come from anywhere.
    #[arg(long)]
    network: Vec<String>,
    /// Days that it lives; 90 unless the workspace allows fewer.
    #[arg(long)]
    days: Option<i64>,
}

fn workspace(conn: &mut Conn, slug: &str) -> Result<Workspace, Error> {
    Workspace::find(conn, slug)?.ok_or_else(|| {
        Error::Unprocessable(format!("There is no workspace {slug}. “credenza workspace list” names them."))
    })
}

/// Registers a bot.
pub fn add(slug: &str, name: &str) -> Result<Exit, Failure> {
    let config = open::config()?;
    let name = bot::checked_name(name).map_err(Failure::refused)?;
    let slug = slug.to_owned();
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let (means, id) = (vault.means.clone(), Id::<Bot>::new());
        let made = id.clone();
        let saved = vault
            .db
            .write(move |tx| {
                let allowed = Allowed::operator(workspace(tx.conn(), &slug)?.id);
                bot::create(tx, &means, &allowed, &id, &Details { name: name.clone(), description: String::new() })
            })
            .await?;
        match saved {
            Changed::NameTaken(holder) => Err(Failure::refused(format!("A bot “{holder}” exists already."))),
            Changed::Done | Changed::Stale(_) => {
                println!("{made}");
                Ok(Exit::Fine)
            }
        }
    })
}

/// Makes a token.
pub fn add_token(new: NewToken) -> Result<Exit, Failure> {
    let config = open::config()?;
    let scopes = checked_scopes(&new.scope, new.bot.is_none()).map_err(Failure::refused)?;
    let name = checked_name(&new.name).map_err(Failure::refused)?;
    let networks = checked_networks(&new.network.join(" ")).map_err(Failure::refused)?;
    let unknown = "There is no such bot in this workspace. “credenza bot add” prints the id of a new one.";
    let bot = match &new.bot {
        Some(text) => Some(Id::<Bot>::parse(text).ok_or_else(|| Failure::refused(unknown))?),
        None => None,
    };
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let minted = mint(vault.means.keyring.random())?;
        let text = minted.text.duplicate();
        let means = vault.means.clone();
        let (slug, handles, wanted) = (new.workspace.clone(), new.credential.clone(), bot.clone());
        let found = vault.db.read(move |conn| {
            let workspace = workspace(conn, &slug)?;
            if let Some(bot) = &wanted
                && Bot::find(conn, &workspace.id, bot)?.is_none()
            {
                return Err(Error::Unprocessable(unknown.into()));
            }
            let mut ids = Vec::new();
            for handle in &handles {
                let found = Credential::by_handle(conn, &workspace.id, handle)?;
                let found = found.ok_or_else(|| {
                    Error::Unprocessable(format!("There is no credential with the handle {handle} in {slug}."))
                })?;
                if !ids.contains(&found.id) {
                    ids.push(found.id);
                }
            }
            Ok((workspace, ids))
        });
        let (workspace, ids) = found.await?;
        let days = checked_days(new.days, workspace.settings.token_days).map_err(Failure::refused)?;
        let credentials = if ids.is_empty() { None } else { Some(ids) };
        let new = bot_token::NewToken {
            id: Id::new(),
            bot,
            name,
            scopes,
            credentials,
            networks,
            days,
            minted,
            shown: None,
            replaces: None,
        };
        vault.db.write(move |tx| bot_token::create(tx, &means, &Allowed::operator(workspace.id.clone()), &new)).await?;
        println!("{}", text.expose());
        Ok(Exit::Fine)
    })
}
