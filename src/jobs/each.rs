//! Goes through what is due, a batch after the other, past what fails.

use super::ROUNDS;
use crate::app::App;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::workspace::Workspace;

/// Some of what is due, each thing with its workspace.
pub type Batch<T> = Vec<(Id<Workspace>, T)>;

/// Does each thing that is due; the sum of what `one` tells. `due` finds the next batch outside of the workspaces that
/// it is given.
///
/// What fails is logged and keeps nothing else waiting: the rest of its batch is done, and of its workspace what comes
/// behind waits for the next round, so that no other one stands behind it.
///
/// # Errors
/// The first one, once the rest is done; at once when storage fails.
pub async fn each<T: Send + 'static>(
    app: &App,
    due: impl Fn(&mut Conn, &Means, &[Id<Workspace>]) -> Result<Batch<T>> + Copy + Send + 'static,
    one: impl AsyncFn(Id<Workspace>, T) -> Result<usize>,
) -> Result<usize> {
    let mut count = 0;
    let mut passed: Vec<Id<Workspace>> = Vec::new();
    let mut first = None;
    for _ in 0..ROUNDS {
        let (means, without) = (app.means.clone(), passed.clone());
        let batch = app.db.read(move |conn| due(conn, &means, &without)).await?;
        if batch.is_empty() {
            break;
        }
        for (workspace, thing) in batch {
            match one(workspace.clone(), thing).await {
                Ok(done) => count += done,
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%workspace, ?error, "one of what is due failed; the others go on");
                    passed.push(workspace);
                    first = first.or(Some(error));
                }
            }
        }
    }
    first.map_or(Ok(count), Err)
}
