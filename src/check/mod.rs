//! Runs a method's live check through [`crate::egress`] and judges the answer.

pub mod report;
