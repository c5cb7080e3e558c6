//! Live sessions of credentials, in memory: a bot's call signs in only when nobody has a short time ago.

use super::Broker;
use crate::catalog::schema::{Integration, Method};
use crate::check::held::Session;
use crate::check::report::{Outcome, Report};
use crate::check::session::{asks_the_service, sign_in};
use crate::clock::At;
use crate::error::Result;
use crate::model::bot_use::Granted;
use chrono::TimeDelta;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Sessions that are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// How long a session is kept whose service does not say how long it lives.
const USUAL: TimeDelta = TimeDelta::minutes(5);
/// A session is not used any more so shortly before its end.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// A session that is good now.
#[derive(Debug)]
pub struct Signed {
    /// A number that is another for each sign-in.
    pub serial: i64,
    /// The token, and what else the service told.
    pub session: Session,
}

/// Why there is none.
#[derive(Debug)]
pub enum Trouble {
    /// What a check would say.
    Report(Box<Report>),
    /// The stored values cannot be decrypted.
    Unreadable,
}

type Slot = Arc<tokio::sync::Mutex<Option<(Arc<Signed>, At)>>>;

/// The sessions of this process, by credential and version.
pub struct Sessions {
    slots: Mutex<LruCache<(String, i64), Slot>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { slots: Mutex::new(LruCache::new(KEPT)) }
    }
}

impl Sessions {
    fn slot(&self, granted: &Granted) -> Slot {
        let key = (granted.row.id.to_string(), granted.version.version);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.get_or_insert_mut(key, Slot::default))
    }

    /// The session of a granted call. Those who come while somebody signs in wait for that.
    ///
    /// # Errors
    /// The outer one when storage fails.
    pub async fn live(
        &self,
        broker: &Broker<'_>,
        granted: &Granted,
        (integration, method): (&Integration, &Method),
    ) -> Result<Result<Arc<Signed>, Trouble>> {
        if method.needs_consent() {
            return consented(broker, granted, integration).await;
        }
        let context = broker.context();
        if !asks_the_service(method) {
            let session = sign_in(&context, integration, method, &granted.values).await;
            return Ok(session.map(|session| Arc::new(Signed { serial: 0, session })).map_err(Trouble::Report));
        }
        let slot = self.slot(granted);
        let mut kept = slot.lock().await;
        let now = broker.means.now();
        if let Some((signed, until)) = &*kept
            && *until > now
        {
            return Ok(Ok(Arc::clone(signed)));
        }
        let session = match sign_in(&context, integration, method, &granted.values).await {
            Ok(session) => session,
            Err(report) => return Ok(Err(Trouble::Report(report))),
        };
        let until = session.expires_at.map_or_else(|| now.plus(USUAL), |end| end.plus(-MARGIN));
        let signed = Arc::new(Signed { serial: now.micros(), session });
        *kept = Some((Arc::clone(&signed), until));
        Ok(Ok(signed))
    }

    /// Forgets a session that the service did not take.
    pub async fn forget(&self, granted: &Granted, serial: i64) {
        let slot = self.slot(granted);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|(signed, _)| signed.serial == serial) {
            *kept = None;
        }
    }
}

/// The live token of a consent.
async fn consented(
    _broker: &Broker<'_>,
    _granted: &Granted,
    integration: &Integration,
) -> Result<Result<Arc<Signed>, Trouble>> {
    Ok(Err(Trouble::Report(Box::new(Report {
        outcome: Outcome::Reauthorize,
        code: "not_connected".to_owned(),
        hint: format!("Connect to {} first.", integration.name),
        steps: Vec::new(),
        identity: None,
        ms: 0,
        connected: false,
        fingerprint: None,
    }))))
}
