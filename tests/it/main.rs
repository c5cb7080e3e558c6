//! Tests of the program from outside: one binary, folders mirror addresses.

mod audit;
mod catalog;
mod durability;
mod harness;
mod matrix;
mod pages;
mod storm;
mod support;
