//! What is acknowledged is on the disk, and a disk or a database that refuses costs an answer, never data.
#![cfg(test)]

mod busy;
mod disk;
mod flush;
mod refusal;
mod server;
mod stop;
mod upgrade;
