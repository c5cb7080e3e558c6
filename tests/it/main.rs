//! Tests of the program from outside: one binary, folders mirror addresses.

mod audit;
mod catalog;
<<<<<<< HEAD
mod entry;
=======
mod durability;
>>>>>>> canary
mod harness;
mod headers;
mod matrix;
mod pages;
mod storm;
mod support;
