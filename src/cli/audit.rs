//! `credenza audit verify`, `key` and `export`.

use super::exit::{Exit, Failure};
use super::open::{self, Vault};
use crate::anchor::{Anchor, Head};
use crate::config::Config;
use crate::crypto::signer::PublicKey;
use crate::error::Error;
use crate::model::audit::INSTANCE;
use crate::model::audit_file::Proved;
use crate::model::audit_list::{self, Filter};
use crate::model::audit_summary::{self, Summary};
use crate::model::audit_verify::{self, Place, START, Verdict};
use crate::model::rollback::{self, Found, Gap};
use crate::model::workspace::Workspace;
use crate::model::{audit_file, checkpoint};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Events of one batch of an export.
const BATCH: i64 = 1000;

/// Proves every chain, and that none contradicts the anchor or a signed checkpoint.
pub fn verify(more: &[PathBuf]) -> Result<Exit, Failure> {
    let config = open::config()?;
    let mut files = more.to_vec();
    if config.checkpoint_file.exists() {
        files.push(config.checkpoint_file.clone());
    }
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let (mut exit, mut gaps) = gaps(&vault, &config).await?;
        exit = exit.worse(signed(&vault, &files, &mut gaps).await?);
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

/// Says how a chain stands; `false` if it is broken. What is missing at its end is told first.
fn told(chain: &str, verdict: Verdict, gap: Option<Gap>) -> bool {
    let is_sound = gap.is_none();
    if let Some(gap) = gap {
        let (seq, why) = match gap.found {
            Found::Shorter(seq) => {
                (seq + 1, format!("the end of the chain is missing; it once had {} events", gap.anchored))
            }
            _ => (gap.anchored, "it once had another event of that number".to_owned()),
        };
        println!("{chain}: BROKEN at event {seq}: {why}");
    }
    match verdict {
        Verdict::Sound(seq) if is_sound => {
            println!("{chain}: sound up to event {seq}");
            true
        }
        Verdict::Sound(_) => false,
        Verdict::Broken(faults) => {
            faults.iter().for_each(|fault| println!("{chain}: BROKEN at {fault}"));
            false
        }
    }
}

/// Where the database falls short of the anchor; an anchor that cannot be read is a failure of its own.
async fn gaps(vault: &Vault, config: &Config) -> Result<(Exit, Vec<Gap>), Failure> {
    match Anchor::within(&config.data_dir).load() {
        Ok(None) => {
            println!("There is no anchor yet: whether ends of chains are missing is not known.");
            Ok((Exit::Fine, Vec::new()))
        }
        Ok(Some(known)) => {
            let keyring = vault.means.keyring.clone();
            Ok((Exit::Fine, vault.db.read(move |conn| rollback::gaps(conn, &keyring, &known)).await?))
        }
        Err(error) => {
            println!("{error}");
            Ok((Exit::Failed, Vec::new()))
        }
    }
}

/// Holds the database against files of signed checkpoints; what they contradict is added to the gaps.
async fn signed(vault: &Vault, files: &[PathBuf], gaps: &mut Vec<Gap>) -> Result<Exit, Failure> {
    if files.is_empty() {
        println!("There are no signed checkpoints yet.");
        return Ok(Exit::Fine);
    }
    let (mut exit, mut good) = (Exit::Fine, Vec::new());
    for path in files {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::refused(format!("{} cannot be read: {error}", path.display())))?;
        let read = checkpoint::read(&vault.means.keyring, &text);
        if read.bad > 0 {
            println!("BROKEN: {} notes in {} are not signed by this instance", read.bad, path.display());
            exit = Exit::Failed;
        }
        good.extend(read.good);
    }
    let (keyring, count) = (vault.means.keyring.clone(), good.len());
    let found = vault.db.read(move |conn| checkpoint::contradicted(conn, &keyring, &good)).await?;
    println!("{count} signed checkpoints were compared");
    for gap in found {
        if !gaps.iter().any(|known| known.chain == gap.chain) {
            gaps.push(gap);
        }
    }
    Ok(exit)
}

/// Proves an export with public keys alone.
pub fn verify_file(path: &Path, keys: &[String]) -> Result<Exit, Failure> {
    let keys: Option<Vec<PublicKey>> = keys.iter().map(|text| PublicKey::parse(text)).collect();
    let keys = keys.ok_or_else(|| Failure::refused("--public-key takes a key as “credenza audit key” prints it."))?;
    let verdict = if path == Path::new("-") {
        audit_file::verify(std::io::stdin().lock(), &keys)
    } else {
        let file = File::open(path)
            .map_err(|error| Failure::refused(format!("{} cannot be read: {error}", path.display())))?;
        audit_file::verify(BufReader::new(file), &keys)
    };
    match verdict {
        Ok(Proved { pruned, end }) => {
            if let Some(pruned) = pruned {
                println!(
                    "{}: events 1 to {}, of {} to {}, were pruned; their summary was signed {}",
                    pruned.chain, pruned.last.0, pruned.from, pruned.to, pruned.at
                );
            }
            println!("{}: sound up to event {}, signed {}", end.chain, end.head.seq, end.at);
            Ok(Exit::Fine)
        }
        Err(broken) => {
            println!("BROKEN at {broken}");
            Ok(Exit::Failed)
        }
    }
}

