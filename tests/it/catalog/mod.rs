//! The shipped catalogue: every file, method and rule, played through with servers of our own.
#![cfg(test)]

mod cases;
mod destinations;
mod files;
mod misread;
mod mixups;
mod plays;
mod playthrough;
mod stage;
mod wire;

use credenza::catalog::load::Catalog;
use std::sync::LazyLock;

/// The shipped catalogue, loaded once.
fn shipped() -> &'static Catalog {
    static SHIPPED: LazyLock<Catalog> = LazyLock::new(|| Catalog::load(None).expect("a good catalogue"));
    &SHIPPED
}
