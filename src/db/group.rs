//! PostgreSQL: units of one key that come while others of it are being committed are committed together.
//!
//! What one transaction each would wait for, the lock of its chain and the flush of its commit, a group waits for once.
//! Nobody waits for a group to fill: the first to come goes at once, and who comes meanwhile makes the next group.

use super::unit::{self, Parcel};
use super::{Db, Tx, is_storage_fault};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Units of one group at most.
const MOST: usize = 128;

/// A waiting unit.
struct Member {
    unit: unit::Write,
    result: Option<Result<Parcel>>,
    reply: oneshot::Sender<Result<Parcel>>,
}

impl Member {
    /// Runs in a savepoint of its own, so that its refusal undoes only itself. `Err`: the whole group is given up.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        match tx.savepoint(|tx| self.unit.run(tx)) {
            Err(error) if is_storage_fault(&error) => Err(error),
            done => {
                self.result = Some(done);
                Ok(())
            }
        }
    }

    /// Answers the caller, once it is known whether the group was committed.
    fn answer(self, committed: bool) {
        let result = match self.result {
            Some(result) if committed => result,
            _ => Err(Error::unavailable("the group of writes could not be committed")),
        };
        // A caller that has gone away loses only the answer.
        drop(self.reply.send(result));
    }
}

/// Who waits, by key; a key is there while somebody leads its groups.
type Waiting = HashMap<String, Vec<Member>>;

/// The groups of a database.
#[derive(Default)]
pub(super) struct Groups {
    waiting: Mutex<Waiting>,
}

impl Groups {
    /// Runs a unit in a group of its key; the answer comes after the commit.
    pub(super) async fn write(db: &Db, key: &str, unit: unit::Write) -> Result<Parcel> {
        let (reply, answer) = oneshot::channel();
        if db.inner.groups.join(key, Member { unit, result: None, reply }) {
            // A task of its own: the first caller may go away, and the others still wait.
            tokio::spawn(lead(db.clone(), key.to_owned()));
        }
        answer.await.map_err(|_| Error::unavailable("the group of writes was given up"))?
    }

    /// `true`: nobody leads the groups of this key yet.
    fn join(&self, key: &str, member: Member) -> bool {
        let mut waiting = self.waiting();
        match waiting.get_mut(key) {
            Some(queue) => {
                queue.push(member);
                false
            }
            None => {
                waiting.insert(key.to_owned(), vec![member]);
                true
            }
        }
    }

    /// The next group; `None` ends the lead.
    fn next(&self, key: &str) -> Option<Vec<Member>> {
        let mut waiting = self.waiting();
        let queue = waiting.get_mut(key).filter(|queue| !queue.is_empty());
        let Some(queue) = queue else {
            waiting.remove(key);
            return None;
        };
        let rest = queue.split_off(queue.len().min(MOST));
        Some(std::mem::replace(queue, rest))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of a key whose leader was stopped: who waits is told, and the next to come leads.
struct Lead<'a> {
    groups: &'a Groups,
    key: &'a str,
    ended: bool,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.groups.waiting().remove(self.key);
        }
    }
}

async fn lead(db: Db, key: String) {
    let mut lead = Lead { groups: &db.inner.groups, key: &key, ended: false };
    while let Some(group) = lead.groups.next(&key) {
        commit(&db, group).await;
    }
    lead.ended = true;
}

async fn commit(db: &Db, group: Vec<Member>) {
    let units = group.len();
    let group = Arc::new(Mutex::new(group));
    let members = group.clone();
    let done = db.write_through_pool(
        units,
        unit::Write::new(move |tx| {
            members.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().try_for_each(|member| member.run(tx))
        }),
    );
    let committed = done.await.inspect_err(|error| tracing::warn!(?error, units, "a group was not committed")).is_ok();
    let members = std::mem::take(&mut *group.lock().unwrap_or_else(PoisonError::into_inner));
    members.into_iter().for_each(|member| member.answer(committed));
}
