//! The audit of a workspace as people read it.

mod asked;
pub mod export;
pub mod index;
pub(super) mod names;
pub(super) mod proof;
pub mod words;
