//! Tests of the program from outside: one binary, folders mirror addresses.

mod audit;
mod catalog;
mod harness;
mod pages;
mod storm;
mod support;
