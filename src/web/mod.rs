//! Pages: what a browser sees. Handlers read the request, call the model, and answer; no query is written here.

pub mod account;
pub mod address;
pub mod answer;
pub mod audit;
pub mod body;
pub mod client;
pub mod connection;
pub mod credentials;
pub mod cross_site;
pub mod entry;
pub mod fresh;
pub mod guard;
pub mod health;
pub mod integrations;
pub mod once;
pub mod pages;
pub mod passkey;
pub mod people;
pub mod proof;
pub mod routes;
pub mod session_store;
pub mod shell;
pub mod static_files;
pub mod visit;
