//! What deleted workspaces leave goes, a transaction after the other.

use crate::app::App;
use crate::error::Result;
use crate::id::Id;
use crate::model::workspace::Workspace;
use crate::model::workspace_deletion;

/// Transactions of one round; the rest waits for the next.
const STEPS: usize = 50;

/// One round; returns how many workspaces are gone altogether.
pub async fn sweep(app: &App) -> Result<usize> {
    match app.db.read(workspace_deletion::due).await? {
        Some(workspace) => Ok(usize::from(one(app, &workspace).await?)),
        None => Ok(0),
    }
}

/// Some steps with one workspace; whether it is gone.
pub async fn one(app: &App, workspace: &Id<Workspace>) -> Result<bool> {
    for _ in 0..STEPS {
        let (means, id) = (app.means.clone(), workspace.clone());
        if app.db.write(move |tx| workspace_deletion::sweep(tx, &means, &id)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
