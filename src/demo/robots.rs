//! The bots of the scene: registered, published, and asking for the credentials of their blocks.

use super::scene::{BotPlan, Scene};
use crate::catalog::load::Catalog;
use crate::crypto::bot_token::{Presented, mint};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::block::{self, Block};
use crate::model::bot::{self, Bot, Changed, Details, Publishing};
use crate::model::bot_token::{self, NewToken, Scope};
use crate::model::bot_use::{self, Asked, Caller, Purpose, Wanted};
use crate::model::credential::Credential;
use crate::model::membership::Standing;
use crate::model::permission::{Actor, Allowed, Permission};
use chrono::TimeDelta;

/// Where the bots of the demo run.
const ADDRESS: [u8; 4] = [10, 20, 0, 7];

/// One step of a bot.
pub(super) struct Turn {
    /// Its place in the scene.
    pub bot: usize,
    /// How long ago.
    pub ago: TimeDelta,
    /// What it was.
    pub deed: Deed,
}

/// What happens to a bot, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Made,
    Published,
    Asks,
}

/// Every step of every bot.
pub(super) fn turns(scene: &Scene) -> Result<Vec<Turn>> {
    let mut turns = Vec::new();
    for (bot, plan) in scene.bots.iter().enumerate() {
        turns.push(Turn { bot, ago: plan.made, deed: Deed::Made });
        turns.extend(plan.published.map(|ago| Turn { bot, ago, deed: Deed::Published }));
        turns.extend(plan.uses()?.into_iter().map(|ago| Turn { bot, ago, deed: Deed::Asks }));
    }
    Ok(turns)
}

/// A bot that was registered.
pub(super) struct Robot {
    id: Id<Bot>,
    token: Presented,
    keys: Vec<String>,
}

/// What a step needs.
pub(super) struct Stage<'s> {
    pub means: &'s Means,
    pub catalog: &'s Catalog,
    pub plan: &'s BotPlan,
    pub standing: &'s Standing,
}

impl Stage<'_> {
    fn allowed<P: Permission>(&self) -> Result<Allowed<P>> {
        let actor = Actor { kind: "person", id: self.standing.user.id.to_string(), ..Actor::default() };
        self.standing.allowed(actor).ok_or(Error::Forbidden)
    }

    fn fault(&self, text: &str) -> Error {
        Error::internal(format!("scene: {}: {text}", self.plan.name))
    }

    /// Registers it with its blocks and a token; `find` gives what is stored of a credential of this name.
    pub fn make(&self, tx: &mut Tx<'_>, find: impl Fn(&str) -> Option<(Id<Credential>, String)>) -> Result<Robot> {
        let (id, allowed) = (Id::new(), self.allowed()?);
        let details = Details { name: self.plan.name.clone(), description: self.plan.description.clone() };
        let Changed::Done = bot::create(tx, self.means, &allowed, &id, &details)? else {
            return Err(self.fault("its name is taken"));
        };
        let mut keys = Vec::new();
        for plan in &self.plan.blocks {
            let chosen = plan.credential.as_deref().and_then(&find);
            // A credential whose service the catalogue does not have is not there, and no block asks for it.
            let Some(integration) = chosen.as_ref().map(|(_, of)| of).or(plan.of.as_ref()) else { continue };
            let credential = chosen.as_ref().map(|(id, _)| id.clone());
            let wanted = block::Wanted { label: plan.label.clone(), integration: integration.clone(), credential };
            let unit = Id::<Block>::new();
            block::add(tx, self.means, &allowed, &id, &unit, &wanted)?;
            if chosen.is_some() {
                keys.push(Block::get(tx.conn(), allowed.workspace(), &id, &unit)?.key);
            }
        }
        Ok(Robot { token: self.token(tx, &id)?, id, keys })
    }

    fn token(&self, tx: &mut Tx<'_>, bot: &Id<Bot>) -> Result<Presented> {
        let minted = mint(self.means.keyring.random())?;
        let presented = Presented { prefix: minted.prefix.clone(), digest: minted.digest.clone() };
        let new = NewToken {
            id: Id::new(),
            bot: Some(bot.clone()),
            name: "Worker".to_owned(),
            scopes: vec![Scope::Use, Scope::Fetch],
            credentials: None,
            networks: Vec::new(),
            days: bot_token::DAYS,
            minted,
            shown: None,
            replaces: None,
        };
        bot_token::create(tx, self.means, &self.allowed()?, &new)?;
        Ok(presented)
    }

    /// Publishes it, whatever its credentials do.
    pub fn publish(&self, tx: &mut Tx<'_>, robot: &Robot) -> Result<()> {
        match bot::publish(tx, self.means, &self.allowed()?, &robot.id, None, true)? {
            Publishing::Done => Ok(()),
            left => Err(self.fault(&format!("{left:?}"))),
        }
    }

    /// Fetches the values of each of its blocks, or is refused them.
    pub fn ask(&self, tx: &mut Tx<'_>, robot: &Robot) -> Result<()> {
        for key in &robot.keys {
            let actor = Actor {
                kind: "anonymous",
                address: std::net::Ipv4Addr::from(ADDRESS).to_string(),
                agent: "acme-worker/3.2".to_owned(),
                ..Actor::default()
            };
            let caller = Caller {
                token: robot.token.clone(),
                address: Some(ADDRESS.into()),
                actor,
                route: "/api/v1/blocks/{key}/secret".to_owned(),
            };
            let wanted = Wanted::Block(key.clone());
            let asked = Asked { caller, purpose: Purpose::Fetch, wanted, version: None };
            // A refusal is a line like any other.
            drop(bot_use::take(tx, self.means, self.catalog, &asked, &|_, _| Ok(()))?);
        }
        Ok(())
    }
}