/// Prints the public keys.
pub fn keys() -> Result<Exit, Failure> {
    let config = open::config()?;
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        vault.means.keyring.public_keys().iter().for_each(|key| println!("{key}"));
        Ok(Exit::Fine)
    })
}

/// Writes a whole chain with a signed end.
pub fn export(slug: &str, file: Option<&Path>) -> Result<Exit, Failure> {
    let config = open::config()?;
    let (slug, file) = (slug.to_owned(), file.map(Path::to_owned));
    open::block_on(async move {
        let vault = open::vault(&config).await?;
        let chain = chain_of(&vault, &slug).await?;
        let wanted = chain.clone();
        let (end, pruned) = vault
            .db
            .read(move |conn| Ok((audit_verify::end(conn, &wanted)?, audit_summary::note(conn, &wanted)?)))
            .await?;
        let end = end.ok_or_else(|| Failure::refused("The head of the chain cannot be read."))?;
        let mut last = begin(&vault, &chain, pruned.as_deref())?;
        // Made last, so that what is refused leaves no file in the way of the next attempt.
        let mut out = made(file.as_deref())?;
        let failed = |error: std::io::Error| Failure::refused(format!("The export cannot be written: {error}"));
        out.write_all(audit_file::title(&chain, pruned)?.as_bytes()).map_err(failed)?;
        while last.0 < end.0 {
            let (text, place) = batch(&vault, &chain, last, end).await?;
            out.write_all(text.as_bytes()).map_err(failed)?;
            last = place;
        }
        let note = checkpoint::note(&vault.means, &chain, &Head { seq: end.0, hash: end.1 });
        out.write_all(audit_file::end(&note)?.as_bytes()).and_then(|()| out.flush()).map_err(failed)?;
        Ok(Exit::Fine)
    })
}

/// The new file, or standard output where none is named.
fn made(file: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = file else { return Ok(Box::new(BufWriter::new(std::io::stdout()))) };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let made = made.map_err(|error| Failure::refused(format!("{} cannot be made: {error}", path.display())))?;
    Ok(Box::new(BufWriter::new(made)))
}

async fn chain_of(vault: &Vault, slug: &str) -> Result<String, Failure> {
    if slug == INSTANCE {
        return Ok(INSTANCE.to_owned());
    }
    let wanted = slug.to_owned();
    let found = vault.db.read(move |conn| match Workspace::find(conn, &wanted)? {
        Some(workspace) => Ok(Some(workspace.id.to_string())),
        // The chain of a workspace that was deleted goes by the id that “audit verify” prints.
        None => Ok(audit_verify::is_chain(conn, &wanted)?.then(|| wanted.clone())),
    });
    found
        .await?
        .ok_or_else(|| Failure::refused(format!("There is no workspace {slug}. “credenza workspace list” names them.")))
}

/// The place behind what was pruned; a summary that is not ours is not handed on.
fn begin(vault: &Vault, chain: &str, note: Option<&str>) -> Result<Place, Failure> {
    let Some(note) = note else { return Ok(START) };
    let broken = || Failure {
        exit: Exit::Failed,
        text: format!("{chain}: BROKEN at event 1: the summary of what was pruned is not one of this instance"),
    };
    Summary::open(&vault.means.keyring.public_keys(), chain, note).map(|summary| summary.last).ok_or_else(broken)
}

/// The lines of a batch and the place behind them; a chain that does not hold is not signed.
async fn batch(vault: &Vault, chain: &str, last: Place, end: Place) -> Result<(String, Place), Failure> {
    let (wanted, keyring) = (chain.to_owned(), vault.means.keyring.clone());
    let (events, proved) = vault
        .db
        .read(move |conn| {
            let limit = BATCH.min(end.0 - last.0);
            let events = audit_list::onward(conn, &wanted, &Filter::default(), last.0, limit)?;
            Ok((events, audit_verify::walk(conn, &keyring, &wanted, last, end, limit)?))
        })
        .await?;
    let place = proved.map_err(|fault| Failure { exit: Exit::Failed, text: format!("{chain}: BROKEN at {fault}") })?;
    let text: Result<String, Error> =
        events.iter().filter(|event| event.seq <= place.0).map(audit_file::event).collect();
    let text = text?;
    let behind = events.last().map_or(place.0, |event| event.seq);
    Ok((text, if behind == place.0 { place } else { (behind, hash_of(&events)?) }))
}

fn hash_of(events: &[crate::model::audit::Event]) -> Result<[u8; 32], Failure> {
    let hash = events.last().and_then(|event| event.hash.as_slice().try_into().ok());
    hash.ok_or_else(|| Failure::refused("A hash of the chain cannot be read."))
}
