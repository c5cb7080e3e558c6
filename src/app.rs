//! The handles that a request needs, made once at start.

use crate::broker::Broker;
use crate::broker::door::Door;
use crate::broker::session::Sessions;
use crate::catalog::load::Catalog;
use crate::check::limits::Limits as CheckLimits;
use crate::config::Config;
use crate::crypto::hasher::Hasher;
use crate::crypto::token::SetupToken;
use crate::db::Db;
use crate::egress::Egress;
use crate::mail::Mailer;
use crate::model::Means;
use crate::model::attempt::Limits;
use crate::model::listed::Lists;
use crate::model::session::Visitors;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What every handler and job is given.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Keys and time.
    pub means: Means,
    /// The services.
    pub catalog: Arc<Catalog>,
    /// The way outward.
    pub egress: Egress,
    /// Sends the console's own mails.
    pub mailer: Mailer,
    /// How often checks may run.
    pub check_limits: CheckLimits,
    /// Hashes passwords on threads of its own.
    pub hasher: Hasher,
    /// Opens the first-run page; none once somebody exists.
    pub setup: Option<SetupToken>,
    /// The limits of the sign-in limiter.
    pub limits: Limits,
    /// Anonymous denials since the last minute, to be written down as one line.
    pub denials: AtomicU64,
    /// The pages of the list that were read last.
    pub lists: Lists,
    /// The sessions of requests, looked up together.
    pub visitors: Visitors,
    /// Who of the bots is let in at once.
    pub door: Door,
    /// Live sessions for the calls of bots.
    pub sessions: Sessions,
    /// The static files as they were written out.
    pub assets: Assets,
    /// Whether this is the demo: its data vanish, and pages say so.
    pub demo: bool,
    /// The one page where people agree, in place of those of all services; the demo alone has it.
    pub consent_page: Option<String>,
}

impl App {
    /// Opens credentials for use.
    pub fn broker(&self) -> Broker<'_> {
        Broker::new(&self.db, &self.means, &self.catalog, &self.egress)
    }
}

/// Where static files lie and what they are called in addresses.
#[derive(Debug, Clone)]
pub struct Assets {
    /// The folder that is served under `/static`.
    pub folder: PathBuf,
    /// The hash in its name, which changes with the content.
    pub hash: String,
}
