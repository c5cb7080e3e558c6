//! Everything that is measured: `cargo bench -- NAME`, with `--short` behind it for a run of seconds that shows whether
//! it works, not how fast.
//!
//! One program, since linking the whole as one takes minutes; one measurement a run, since memory is measured too.

mod audit;
mod commit;
mod list;
mod operation;
mod postgres;
mod proxy;
mod secret;
mod stand;

use anyhow::{Result, bail};

type Measurement = fn() -> Result<()>;

/// What can be measured, by name.
const ALL: [(&str, Measurement); 7] = [
    ("list", list::run),
    ("commit", commit::run),
    ("operation", operation::run),
    ("postgres", postgres::run),
    ("secret", secret::run),
    ("proxy", proxy::run),
    ("audit", audit::run),
];

fn main() -> Result<()> {
    let asked = std::env::args().find_map(|arg| ALL.into_iter().find(|(name, _)| *name == arg));
    match asked {
        Some((_, run)) => run(),
        None => bail!("say what to measure: cargo bench -- {}", ALL.map(|(name, _)| name).join(" | ")),
    }
}
