//! `credenza audit verify`.

use super::exit::{Exit, Failure};
use super::open::{self, Vault};
use crate::anchor::Anchor;
use crate::config::Config;
use crate::model::audit_verify::{self, Verdict};
use crate::model::rollback::{self, Found, Gap};

/// Proves every chain, and that none ends before the anchor knows it to.
pub fn verify() -> Result<Exit, Failure> {
    let config = open::config()?;
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let (mut exit, mut gaps) = gaps(&vault, &config).await?;
        let mut after = String::new();
        loop {
            let from = after.clone();
            let chains = vault.db.read(move |conn| audit_verify::chains(conn, &from)).await?;
            let Some(last) = chains.last() else { break };
            after.clone_from(last);
            for chain in chains {
                let (keyring, wanted) = (vault.means.keyring.clone(), chain.clone());
                let verdict = vault.db.read(move |conn| audit_verify::chain(conn, &keyring, &wanted)).await?;
                let gap = gaps.iter().position(|gap| gap.chain == chain).map(|at| gaps.swap_remove(at));
                if !told(&chain, verdict, gap) {
                    exit = Exit::Failed;
                }
            }
        }
        for gap in gaps {
            println!("BROKEN: {gap}");
            exit = Exit::Failed;
        }
        Ok(exit)
    })
}

/// Says how a chain stands; `false` if it is broken.
fn told(chain: &str, verdict: Verdict, gap: Option<Gap>) -> bool {
    let (seq, why) = match (verdict, gap) {
        (Verdict::Sound(seq), None) => {
            println!("{chain}: sound up to event {seq}");
            return true;
        }
        (Verdict::Broken(faults), _) => {
            faults.iter().for_each(|fault| println!("{chain}: BROKEN at {fault}"));
            return false;
        }
        (Verdict::Sound(seq), Some(gap)) => match gap.found {
            Found::Shorter(_) => {
                (seq + 1, format!("the end of the chain is missing; the anchor knows {} events", gap.anchored))
            }
            _ => (gap.anchored, "the anchor knows another event of that number".to_owned()),
        },
    };
    println!("{chain}: BROKEN at event {seq}: {why}");
    false
}

/// Where the database falls short of the anchor; an anchor that cannot be read is a failure of its own.
async fn gaps(vault: &Vault, config: &Config) -> Result<(Exit, Vec<Gap>), Failure> {
    match Anchor::within(&config.data_dir).load() {
        Ok(None) => {
            println!("There is no anchor yet: whether ends of chains are missing is not known.");
            Ok((Exit::Fine, Vec::new()))
        }
        Ok(Some(known)) => Ok((Exit::Fine, vault.db.read(move |conn| rollback::gaps(conn, &known)).await?)),
        Err(error) => {
            println!("{error}");
            Ok((Exit::Failed, Vec::new()))
        }
    }
}
