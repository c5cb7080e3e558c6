//! Page structs: plain data and a template each, so that a handler returns a page and no text.
//!
//! Nothing here asks the database, the network or the request. Times are made with [`time::When`]
//! from an instant and “now”; addresses are given ready to use.

pub mod account;
pub mod audit;
pub mod bots;
pub mod change;
pub mod deletion;
pub mod detail;
pub mod edit;
pub mod entry;
pub mod error;
mod field;
pub mod form;
pub mod gallery;
pub mod integrations;
pub mod list;
pub mod mail;
pub mod markup;
pub mod oauth;
pub mod overview;
pub mod part;
pub mod people;
pub mod settings;
pub mod shell;
pub mod sprite;
pub mod status;
pub mod time;
pub mod tokens;
pub mod used;
