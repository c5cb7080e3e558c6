//! The pages of bots: one file for each noun of the addresses.

pub mod blocks;
pub mod deletion;
pub mod edit;
pub mod index;
pub mod publication;
pub mod show;

mod drawn;
