//! The pages of credentials: one file for each noun of the addresses.

pub mod checks;
pub mod create;
pub mod deleted;
pub mod deletion;
pub mod edit;
pub mod index;
pub mod name;
pub mod replacement;
pub mod rotation;
pub mod show;
pub mod staging;
pub mod suspension;
pub mod test_mail;

mod connection;
pub(in crate::web) mod drawn;
mod history;
mod row;
pub(in crate::web) mod stored;
pub(in crate::web) mod typed;
mod used;
pub(in crate::web) mod verdict;
