//! Bots, their blocks, and changes of credentials that break none of them.

#![cfg(test)]

mod changes;
mod ends;
mod pages;
mod staged;
