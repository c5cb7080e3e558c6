//! Staged secrets serve from their moment on, and superseded ones are erased when their overlap ends: often, since
//! people chose the moment.

use super::each::each;
use crate::app::App;
use crate::error::Result;
use crate::model::credential_change::{self, Staged};
use crate::model::housekeeping;
use crate::model::permission::{Allowed, KeepHouse};
use actix_web::web;
use std::time::Duration;

/// How often it is asked whether a moment has come.
const EVERY: Duration = Duration::from_secs(5);

/// Moves versions for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    loop {
        drop(move_due(&app).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// One round of everything that is due. A job that fails does not keep the other waiting.
pub async fn move_due(app: &App) -> Result<()> {
    let done = [super::unit("promotion", promote(app)).await, super::unit("erasure", erase(app)).await];
    done.into_iter().collect()
}

async fn promote(app: &App) -> Result<usize> {
    each(app, housekeeping::due_promotion, async |workspace, (id, integration)| {
        let service = app.catalog.get(&integration).map_or(integration, |found| found.name.clone());
        let (means, unit) = (app.means.clone(), id.clone());
        let allowed = Allowed::<KeepHouse>::job(workspace, "rotation");
        let promoted =
            move |tx: &mut crate::db::Tx<'_>| credential_change::promote_due(tx, &means, &allowed, &unit, &service);
        if matches!(app.db.write(promoted).await?, Staged::Unreadable) {
            tracing::error!(credential = %id, "a staged secret cannot be decrypted, and waits for a person");
        }
        Ok(1)
    })
    .await
}

async fn erase(app: &App) -> Result<usize> {
    each(app, housekeeping::due_erasure, async |workspace, id| {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace, "rotation"));
        app.db.write(move |tx| credential_change::erase_ended(tx, &means, &allowed, &id)).await
    })
    .await
}
