//! Tokens are renewed before they end, and consents that die of disuse are kept alive.

use crate::app::App;
use crate::broker::Trouble;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::check_record::Cause;
use crate::model::credential::Credential;
use crate::model::credential_change;
use crate::model::oauth_grant;
use crate::model::permission::{Allowed, RefreshCredential};
use crate::model::status::Status;
use crate::model::workspace::Workspace;
use futures_util::{StreamExt, stream};

/// Grants of one round; the rest waits for the next.
const BATCH: i64 = 200;
/// Renewals at once.
const AT_ONCE: usize = 4;

/// Renews every grant whose time has come; returns how many were.
///
/// # Errors
/// When the database cannot say what is due.
pub async fn renew_due(app: &App) -> Result<usize> {
    renew_due_until(app, std::future::pending()).await
}

/// As [`renew_due`], but begins no renewal once `stop` has ended. Those that have begun are brought to their end: the
/// service may have put a new refresh token in the place of the one that is stored.
///
/// # Errors
/// When the database cannot say what is due.
pub async fn renew_due_until(app: &App, stop: impl Future<Output = ()>) -> Result<usize> {
    let now = app.means.now();
    let due = app.db.read(move |conn| oauth_grant::due(conn, now, BATCH)).await?;
    let begun = stream::iter(due).take_until(stop).map(|(workspace, id)| renew(app, workspace, id));
    let mut all = std::pin::pin!(begun.buffer_unordered(AT_ONCE));
    let mut count = 0;
    while let Some(done) = all.next().await {
        // One that was deleted meanwhile must not keep the others waiting.
        match done {
            Ok(renewed) => count += usize::from(renewed),
            Err(Error::NotFound) => {}
            Err(error) => tracing::warn!(?error, "a token could not be renewed"),
        }
    }
    Ok(count)
}

/// `false`: it was not renewed, and the status says why.
async fn renew(app: &App, workspace: Id<Workspace>, id: Id<Credential>) -> Result<bool> {
    let allowed = Allowed::<RefreshCredential>::job(workspace, "refresh");
    let broker = app.broker();
    let live = match broker.live(&allowed, &id, None, Cause::Schedule).await {
        Err(Error::Unprocessable(hint)) => {
            tracing::warn!(credential = %id, "a token cannot be renewed: the catalogue no longer has its service");
            broker.put_off(&allowed, &id).await?;
            return broker.gone(&allowed, &id, hint).await.map(|()| false);
        }
        live => live?,
    };
    match live {
        Ok(_) => heal(app, &allowed, &id).await.map(|()| true),
        Err(Trouble::Report(report)) => {
            tracing::info!(credential = %id, outcome = ?report.outcome, code = report.code, "a token was not renewed");
            Ok(false)
        }
        Err(Trouble::Unreadable(fault)) => {
            broker.put_off(&allowed, &id).await?;
            let (workspace, wanted) = (allowed.workspace().clone(), id.clone());
            let row = app.db.read(move |conn| Credential::get(conn, &workspace, &wanted)).await?;
            if row.status == Status::Unreadable {
                return Ok(false);
            }
            tracing::warn!(credential = %id, cause = fault.cause, "a stored value cannot be decrypted");
            let means = app.means.clone();
            app.db.write(move |tx| credential_change::unreadable(tx, &means, &allowed, &id, &fault)).await?;
            Ok(false)
        }
    }
}

/// A renewal that works again ends what the failed one said.
async fn heal(app: &App, allowed: &Allowed<RefreshCredential>, id: &Id<Credential>) -> Result<()> {
    let Ok(opened) = app.broker().open(allowed.workspace(), id).await? else { return Ok(()) };
    if !matches!(opened.row.status, Status::Broken) || !opened.method.checks_by_itself() {
        return Ok(());
    }
    let Ok(report) = app.broker().check(allowed, &opened, Cause::Schedule).await? else { return Ok(()) };
    let (means, allowed, id) = (app.means.clone(), allowed.clone(), id.clone());
    let (version, service) = (opened.row.live_version, opened.integration.name.clone());
    app.db
        .write(move |tx| {
            let told = (Cause::Schedule, &report);
            credential_change::checked(tx, &means, &allowed, &id, version, &service, told).map(|_| ())
        })
        .await
}
