//! Audit lines whose time is over go, where a workspace has set one.

use crate::app::App;
use crate::error::Result;
use crate::id::Id;
use crate::model::audit_prune::{self, Pruned};
use crate::model::permission::{Allowed, KeepHouse};
use crate::model::workspace::Workspace;
use std::time::Duration;

/// How often it is looked for them.
const EVERY: Duration = Duration::from_secs(3600);
/// Workspaces that are looked at at once.
const PAGE: i64 = 200;
/// Steps in the chain of one workspace in one round; the rest waits for the next.
const STEPS: usize = 200;

/// Prunes for as long as the process lives.
pub(super) async fn run(app: &App) {
    loop {
        // It says itself what did not work; the rest waits for the next round with it.
        drop(super::unit("audit pruning", prune(app)).await);
        tokio::time::sleep(EVERY).await;
    }
}

/// One round over all workspaces; returns how many lines went.
pub async fn prune(app: &App) -> Result<usize> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let (from, now) = (after.clone(), app.means.now());
        let (last, due) = app
            .db
            .read(move |conn| {
                let page = Workspace::page(conn, &from, PAGE)?;
                let last = page.last().map(|workspace| workspace.slug.clone());
                Ok((last, audit_prune::due(conn, &page, now)?))
            })
            .await?;
        let Some(last) = last else { return Ok(count) };
        after = last;
        for workspace in due {
            count += one(app, workspace).await?;
        }
    }
}

/// One workspace, a transaction after the other, so that others get their turn in between.
async fn one(app: &App, workspace: Id<Workspace>) -> Result<usize> {
    let mut count = 0;
    for _ in 0..STEPS {
        let (means, allowed) = (app.means.clone(), Allowed::<KeepHouse>::job(workspace.clone(), "audit pruning"));
        match app.db.write(move |tx| audit_prune::prune(tx, &means, &allowed)).await? {
            Pruned::Lines(lines) => count += usize::try_from(lines).unwrap_or_default(),
            Pruned::Nothing => break,
            Pruned::Broken(fault) => {
                let (chain, event) = (workspace.as_str(), fault.seq);
                tracing::error!(
                    chain,
                    event,
                    why = fault.why,
                    "an audit chain is broken, so that nothing of it is pruned"
                );
                break;
            }
        }
    }
    Ok(count)
}
