//! Proves the audit chains while the server runs, a piece at a time, so that a page can say how far they are sound.

use crate::app::App;
use crate::error::{Error, Result};
use crate::measure;
use crate::model::audit_proof;

/// Lines of one chain that one round looks at, in each of the two walks.
const LINES: i64 = 20_000;
/// Pages of chains in one round; the rest waits for the next.
const ROUNDS: usize = 50;

/// One round over every chain that something is due for.
pub async fn prove(app: &App) -> Result<usize> {
    let (mut after, mut count, mut first) = (String::new(), 0, None);
    for _ in 0..ROUNDS {
        let (from, now) = (after.clone(), app.means.now());
        let chains = app.db.read(move |conn| audit_proof::due(conn, &from, now)).await?;
        let Some(last) = chains.last() else { break };
        after.clone_from(last);
        for chain in chains {
            count += 1;
            match one(app, chain.clone()).await {
                Ok(()) => {}
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(chain, ?error, "a chain could not be proved; the others go on");
                    first = first.or(Some(error));
                }
            }
        }
    }
    measure::AUDIT_BROKEN.set(app.db.read(audit_proof::broken).await? as f64);
    first.map_or(Ok(count), Err)
}

async fn one(app: &App, chain: String) -> Result<()> {
    let (means, wanted) = (app.means.clone(), chain.clone());
    let proof = app.db.read(move |conn| audit_proof::advance(conn, &means, &wanted, LINES)).await?;
    if let Some((event, why)) = &proof.fault {
        tracing::error!(chain, event, why, "an audit chain is broken; keep the database as it is");
    }
    let means = app.means.clone();
    app.db.write(move |tx| audit_proof::keep(tx, &means, &chain, &proof)).await
}
