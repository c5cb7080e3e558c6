//! Consent, renewal, reconnection, against a provider of ours that answers as it is told.
#![cfg(test)]

mod callback;
mod consent;
mod keys;
mod processes;
mod quirks;
mod reconnect;
mod renewal;
mod revoking;
mod serving;
pub mod stage;
