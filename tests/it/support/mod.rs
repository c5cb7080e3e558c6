//! What several tests share: the whole program in this process with its people, and servers that answer as
//! they are told.
#![cfg(test)]

pub mod address;
pub mod app;
pub mod audit;
pub mod balancer;
pub mod bots;
pub mod daemon;
pub mod database;
pub mod dump;
pub mod http_server;
pub mod log;
pub mod own_postgres;
pub mod permitted;
pub mod person;
pub mod program;
pub mod queries;
pub mod raw;
pub mod smtp_server;
pub mod sql_server;
