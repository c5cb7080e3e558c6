//! Integration tests: one binary, folders mirror addresses.

mod pages;
