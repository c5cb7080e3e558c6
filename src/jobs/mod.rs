//! Due work that nobody asks for: tokens are renewed, statuses age, deleted credentials go, ended sessions are swept.

mod tokens;

pub use tokens::renew_due;

use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::model::housekeeping::{self, Due};
use crate::model::permission::{Actor, Allowed, KeepHouse};
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::{Means, attempt, audit, oauth_flow};
use actix_web::web;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the house is kept.
const EVERY: Duration = Duration::from_secs(60);
/// Units of one kind in one round; the rest waits for the next.
const ROUNDS: usize = 50;

/// How often tokens are looked at.
const TOKENS_EVERY: Duration = Duration::from_secs(15);

/// Keeps house and renews tokens for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    futures_util::future::join(run_house(&app), run_tokens(&app)).await;
}

async fn run_tokens(app: &App) {
    loop {
        if let Err(error) = renew_due(app).await {
            tracing::warn!(?error, "tokens could not be renewed; it goes on in a moment");
        }
        tokio::time::sleep(TOKENS_EVERY).await;
    }
}

async fn run_house(app: &App) {
    loop {
        if let Err(error) = keep_house(app).await {
            tracing::warn!(?error, "housekeeping did not finish; it goes on in a minute");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One round of everything that is due.
pub async fn keep_house(app: &App) -> Result<()> {
    age(app, housekeeping::due_ageing, Status::Unverified).await?;
    age(app, housekeeping::due_expiring, Status::Expiring).await?;
    purge(app).await?;
    sweep(app).await?;
    count_denials(app).await
}

async fn age(app: &App, due: fn(&mut Conn, &Means) -> Result<Vec<Due>>, to: Status) -> Result<()> {
    for _ in 0..ROUNDS {
        let means = app.means.clone();
        let batch = app.db.read(move |conn| due(conn, &means)).await?;
        if batch.is_empty() {
            break;
        }
        for (workspace, id) in batch {
            let means = app.means.clone();
            let allowed = Allowed::<KeepHouse>::job(workspace, "ageing");
            app.db.write(move |tx| housekeeping::age(tx, &means, &allowed, &id, to)).await?;
        }
    }
    Ok(())
}

async fn purge(app: &App) -> Result<()> {
    for _ in 0..ROUNDS {
        let means = app.means.clone();
        let batch = app.db.read(move |conn| housekeeping::due_purge(conn, &means)).await?;
        if batch.is_empty() {
            break;
        }
        for (workspace, id) in batch {
            let means = app.means.clone();
            let allowed = Allowed::<KeepHouse>::job(workspace, "purge");
            app.db.write(move |tx| housekeeping::purge(tx, &means, &allowed, &id)).await?;
        }
    }
    Ok(())
}

async fn sweep(app: &App) -> Result<()> {
    let now = app.means.now();
    let swept = app
        .db
        .write(move |tx| Ok(Session::sweep(tx, now)? + attempt::sweep(tx, now)? + oauth_flow::sweep(tx, now)?))
        .await?;
    if swept > 0 {
        tracing::debug!(swept, "ended sessions, old attempts and consents are gone");
    }
    Ok(())
}

/// Anonymous denials above the limiter become one line a minute, so that nobody can grow a chain.
async fn count_denials(app: &App) -> Result<()> {
    let denied = app.denials.swap(0, Ordering::Relaxed);
    if denied == 0 {
        return Ok(());
    }
    let means = app.means.clone();
    app.db
        .write(move |tx| {
            let entry =
                audit::Entry::deny("person.signed_in", audit::Target::instance(), "too_many").detail("count", denied);
            audit::record(tx, &means, audit::INSTANCE, &Actor::job("limiter"), entry)
        })
        .await?;
    Ok(())
}
