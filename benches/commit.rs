//! Writing units a second as more writers ask at once: SQLite's one writer commits those that wait together.
//!
//! `cargo bench -- commit`; with `--short` behind it a run of seconds that shows whether it works, not how fast.

use anyhow::{Result, bail};
use credenza::clock::Clock;
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::db::{DatabaseUrl, Db};
use credenza::model::instance::{self, Opened};
use credenza::model::permission::Actor;
use credenza::model::{Means, audit};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WRITERS: [usize; 3] = [1, 8, 64];
/// A root key of this bench alone.
const ROOT_KEY: &str = "pTk3mC0sQ7y9Yv1ZrB2nXe4uLw6oGh8jDf5aKi0xWvM=";

/// Measures and prints.
pub fn run() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let time = if short { Duration::from_millis(300) } else { Duration::from_secs(4) };
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (db, means) = runtime.block_on(open(dir.path()))?;
    println!("each unit writes one line of an audit chain and is answered after the commit that holds it");
    println!("fsync of 4 KiB beside it: {:.2} ms (median of 50)", fsync(dir.path())?);
    println!("{:>8}{:>12}{:>14}{:>10}", "writers", "units/s", "p50 ms", "ratio");
    let mut rates: Vec<[f64; WRITERS.len()]> = Vec::new();
    for _ in 0..3 {
        let mut round = [0.0; WRITERS.len()];
        for (writers, rate) in WRITERS.into_iter().zip(&mut round) {
            let taken = runtime.block_on(write(&db, &means, writers, time))?;
            *rate = taken.len() as f64 / time.as_secs_f64();
            println!("{writers:>8}{rate:>12.0}{:>14.2}", median(taken));
        }
        rates.push(round);
    }
    let middle = |at: usize| median(rates.iter().filter_map(|round| round.get(at).copied()).collect());
    for (at, writers) in WRITERS.into_iter().enumerate() {
        println!("{writers:>8}{:>12.0}{:>14}{:>10.1}   median of 3", middle(at), "", middle(at) / middle(0));
    }
    Ok(())
}

async fn open(dir: &Path) -> Result<(Db, Means)> {
    let db = Db::open(&DatabaseUrl::Sqlite(dir.join("credenza.db")))?;
    let (random, clock) = (Random::system(), Clock::system());
    let (unit_random, unit_clock) = (random.clone(), clock.clone());
    let root_key = RootKey::from_base64(ROOT_KEY)?;
    let opened = db.write(move |tx| instance::open(tx, &root_key, &unit_random, &unit_clock)).await?;
    let Opened::Ready(keyring) = opened else { bail!("the instance cannot be opened") };
    Ok((db, Means { keyring: Arc::from(keyring), clock }))
}

/// The time that each unit took from asking to the answer, in milliseconds.
async fn write(db: &Db, means: &Means, writers: usize, time: Duration) -> Result<Vec<f64>> {
    let until = Instant::now() + time;
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (db, means) = (db.clone(), means.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while Instant::now() < until {
                    let (begun, means) = (Instant::now(), means.clone());
                    db.write(move |tx| {
                        let entry = audit::Entry::allow("instance.started", audit::Target::instance());
                        audit::record(tx, &means, audit::INSTANCE, &Actor::operator(), entry)
                    })
                    .await?;
                    taken.push(begun.elapsed().as_secs_f64() * 1e3);
                }
                Ok::<_, anyhow::Error>(taken)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

fn fsync(dir: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(dir.join("beside"))?;
    let mut taken = Vec::new();
    for _ in 0..50 {
        file.write_all(&[7; 4096])?;
        let begun = Instant::now();
        file.sync_data()?;
        taken.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(taken))
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}
