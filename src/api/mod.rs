//! The machine API: JSON for bots and automations, by the token that each request carries.
//!
//! No cookie is read here, and no page leads here. What a request may do is judged in [`crate::model::bot_use`], and
//! its line in the audit log is kept before anything leaves.

pub mod answer;
pub mod blocks;
pub mod call;
pub mod caller;
pub mod credentials;
pub mod frame;
pub mod manage;
pub mod openapi;
pub mod problem;
pub mod problems;
pub mod routes;
pub mod secret;
pub mod take;
pub mod vault;
