//! `credenza audit verify`.

use super::exit::{Exit, Failure};
use super::open;
use crate::model::audit_verify::{self, Verdict};

/// Proves every chain.
pub fn verify() -> Result<Exit, Failure> {
    let config = open::config()?;
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let (mut after, mut exit) = (String::new(), Exit::Fine);
        loop {
            let from = after.clone();
            let chains = vault.db.read(move |conn| audit_verify::chains(conn, &from)).await?;
            let Some(last) = chains.last() else { return Ok(exit) };
            after.clone_from(last);
            for chain in chains {
                let (keyring, wanted) = (vault.means.keyring.clone(), chain.clone());
                match vault.db.read(move |conn| audit_verify::chain(conn, &keyring, &wanted)).await? {
                    Verdict::Sound(seq) => println!("{chain}: sound up to event {seq}"),
                    Verdict::Broken(faults) => {
                        faults.iter().for_each(|fault| println!("{chain}: BROKEN at {fault}"));
                        exit = Exit::Failed;
                    }
                }
            }
        }
    })
}
