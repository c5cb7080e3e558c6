//! A throw-away workspace to look at, and services on loopback that are imitated from their catalogue files.

pub mod answers;
pub mod authority;
pub mod calls;
mod cast;
pub mod consent_page;
mod consents;
pub mod deeds;
pub mod mail_server;
mod robots;
pub mod scene;
pub mod seed;
pub mod stand_in;
pub mod web_server;
pub mod words;
