//! Keeps the anchor up with what is committed: in groups, behind the requests, never in their way.

use crate::anchor::{Anchor, Heads};
use crate::app::App;
use crate::error::{Error, Result};
use crate::measure;
use crate::model::rollback;
use crate::work::Work;
use actix_web::web;
use std::time::Duration;

/// So long what is committed is gathered before it is written.
const GATHER: Duration = Duration::from_secs(1);
/// A write that failed is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// Anchors every chain, then each as it moves on, for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    while !round(anchor_all(&app)).await {
        tokio::time::sleep(RETRY).await;
    }
    loop {
        app.db.committed().news().await;
        tokio::time::sleep(GATHER).await;
        if !round(anchor_news(&app)).await {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// One write, as a unit of work of its own; whether it was done.
async fn round(write: impl Future<Output = Result<()>>) -> bool {
    let work = Work::job("anchor");
    let done = work.scope(write).await;
    measure::job("anchor", done.is_ok());
    if let Err(error) = &done {
        work.enter(|| tracing::warn!(?error, "the anchor could not be written; it is tried again"));
    }
    done.is_ok()
}

/// Anchors every chain as the database has it.
pub async fn anchor_all(app: &App) -> Result<()> {
    let heads = app.db.read(rollback::all_heads).await?;
    write(app, heads).await
}

/// Anchors what this process has committed since the last time.
pub async fn anchor_news(app: &App) -> Result<()> {
    let heads = app.db.committed().take();
    let done = if heads.is_empty() { Ok(()) } else { write(app, heads.clone()).await };
    if done.is_err() {
        app.db.committed().tell(heads);
    }
    done
}

/// Moves the anchor on, but for chains that no longer hold what it knows of them: those are left as they are, so
/// that the next start and `audit verify` tell of them.
async fn write(app: &App, mut heads: Heads) -> Result<()> {
    let anchor = Anchor::within(&app.config.data_dir);
    if let Some(mut known) = anchor.load().map_err(Error::unavailable)? {
        known.heads.retain(|chain, _| heads.contains_key(chain));
        let keyring = app.means.keyring.clone();
        for gap in app.db.read(move |conn| rollback::gaps(conn, &keyring, &known)).await? {
            tracing::error!("the audit was cut or replaced while this process ran: {gap}");
            heads.remove(&gap.chain);
        }
    }
    let instance = app.means.keyring.instance().to_owned();
    tokio::task::spawn_blocking(move || anchor.advance(&instance, &heads))
        .await
        .map_err(Error::internal)?
        .map_err(Error::unavailable)
}
