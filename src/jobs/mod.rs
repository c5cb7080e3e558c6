//! Due work that nobody asks for: tokens are renewed, statuses age, deleted credentials go, ended sessions are swept.

mod each;
mod tokens;

pub use tokens::{renew_due, renew_due_until};

pub mod anchor;
pub mod checkpoint;
pub mod deletion;
pub mod keys;
pub mod outbox;
pub mod proof;
pub mod pruning;
pub mod rotation;
pub mod token_ends;
pub mod versions;

use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::measure;
use crate::model::housekeeping::{self, Due};
use crate::model::permission::{Actor, Allowed, KeepHouse};
use crate::model::session::Session;
use crate::model::status::Status;
use crate::model::workspace::Workspace;
use crate::model::{Means, attempt, audit, bot_token, credential_change, device, oauth_flow, reset, step, support};
use crate::work::Work;
use actix_web::web;
use each::each;
use futures_util::FutureExt;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the house is kept.
const EVERY: Duration = Duration::from_secs(60);
/// Batches of one kind in one round; the rest waits for the next.
const ROUNDS: usize = 50;

/// How often tokens are looked at.
const TOKENS_EVERY: Duration = Duration::from_secs(15);

/// Keeps house for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    futures_util::future::join(run_house(&app), pruning::run(&app)).await;
}

/// Renews tokens until `stop` has ended, and with it the renewals that had begun.
pub async fn run_tokens(app: web::Data<App>, stop: impl Future<Output = ()>) {
    let stop = stop.shared();
    loop {
        // It says itself what did not work; the rest waits for the next round with it.
        drop(unit("tokens", renew_due_until(&app, stop.clone())).await);
        if tokio::time::timeout(TOKENS_EVERY, stop.clone()).await.is_ok() {
            return;
        }
    }
}

async fn run_house(app: &App) {
    loop {
        // Each job says itself why it did not finish; the others wait for the next round with it.
        drop(keep_house(app).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// One round of everything that is due. A job that fails keeps no other waiting; the first error is returned.
pub async fn keep_house(app: &App) -> Result<()> {
    let done = [
        unit("ageing", age(app, housekeeping::due_ageing, Status::Unverified)).await,
        unit("expiry", age(app, housekeeping::due_expiring, Status::Expiring)).await,
        unit("resumption", resume(app)).await,
        unit("purge", purge(app)).await,
        unit("sweep", sweep(app)).await,
        unit("denials", count_denials(app)).await,
        unit("support end", end_support(app)).await,
        unit("token ends", token_ends::warn(app)).await,
        unit("workspace deletion", deletion::sweep(app)).await,
        unit("audit proof", proof::prove(app)).await,
    ];
    done.into_iter().collect()
}

/// One round of a job: a unit of work of its own, whose id its log lines and audit lines carry. `round` tells
/// how many things it did.
async fn unit(name: &'static str, round: impl Future<Output = Result<usize>>) -> Result<()> {
    let work = Work::job(name);
    let done = work.scope(round).await;
    measure::job(name, done.is_ok());
    work.enter(|| match &done {
        Ok(0) => tracing::debug!("nothing was due"),
        Ok(count) => tracing::info!(count, "done"),
        Err(error) => tracing::warn!(?error, "not finished; it goes on in a minute"),
    });
    done.map(|_| ())
}

/// Finds credentials that something is due for, outside of some workspaces.
type FindDue = fn(&mut Conn, &Means, &[Id<Workspace>]) -> Result<Vec<Due>>;

async fn age(app: &App, due: FindDue, to: Status) -> Result<usize> {
    each(app, due, async |workspace, id| {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace, "ageing"));
        app.db.write(move |tx| housekeeping::age(tx, &means, &allowed, &id, to)).await.map(|()| 1)
    })
    .await
}

/// Credentials that were switched off for a while are switched on again.
async fn resume(app: &App) -> Result<usize> {
    each(app, housekeeping::due_resumption, async |workspace, id| {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace, "suspension"));
        app.db.write(move |tx| credential_change::resume_due(tx, &means, &allowed, &id)).await.map(|()| 1)
    })
    .await
}

async fn purge(app: &App) -> Result<usize> {
    each(app, housekeeping::due_purge, async |workspace, id| {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace, "purge"));
        app.db.write(move |tx| housekeeping::purge(tx, &means, &allowed, &id)).await.map(|()| 1)
    })
    .await
}

/// Support access whose time is over goes; nobody has had it since.
async fn end_support(app: &App) -> Result<usize> {
    each(app, support::due_expired, async |workspace, user| {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace, "support end"));
        app.db.write(move |tx| support::expire(tx, &means, &allowed, &user)).await.map(|()| 1)
    })
    .await
}

/// Ended sessions, old attempts, spent links and forgotten browsers go.
async fn sweep(app: &App) -> Result<usize> {
    let now = app.means.now();
    app.db
        .write(move |tx| {
            let links = reset::sweep(tx, now)? + bot_token::sweep(tx, now)? + oauth_flow::sweep(tx, now)?;
            Ok(Session::sweep(tx, now)?
                + attempt::sweep(tx, now)?
                + device::sweep(tx, now)?
                + step::sweep(tx, now)?
                + links)
        })
        .await
}

/// Anonymous denials above the limiter become one line a minute, so that nobody can grow a chain.
async fn count_denials(app: &App) -> Result<usize> {
    let denied = app.denials.swap(0, Ordering::Relaxed);
    if denied == 0 {
        return Ok(0);
    }
    let means = app.means.clone();
    app.db
        .write(move |tx| {
            let entry =
                audit::Entry::deny("person.signed_in", audit::Target::instance(), "too_many").detail("count", denied);
            audit::record(tx, &means, audit::INSTANCE, &Actor::job("limiter"), entry)
        })
        .await?;
    Ok(1)
}
