//! Live sessions of credentials, in memory: a bot's call signs in only when nobody has a short time ago.

use super::{Broker, Live, learnt};
use crate::catalog::schema::{Integration, Method};
use crate::check::held::Session;
use crate::check::report::{Outcome, Report};
use crate::check::session::{asks_the_service, sign_in};
use crate::clock::At;
use crate::error::Result;
use crate::model::bot_use::Granted;
use crate::model::check_record::Cause;
use chrono::TimeDelta;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Sessions that are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// How long a session is kept whose service does not say how long it lives.
const USUAL: TimeDelta = TimeDelta::minutes(5);
/// Refusals of one consent's tokens by which it is renewed are at least so far apart.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(5 * 60);
/// A service that could not sign anybody in is asked again after this.
const AFTER_AN_OUTAGE: TimeDelta = TimeDelta::minutes(1);
/// So is one after this that answered a sign-in with something else: it may have been a refusal.
const AFTER_A_FAILURE: TimeDelta = TimeDelta::minutes(5);
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

type Slot = Arc<tokio::sync::Mutex<Option<Last>>>;

/// What the last sign-in came to.
enum Last {
    /// A session that is good until then.
    Session(Arc<Signed>, At),
    /// It failed, then.
    Failure(Box<Report>, At),
}

/// The sessions of this process, by credential and version.
pub struct Sessions {
    slots: Mutex<LruCache<(String, i64), Slot>>,
    /// Tokens of consents that a service did not take, by credential.
    refused: Mutex<LruCache<String, Refused>>,
}

/// A token that a service did not take: it is renewed once, and not again within a while, since an address that
/// refuses everybody would have all of them renewed for nothing.
struct Refused {
    serial: i64,
    at: Instant,
    /// Whether somebody has asked for a newer one since.
    told: bool,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { slots: Mutex::new(LruCache::new(KEPT)), refused: Mutex::new(LruCache::new(KEPT)) }
    }
}

impl Sessions {
    fn slot(&self, granted: &Granted) -> Slot {
        let key = (granted.row.id.to_string(), granted.version.version);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.get_or_insert_mut(key, Slot::default))
    }

    /// The session of a granted call. Those who come while somebody signs in wait for that. A refused sign-in breaks
    /// the credential, since more of them would lock the account; one that failed otherwise is made again after a
    /// while.
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
            return consented(broker, granted, self.refused(granted)).await;
        }
        let context = broker.context();
        if !asks_the_service(method) {
            let session = sign_in(&context, integration, method, &granted.values).await;
            return Ok(session.map(|session| Arc::new(Signed { serial: 0, session })).map_err(Trouble::Report));
        }
        let slot = self.slot(granted);
        let mut kept = slot.lock().await;
        let now = broker.means.now();
        match &*kept {
            Some(Last::Session(signed, until)) if *until > now => return Ok(Ok(Arc::clone(signed))),
            Some(Last::Failure(report, at)) if stands(report.outcome, *at, granted, now) => {
                return Ok(Err(Trouble::Report(report.clone())));
            }
            _ => {}
        }
        let session = match sign_in(&context, integration, method, &granted.values).await {
            Ok(session) => session,
            Err(report) => {
                *kept = Some(Last::Failure(report.clone(), broker.means.now()));
                if pause(report.outcome).is_none() {
                    learnt::note(broker, granted, &integration.name, (*report).clone()).await;
                }
                return Ok(Err(Trouble::Report(report)));
            }
        };
        let until = session.expires_at.map_or_else(|| now.plus(USUAL), |end| end.plus(-MARGIN));
        let signed = Arc::new(Signed { serial: now.micros(), session });
        *kept = Some(Last::Session(Arc::clone(&signed), until));
        Ok(Ok(signed))
    }

    /// The token of a consent that was refused and that nobody has asked to renew since.
    fn refused(&self, granted: &Granted) -> Option<i64> {
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.get_mut(granted.row.id.as_str()).filter(|refused| !refused.told)?;
        refused.told = true;
        Some(refused.serial)
    }

    fn note_refusal(&self, granted: &Granted, serial: i64) {
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(granted.row.id.as_str());
        if known.is_none_or(|refused| refused.serial != serial && refused.at.elapsed() >= BETWEEN_REFUSALS) {
            all.put(granted.row.id.to_string(), Refused { serial, at: Instant::now(), told: false });
        }
    }

    /// Forgets a session that the service did not take; the token of a consent is renewed by whoever asks next.
    pub async fn forget(&self, granted: &Granted, serial: i64) {
        self.note_refusal(granted, serial);
        let slot = self.slot(granted);
        let mut kept = slot.lock().await;
        if matches!(&*kept, Some(Last::Session(signed, _)) if signed.serial == serial) {
            *kept = None;
        }
    }
}

/// Whether a sign-in that failed then is not made again yet; it is as soon as the credential was checked since.
fn stands(outcome: Outcome, at: At, granted: &Granted, now: At) -> bool {
    let was_checked = granted.row.checked_at.is_some_and(|checked| checked > at);
    !was_checked && pause(outcome).is_none_or(|pause| now.since(at) < pause)
}

/// How long nobody signs in again after a failure; `None`: until a person acts.
fn pause(outcome: Outcome) -> Option<TimeDelta> {
    match outcome {
        Outcome::Invalid | Outcome::Forbidden | Outcome::Expired | Outcome::Reauthorize => None,
        Outcome::Unavailable | Outcome::RateLimited => Some(AFTER_AN_OUTAGE),
        _ => Some(AFTER_A_FAILURE),
    }
}

/// The live token of a consent; one that the service did not take is renewed once.
async fn consented(
    broker: &Broker<'_>,
    granted: &Granted,
    refused: Option<i64>,
) -> Result<Result<Arc<Signed>, Trouble>> {
    let live = broker.live(&granted.allowed, &granted.row.id, refused, Cause::Use).await?;
    Ok(match live {
        Ok(Live { serial, session }) => Ok(Arc::new(Signed { serial, session })),
        Err(super::Trouble::Report(report)) => Err(Trouble::Report(report)),
        Err(super::Trouble::Unreadable(_)) => Err(Trouble::Unreadable),
    })
}
