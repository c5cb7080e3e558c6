//! How many checks may run: at once, for one credential, and in vain for one workspace.

use super::report::{Outcome, Report};
use crate::clock::{At, Clock};
use crate::measure;
use chrono::TimeDelta;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Checks at once in this process.
const AT_ONCE: usize = 4;
/// Checks of one credential in a minute.
const PER_CREDENTIAL: usize = 6;
/// Failing checks of one workspace in an hour.
const PER_WORKSPACE: usize = 30;
/// Keys that are remembered; beyond it the one that was idle longest is forgotten.
const KEYS: usize = 10_000;

/// The counters of this process.
#[derive(Clone)]
pub struct Limits {
    clock: Clock,
    running: Arc<Semaphore>,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    credentials: HashMap<String, VecDeque<At>>,
    workspaces: HashMap<String, VecDeque<At>>,
}

/// A limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Seconds after which trying again makes sense.
    pub retry_after_s: u64,
}

/// Leave to run one check; give it back with [`Permit::done`].
pub struct Permit {
    limits: Limits,
    credential: String,
    workspace: String,
    at: At,
    _running: OwnedSemaphorePermit,
}

impl Limits {
    /// Counters that start empty.
    pub fn new(clock: Clock) -> Self {
        Self { clock, running: Arc::new(Semaphore::new(AT_ONCE)), book: Arc::default() }
    }

    /// Leave for one check of a credential (any stable text that names it) in a workspace.
    ///
    /// # Errors
    /// [`TooMany`] when one of the limits is reached; nothing is counted then.
    pub fn admit(&self, workspace: &str, credential: &str) -> Result<Permit, TooMany> {
        self.admitted(workspace, credential).inspect_err(|_| measure::CHECKS_LIMITED.add(1))
    }

    fn admitted(&self, workspace: &str, credential: &str) -> Result<Permit, TooMany> {
        let running = Arc::clone(&self.running).try_acquire_owned().map_err(|_| TooMany { retry_after_s: 2 })?;
        let now = self.clock.now();
        let mut book = self.book();
        room(&mut book.workspaces, workspace, PER_WORKSPACE, TimeDelta::hours(1), now)?;
        room(&mut book.credentials, credential, PER_CREDENTIAL, TimeDelta::minutes(1), now)?;
        note(&mut book.credentials, credential, PER_CREDENTIAL, now);
        drop(book);
        let (credential, workspace) = (credential.to_owned(), workspace.to_owned());
        Ok(Permit { limits: self.clone(), credential, workspace, at: now, _running: running })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Counts what the check came to: one that opened no connection is not counted, a failing one is
    /// counted for its workspace too.
    pub fn done(self, report: &Report) {
        let mut book = self.limits.book();
        if !report.connected {
            if let Some(times) = book.credentials.get_mut(&self.credential)
                && let Some(at) = times.iter().rposition(|at| *at == self.at)
            {
                times.remove(at);
            }
        } else if !matches!(report.outcome, Outcome::Ok | Outcome::Limited | Outcome::Untested) {
            note(&mut book.workspaces, &self.workspace, PER_WORKSPACE, self.at);
        }
    }
}

/// Forgets what is older than `window` and says whether there is room for one more.
fn room(
    times: &mut HashMap<String, VecDeque<At>>,
    key: &str,
    most: usize,
    window: TimeDelta,
    now: At,
) -> Result<(), TooMany> {
    let Some(list) = times.get_mut(key) else { return Ok(()) };
    list.retain(|at| now.since(*at) < window);
    match list.front() {
        None => {
            times.remove(key);
            Ok(())
        }
        Some(first) if list.len() >= most => {
            let wait = (window - now.since(*first)).num_seconds().max(0);
            Err(TooMany { retry_after_s: wait.unsigned_abs() + 1 })
        }
        Some(_) => Ok(()),
    }
}

fn note(times: &mut HashMap<String, VecDeque<At>>, key: &str, most: usize, now: At) {
    if times.len() >= KEYS && !times.contains_key(key) {
        let idle = times.iter().min_by_key(|(_, list)| list.back().map(|at| at.micros())).map(|(key, _)| key.clone());
        idle.map(|key| times.remove(&key));
    }
    let list = times.entry(key.to_owned()).or_default();
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(now);
}

#[cfg(test)]
mod tests {
    use super::{KEYS, Limits, TooMany};
    use crate::check::report::{Outcome, Report};
    use crate::clock::Clock;
    use chrono::TimeDelta;

    fn report(outcome: Outcome, connected: bool) -> Report {
        let (code, hint) = (String::new(), String::new());
        Report { outcome, code, hint, steps: Vec::new(), identity: None, ms: 1, connected, fingerprint: None }
    }

    #[test]
    fn t134_six_a_minute_for_one_credential() {
        let clock = Clock::movable();
        let limits = Limits::new(clock.clone());
        for _ in 0..6 {
            limits.admit("w", "c").unwrap().done(&report(Outcome::Ok, true));
        }
        let refused = limits.admit("w", "c").err().unwrap();
        assert!((59..=61).contains(&refused.retry_after_s), "{refused:?}");
        assert!(limits.admit("w", "other").is_ok());
        clock.advance(TimeDelta::seconds(61));
        assert!(limits.admit("w", "c").is_ok());
    }

    #[test]
    fn t134_four_at_once() {
        let limits = Limits::new(Clock::movable());
        let mut held: Vec<_> = (0..4).map(|n| limits.admit("w", &n.to_string()).unwrap()).collect();
        assert_eq!(limits.admit("w", "5").err(), Some(TooMany { retry_after_s: 2 }));
        held.pop();
        assert!(limits.admit("w", "5").is_ok());
    }

    #[test]
    fn t134_thirty_failing_ones_an_hour_for_one_workspace() {
        let clock = Clock::movable();
        let limits = Limits::new(clock.clone());
        for n in 0..30 {
            limits.admit("w", &n.to_string()).unwrap().done(&report(Outcome::Ok, true));
            limits.admit("w", &n.to_string()).unwrap().done(&report(Outcome::Invalid, true));
        }
        assert!(limits.admit("w", "new").is_err());
        assert!(limits.admit("v", "new").is_ok());
        clock.advance(TimeDelta::minutes(61));
        assert!(limits.admit("w", "new").is_ok());
    }

    #[test]
    fn t134_what_opened_no_connection_is_not_counted() {
        let limits = Limits::new(Clock::movable());
        for _ in 0..100 {
            limits.admit("w", "c").unwrap().done(&report(Outcome::Blocked, false));
        }
        assert!(limits.admit("w", "c").is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::new(Clock::movable());
        for n in 0..KEYS + 50 {
            limits.admit("w", &n.to_string()).unwrap().done(&report(Outcome::Ok, true));
        }
        assert!(limits.book().credentials.len() <= KEYS);
    }
}
