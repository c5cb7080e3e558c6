//! Tests of the program from outside, one binary.
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod support;
//! Integration tests: one binary, folders mirror addresses.

mod pages;
