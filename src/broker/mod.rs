//! Opens a credential for use: its values, a live token that is renewed by one process at a time, or a bot's call made
//! with them.
//!
//! Nothing else hands out a token. A rotated refresh token is stored before the access token beside it is used.

pub mod call;
mod check;
pub mod door;
pub mod handed;
pub mod learnt;
mod live;
pub mod mask;
mod opened;
pub mod session;
mod times;

pub use live::{Live, Trouble};
pub use opened::{Client, Opened};
pub use times::times;

use crate::catalog::load::Catalog;
use crate::check::Context;
use crate::db::Db;
use crate::egress::Egress;
use crate::model::Means;

/// Called with the name of each step of a renewal; a test stops the process there.
pub type Step = fn(&'static str);

/// What opening a credential needs.
#[derive(Clone, Copy)]
pub struct Broker<'a> {
    /// The database.
    pub db: &'a Db,
    /// Keys and time.
    pub means: &'a Means,
    /// The services.
    pub catalog: &'a Catalog,
    /// The way outward.
    pub egress: &'a Egress,
    /// Told of each step of a renewal: `leased`, `answered`, `stored`.
    pub step: Step,
}

impl<'a> Broker<'a> {
    /// Nobody is told of the steps.
    pub fn new(db: &'a Db, means: &'a Means, catalog: &'a Catalog, egress: &'a Egress) -> Self {
        Self { db, means, catalog, egress, step: |_| {} }
    }

    /// What checks and token requests need.
    pub fn context(&self) -> Context<'a> {
        Context { egress: self.egress, defaults: self.catalog.defaults(), clock: &self.means.clock }
    }
}
