//! The demo: its imitated services, and the command with what it shows.

#![cfg(test)]

mod banner;
mod command;
mod services;
