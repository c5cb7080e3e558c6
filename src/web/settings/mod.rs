//! The settings of a workspace, and who may look in as support.

pub mod danger;
pub mod edit;
pub mod open;
pub mod support;
