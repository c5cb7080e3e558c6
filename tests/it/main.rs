//! Tests of the program from outside: one binary, folders mirror addresses.

mod catalog;
mod harness;
mod matrix;
mod pages;
mod support;
