//! The catalogue: one TOML file a service, read and checked once at start.

pub mod form;
