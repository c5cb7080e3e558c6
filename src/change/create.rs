//! A new credential: read, verified, stored.

use super::content::badge;
use super::details::Written;
use super::verify::{kind_of, settled};
use super::{KindOf, Refused};
use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::{Input, Mode, Remarks, Values, parse};
use crate::catalog::schema::Env;
use crate::check::report::Report;
use crate::db::Tx;
use crate::error::Result;
use crate::id::Id;
use crate::model::block::{self, Block};
use crate::model::bot::Bot;
use crate::model::credential::{Credential, name_holder};
use crate::model::credential_change::{self, Content, Details, NewCredential, Saved};
use crate::model::permission::{Allowed, CreateCredential, ManageBots};
use std::collections::BTreeMap;

/// What was sent for a new credential and is acceptable; not verified yet.
pub struct Ready {
    /// What people write about it.
    pub details: Details,
    /// Its values.
    pub values: Values,
    /// What to look at although it is accepted.
    pub warnings: Remarks,
    env: Option<Env>,
}

/// A block that is to use the new credential.
pub struct Chooses {
    /// The permission to say so.
    pub allowed: Allowed<ManageBots>,
    /// The bot.
    pub bot: Id<Bot>,
    /// Its block.
    pub block: Id<Block>,
}

/// What was made.
pub struct Created {
    /// Its id.
    pub id: Id<Credential>,
    /// What its check came to.
    pub report: Report,
}

/// Reads what was sent; the inner error says what is wrong with it.
///
/// # Errors
/// When storage fails.
pub async fn read(
    app: &App,
    allowed: &Allowed<CreateCredential>,
    (integration, method): KindOf<'_>,
    written: &Written,
    input: Input,
) -> Result<std::result::Result<Ready, Refused>> {
    let (details, parsed) = (written.read(&app.catalog), parse(integration, method, Mode::Create, input));
    let (details, parsed) = match (details, parsed) {
        (Ok(details), Ok(parsed)) => (details, parsed),
        (details, parsed) => {
            let wrong = details.err().map(|wrong| *wrong).unwrap_or_default();
            let (errors, warnings) = match parsed {
                Ok(parsed) => (Remarks::default(), parsed.warnings),
                Err(errors) => (errors, Remarks::default()),
            };
            return Ok(Err(Refused { wrong, errors, warnings, report: None }));
        }
    };
    let (workspace, wanted) = (allowed.workspace().clone(), details.name.clone());
    if let Some(holder) = app.db.read(move |conn| name_holder(conn, &workspace, &wanted, None)).await? {
        return Ok(Err(Refused::name_taken(&holder, parsed.warnings)));
    }
    let (env, warnings) = (parsed.env, parsed.warnings.clone());
    Ok(Ok(Ready { details, values: parsed.complete(BTreeMap::new()), warnings, env }))
}

/// Verifies and stores it, and makes a block use it where one was named; the inner error says why nothing was saved.
///
/// # Errors
/// [`crate::error::Error::TooMany`] above the limits of checks, and when storage fails.
pub async fn store(
    app: &App,
    allowed: &Allowed<CreateCredential>,
    kind: KindOf<'_>,
    ready: Ready,
    save_unverified: bool,
    chooses: Option<Chooses>,
) -> Result<std::result::Result<Created, Refused>> {
    let Ready { details, values, warnings, env } = ready;
    let id = Id::new();
    let report = match settled(app, allowed, &id, kind, &values, save_unverified).await? {
        Ok(report) => report,
        Err(refused) => return Ok(Err(Refused { warnings, ..refused })),
    };
    let content = Content {
        destination: destination::destination(kind.1, &values.plain),
        place: destination::shown(kind.1, &values.plain).unwrap_or_default(),
        badge: badge(env),
        changed: Vec::new(),
        values,
    };
    let created = Created { id: id.clone(), report: report.clone() };
    let new = NewCredential { id, kind: kind_of(kind), details, content, report, consent: None };
    let (means, allowed) = (app.means.clone(), allowed.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let saved = credential_change::create(tx, &means, &allowed, &new)?;
        if let (Saved::Done, Some(Chooses { allowed, bot, block })) = (&saved, &chooses) {
            block::choose(tx, &means, allowed, bot, block, &new.id)?;
        }
        Ok(saved)
    };
    Ok(match app.db.write(unit).await? {
        Saved::NameTaken(holder) => Err(Refused::name_taken(&holder, warnings)),
        Saved::Done | Saved::Stale(_) => Ok(created),
    })
}
