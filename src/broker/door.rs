//! Who is let in at once, and how often somebody may be refused: counters of this process.

use crate::clock::{At, Clock};
use crate::id::Id;
use crate::model::workspace::Workspace;
use chrono::TimeDelta;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls that are judged at once; the queue of writes is longer.
const AT_ONCE: usize = 512;
/// Calls that are judged for one token at once.
const AT_ONCE_EACH: usize = 256;
/// Calls that are passed on to services at once, in all and for one token.
const FLOWS: usize = 256;
const FLOWS_EACH: usize = 64;
/// Refusals of one token, or of one network without a known token, that may be probing, in a minute.
const REFUSALS: u32 = 60;
/// Tokens and addresses that are remembered; beyond it the one that was idle longest is forgotten.
const KEYS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19_999);

/// The counters.
#[derive(Clone)]
pub struct Door {
    clock: Clock,
    judging: Arc<Semaphore>,
    flowing: Arc<Semaphore>,
    book: Arc<Mutex<LruCache<String, Entry>>>,
}

struct Entry {
    judging: Arc<Semaphore>,
    flowing: Arc<Semaphore>,
    since: At,
    refusals: u32,
    /// The workspace in which the database knew it once; what it says now is asked there each time.
    home: Option<Id<Workspace>>,
}

/// Too much at once, or too many refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Seconds after which trying again makes sense.
    pub retry_after_s: u64,
}

/// A place at the door, given back when it is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

impl Door {
    /// Counters that start empty.
    pub fn new(clock: Clock) -> Self {
        let (judging, flowing) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(FLOWS)));
        Self { clock, judging, flowing, book: Arc::new(Mutex::new(LruCache::new(KEYS))) }
    }

    /// A place for one call to be judged; `key` is a token's digest or an address.
    ///
    /// # Errors
    /// [`Full`].
    pub fn judge(&self, key: &str) -> Result<Place, Full> {
        let now = self.clock.now();
        let mine = self.entry(key, |entry| {
            if now.since(entry.since) >= TimeDelta::minutes(1) {
                (entry.since, entry.refusals) = (now, 0);
            }
            let left = TimeDelta::minutes(1) - now.since(entry.since);
            if entry.refusals >= REFUSALS { Err(left) } else { Ok(entry.judging.clone()) }
        });
        let mine = mine.map_err(|left| Full { retry_after_s: left.num_seconds().max(0).unsigned_abs() + 1 })?;
        place(&mine, &self.judging)
    }

    /// A place for one call that is passed on, for as long as it flows; only for a token that [`Door::home`] knows.
    ///
    /// # Errors
    /// [`Full`].
    pub fn flow(&self, key: &str) -> Result<Place, Full> {
        place(&self.entry(key, |entry| entry.flowing.clone()), &self.flowing)
    }

    /// Counts a refusal that may be probing.
    pub fn refused(&self, key: &str) {
        self.entry(key, |entry| entry.refusals = entry.refusals.saturating_add(1));
    }

    /// The workspace of a token's digest that was in the database once. Asking takes no room: whoever invents tokens
    /// pushes nobody out.
    pub fn home(&self, key: &str) -> Option<Id<Workspace>> {
        self.book().get(key).and_then(|entry| entry.home.clone())
    }

    /// Remembers that a token's digest is in the database, and of which workspace it is.
    pub fn learn(&self, key: &str, home: &Id<Workspace>) {
        self.entry(key, |entry| entry.home = Some(home.clone()));
    }

    fn entry<T>(&self, key: &str, use_it: impl FnOnce(&mut Entry) -> T) -> T {
        let fresh = || Entry {
            judging: Arc::new(Semaphore::new(AT_ONCE_EACH)),
            flowing: Arc::new(Semaphore::new(FLOWS_EACH)),
            since: self.clock.now(),
            refusals: 0,
            home: None,
        };
        let mut book = self.book();
        if let Some(entry) = book.get_mut(key) {
            return use_it(entry);
        }
        let mut entry = fresh();
        let done = use_it(&mut entry);
        book.put(key.to_owned(), entry);
        done
    }

    fn book(&self) -> MutexGuard<'_, LruCache<String, Entry>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(mine: &Arc<Semaphore>, all: &Arc<Semaphore>) -> Result<Place, Full> {
    let full = |_| Full { retry_after_s: 1 };
    let mine = mine.clone().try_acquire_owned().map_err(full)?;
    Ok(Place([mine, all.clone().try_acquire_owned().map_err(full)?]))
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, AT_ONCE_EACH, Door, FLOWS_EACH, Full, KEYS, REFUSALS};
    use crate::clock::Clock;
    use crate::id::Id;
    use chrono::TimeDelta;

    #[test]
    fn t137_so_many_at_once_and_no_more() {
        let door = Door::new(Clock::movable());
        let mut held: Vec<_> = (0..AT_ONCE_EACH).map(|_| door.judge("a").unwrap()).collect();
        assert_eq!(door.judge("a").unwrap_err(), Full { retry_after_s: 1 });
        let more: Vec<_> = (0..AT_ONCE - AT_ONCE_EACH).map(|_| door.judge("b").unwrap()).collect();
        assert!(door.judge("c").is_err());
        drop(more);
        held.pop();
        assert!(door.judge("a").is_ok() && door.judge("c").is_ok());
        let flows: Vec<_> = (0..FLOWS_EACH).map(|_| door.flow("a").unwrap()).collect();
        assert!(door.flow("a").is_err() && door.flow("b").is_ok());
        drop(flows);
    }

    #[test]
    fn refusals_are_counted_by_the_minute_and_for_each_alone() {
        let clock = Clock::movable();
        let door = Door::new(clock.clone());
        for _ in 0..REFUSALS {
            assert!(door.judge("a").is_ok());
            door.refused("a");
        }
        assert!((59..=61).contains(&door.judge("a").unwrap_err().retry_after_s));
        assert!(door.judge("b").is_ok());
        clock.advance(TimeDelta::seconds(61));
        assert!(door.judge("a").is_ok());
    }

    #[test]
    fn what_was_learnt_is_known() {
        let door = Door::new(Clock::movable());
        let home = Id::new();
        assert!(door.home("a").is_none());
        door.learn("a", &home);
        assert!(door.home("a") == Some(home) && door.home("b").is_none());
    }

    #[test]
    fn t009_asking_for_invented_tokens_pushes_nobody_out() {
        let door = Door::new(Clock::movable());
        let home = Id::new();
        door.learn("a", &home);
        (0..REFUSALS).for_each(|_| door.refused("a"));
        assert!((0..=KEYS.get()).all(|n| door.home(&format!("invented {n}")).is_none()));
        assert!(door.judge("a").is_err() && door.home("a") == Some(home));
    }
}
