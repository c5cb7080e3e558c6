//! Pages of OAuth: clients, consents, and where the services send people back to.

pub mod apps;
pub mod callback;
pub mod connect;
pub mod flows;

mod drawn;
mod finish;
pub(in crate::web) mod start;
