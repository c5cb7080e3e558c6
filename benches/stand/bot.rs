//! A bot with one credential and a token for it.

use super::console::Console;
use anyhow::{Context, Result, ensure};
use credenza::catalog::destination;
use credenza::catalog::form::Values;
use credenza::check::report::{Outcome, Report};
use credenza::crypto::bot_token::mint;
use credenza::id::Id;
use credenza::model::bot::{self, Bot};
use credenza::model::bot_token::{self, NewToken, Scope};
use credenza::model::credential::{Badge, Credential, Environment};
use credenza::model::credential_change::{self, Content, Details, Kind, NewCredential, Saved};
use credenza::model::permission::{Allowed, CreateCredential, ManageBots, ManageTokens};
use credenza::model::workspace::Workspace;
use credenza::secret::Secret;
use std::collections::BTreeMap;

/// The path of the credential that [`token`] makes, in the machine API.
pub const CREDENTIAL: &str = "/api/v1/credentials/bench";

/// Makes a credential called “Bench” and a bot; returns a token that may do with it what `scope` says. `secret` is the
/// name of the method's secret field.
pub fn token(
    console: &Console,
    (integration, method): (&str, &str),
    plain: &[(&str, &str)],
    secret: &str,
    scope: Scope,
) -> Result<String> {
    let app = &console.app;
    let (integration, method) = app.catalog.method(integration, method).context("no such service")?;
    let plain = plain.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let secret = BTreeMap::from([(secret.to_owned(), Secret::new("a signing secret of a shop".to_owned()))]);
    let content = Content {
        destination: destination::destination(method, &plain),
        place: String::new(),
        badge: Badge::None,
        changed: Vec::new(),
        values: Values { plain, secret },
    };
    let kind =
        Kind { integration: integration.id.clone(), service: integration.name.clone(), method: method.id.clone() };
    let (environment, description) = (Environment::None, String::new());
    let details = Details { name: "Bench".to_owned(), environment, description, tags: Vec::new() };
    let report = Report {
        outcome: Outcome::Ok,
        code: "ok".to_owned(),
        hint: String::new(),
        steps: Vec::new(),
        identity: None,
        ms: 1,
        connected: true,
        fingerprint: None,
    };
    let credential = Id::<Credential>::new();
    let new = NewCredential { id: credential.clone(), kind, details, content, report, consent: None };
    let minted = mint(app.means.keyring.random())?;
    let (text, bot) = (minted.text.expose().to_owned(), Id::<Bot>::new());
    let token = NewToken {
        id: Id::new(),
        bot: Some(bot.clone()),
        name: "Bench".to_owned(),
        scopes: vec![scope],
        credentials: Some(vec![credential]),
        networks: Vec::new(),
        days: bot_token::DAYS,
        minted,
        shown: None,
        replaces: None,
    };
    let means = app.means.clone();
    let saved = console.run(app.db.write(move |tx| {
        let workspace = Workspace::page(tx.conn(), "", 1)?.pop().ok_or(credenza::error::Error::NotFound)?.id;
        let saved =
            credential_change::create(tx, &means, &Allowed::<CreateCredential>::operator(workspace.clone()), &new)?;
        let details = bot::Details { name: "Bench".to_owned(), description: String::new() };
        bot::create(tx, &means, &Allowed::<ManageBots>::operator(workspace.clone()), &bot, &details)?;
        bot_token::create(tx, &means, &Allowed::<ManageTokens>::operator(workspace), &token)?;
        Ok(matches!(saved, Saved::Done))
    }))?;
    ensure!(saved, "the credential was not stored");
    Ok(text)
}
