//! Opens a credential for use: hands its values out, or makes a bot's call with them.

pub mod call;
pub mod door;
pub mod handed;
pub mod learnt;
pub mod mask;
pub mod session;

use crate::catalog::load::Catalog;
use crate::check::Context;
use crate::db::Db;
use crate::egress::Egress;
use crate::model::Means;

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
}

impl<'a> Broker<'a> {
    /// With these means.
    pub fn new(db: &'a Db, means: &'a Means, catalog: &'a Catalog, egress: &'a Egress) -> Self {
        Self { db, means, catalog, egress }
    }

    /// What checks and token requests need.
    pub fn context(&self) -> Context<'a> {
        Context { egress: self.egress, defaults: self.catalog.defaults(), clock: &self.means.clock }
    }
}
