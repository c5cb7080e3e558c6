//! “Chain verified up to event N”, told as it is.

use crate::clock::At;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::model::Means;
use crate::model::audit_proof::{self, Proof};
use crate::model::audit_summary;
use crate::model::workspace::Workspace;
use crate::web::audit::words;
use crate::web::pages::audit::{ProofView, PrunedView};
use crate::web::pages::time::When;

/// What the page says of the chain of a workspace.
pub fn view(conn: &mut Conn, means: &Means, workspace: &Id<Workspace>) -> Result<ProofView> {
    let last = audit_proof::length(conn, workspace.as_str())?;
    let proof = Proof::of_chain(conn, &means.keyring, workspace.as_str())?;
    Ok(drawn(proof, last, means.now()))
}

/// What the page says of events that are gone; nothing of a summary that is not ours, which the proof tells of.
pub fn pruned(conn: &mut Conn, means: &Means, workspace: &Id<Workspace>) -> Result<Option<PrunedView>> {
    let summary = audit_summary::of_chain(conn, &means.keyring, workspace.as_str())?.unwrap_or_default();
    let day = |at: &str| at.split('T').next().unwrap_or_default().to_owned();
    Ok(summary.map(|summary| {
        let label = |action: &str| words::label(action).unwrap_or(action).to_owned();
        let mut actions: Vec<(String, i64)> = summary.actions.iter().map(|(word, n)| (label(word), *n)).collect();
        actions.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        PrunedView { last: summary.last.0, from: day(&summary.from), to: day(&summary.to), actions }
    }))
}

fn drawn(proof: Option<Proof>, last: i64, now: At) -> ProofView {
    let Some(proof) = proof else { return ProofView::Waiting };
    if let Some((event, why)) = proof.fault {
        return ProofView::Broken { event, why, at: When::new(proof.at, now) };
    }
    ProofView::Sound {
        event: proof.place.0,
        last,
        at: When::new(proof.at, now),
        whole: proof.whole_at.map(|at| (proof.whole_seq, When::new(at, now))),
    }
}
