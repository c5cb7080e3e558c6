//! The management API: what an admin does on pages, for a token of the workspace. It never reads a secret.

pub mod credential;
pub mod guard;
pub mod integrations;
pub mod listed;
