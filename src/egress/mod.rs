//! The only place that opens a socket outward.

pub mod address;
pub mod allow;
pub mod fault;
pub mod policy;
pub mod target;
