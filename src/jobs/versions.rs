//! Staged secrets serve from their moment on, and superseded ones are erased when their overlap ends: often, since
//! people chose the moment.

use crate::app::App;
use crate::error::Result;
use crate::model::credential_change::{self, Staged};
use crate::model::housekeeping;
use crate::model::permission::{Allowed, KeepHouse};
use actix_web::web;
use std::time::Duration;

/// How often it is asked whether a moment has come.
const EVERY: Duration = Duration::from_secs(5);
/// Units of one kind in one round; the rest waits for the next.
const ROUNDS: usize = 50;

/// Moves versions for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    loop {
        drop(move_due(&app).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// One round of everything that is due.
pub async fn move_due(app: &App) -> Result<()> {
    super::unit("promotion", promote(app)).await?;
    super::unit("erasure", erase(app)).await
}

async fn promote(app: &App) -> Result<usize> {
    let mut count = 0;
    for _ in 0..ROUNDS {
        let means = app.means.clone();
        let batch = app.db.read(move |conn| housekeeping::due_promotion(conn, &means)).await?;
        if batch.is_empty() {
            break;
        }
        for (workspace, id, integration) in batch {
            let service = app.catalog.get(&integration).map_or(integration, |found| found.name.clone());
            let (means, unit) = (app.means.clone(), id.clone());
            let allowed = Allowed::<KeepHouse>::job(workspace, "rotation");
            let promoted =
                move |tx: &mut crate::db::Tx<'_>| credential_change::promote_due(tx, &means, &allowed, &unit, &service);
            if matches!(app.db.write(promoted).await?, Staged::Unreadable) {
                tracing::error!(credential = %id, "a staged secret cannot be decrypted, and waits for a person");
            }
            count += 1;
        }
    }
    Ok(count)
}

async fn erase(app: &App) -> Result<usize> {
    let mut count = 0;
    for _ in 0..ROUNDS {
        let means = app.means.clone();
        let batch = app.db.read(move |conn| housekeeping::due_erasure(conn, &means)).await?;
        if batch.is_empty() {
            break;
        }
        for (workspace, id) in batch {
            let means = app.means.clone();
            let allowed = Allowed::<KeepHouse>::job(workspace, "rotation");
            count += app.db.write(move |tx| credential_change::erase_ended(tx, &means, &allowed, &id)).await?;
        }
    }
    Ok(count)
}
