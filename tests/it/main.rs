//! Tests of the program from outside: one binary, folders mirror addresses.

mod audit;
mod canary;
mod catalog;
mod credentials;
mod durability;
mod entry;
mod harness;
mod headers;
mod matrix;
mod pages;
mod storm;
mod support;
mod time;
