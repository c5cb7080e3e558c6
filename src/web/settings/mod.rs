//! The settings of a workspace, and who may look in as support.

pub mod edit;
pub mod open;
pub mod support;
