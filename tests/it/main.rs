//! Tests of the program from outside, one binary.
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod support;
