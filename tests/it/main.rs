//! Tests of the program from outside: one binary, folders mirror addresses.

mod catalog;
mod credentials;
mod entry;
mod harness;
mod headers;
mod matrix;
mod pages;
mod support;
