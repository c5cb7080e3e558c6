//! What is acknowledged is on the disk, and a disk or a database that refuses costs an answer, never data.
#![cfg(test)]

mod busy;
mod flush;
mod refusal;
mod stop;
