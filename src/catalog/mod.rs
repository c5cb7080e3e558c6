//! The catalogue: one TOML file a service, read and checked once at start.

pub mod address;
pub mod body;
pub mod call;
pub mod field;
pub mod filter;
pub mod form;
pub mod header;
pub mod outcome;
pub mod pattern;
pub mod place;
pub mod schema;
pub mod sign_in;
pub mod template;
