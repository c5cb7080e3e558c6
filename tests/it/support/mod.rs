//! What several tests share: an authority of their own and servers that answer as they are told.
#![cfg(test)]

pub mod authority;
pub mod http_server;
pub mod program;
pub mod smtp_server;
