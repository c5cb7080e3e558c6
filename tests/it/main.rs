//! Tests of the program from outside: one binary, folders mirror addresses.

mod catalog;
mod pages;
mod storm;
mod support;
