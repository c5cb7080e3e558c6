//! Tests of the program from outside: one binary, folders mirror addresses.

mod audit;
mod canary;
mod catalog;
mod durability;
mod harness;
mod matrix;
mod pages;
mod storm;
mod support;
mod time;
