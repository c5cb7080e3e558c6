//! Runs a method's live check through [`crate::egress`] and judges the answer.
//!
//! What puts a credential into a request ([`inject`]), signs in ([`token`]) and bounds the destination
//! ([`policy`]) here is also what the calls of bots use.

pub mod course;
pub mod held;
pub mod identity;
pub mod inject;
pub mod jwt;
pub mod limits;
mod login;
pub mod oauth;
pub mod plan;
pub mod policy;
pub mod rules;
pub mod run;
pub mod seen;
pub mod session;
pub mod test_mail;
#[cfg(test)]
mod tests;
pub mod token;

pub use crate::report;
pub use run::{Context, Options, Trigger, run, run_and_keep};
