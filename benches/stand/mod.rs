//! What the benches share: a console in this process, its rows, a client, and how samples are judged.

pub mod bot;
pub mod client;
pub mod console;
pub mod database;
pub mod growth;
pub mod sample;
pub mod seed;
