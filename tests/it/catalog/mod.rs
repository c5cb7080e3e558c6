//! The shipped catalogue: every file, method and rule, played through with servers of our own.
#![cfg(test)]

mod databases;
mod destinations;
mod files;
mod misread;
mod mixups;
pub mod plays;
mod playthrough;
mod real_mariadb;
mod real_postgresql;
mod stage;
mod wire;

use credenza::catalog::load::Catalog;
use std::sync::LazyLock;

/// The shipped catalogue, loaded once.
pub fn shipped() -> &'static Catalog {
    static SHIPPED: LazyLock<Catalog> = LazyLock::new(|| Catalog::load(None).expect("a good catalogue"));
    &SHIPPED
}
