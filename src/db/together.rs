//! Look-ups by key that wait at the same time are asked for together, in one query.
//!
//! On a server each query is a way there and back, and work on both sides. Nobody waits for others to come: the first
//! goes at once, and who comes while [`LEADERS`] queries are under way shares the next. It begins after they came, so
//! that nobody is told what was true before. SQLite is asked for each alone, right where the question arises.

use super::pool::WAIT;
use super::{Conn, Db};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Keys of one query at most.
const MOST: usize = 64;
/// Queries that are under way at once, while they are answered soon.
const LEADERS: usize = 2;
/// When none was begun for so long, those that are under way are stuck, and the next to come asks for itself.
const SOON: Duration = Duration::from_millis(50);

/// Finds what there is for some keys; called with one key at least.
pub type Find<K, V> = fn(&mut Conn, &[K]) -> Result<HashMap<K, V>>;

/// Who waits for what.
pub struct Together<K, V> {
    queue: Arc<Mutex<Queue<K, V>>>,
    find: Find<K, V>,
}

struct Queue<K, V> {
    waiting: Vec<Waiting<K, V>>,
    leaders: usize,
    /// When the last query was begun.
    begun: Instant,
}

struct Waiting<K, V> {
    key: K,
    reply: oneshot::Sender<Result<Option<V>>>,
}

impl<K, V> Together<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    /// Look-ups that are made by `find`.
    pub fn new(find: Find<K, V>) -> Self {
        Self { queue: Arc::new(Mutex::new(Queue { waiting: Vec::new(), leaders: 0, begun: Instant::now() })), find }
    }

    /// What there is for a key now.
    ///
    /// # Errors
    /// As [`Db::read`]; [`Error::Unavailable`] after five seconds.
    pub async fn ask(&self, db: &Db, key: K) -> Result<Option<V>> {
        let find = self.find;
        if db.inner.writer.is_some() {
            let wanted = key.clone();
            let mut found = db.look_up(move |conn| find(conn, std::slice::from_ref(&wanted))).await?;
            return Ok(found.remove(&key));
        }
        let (reply, mut answer) = oneshot::channel();
        lock(&self.queue).waiting.push(Waiting { key, reply });
        self.lead_unless(db, |queue| queue.leaders >= LEADERS && queue.begun.elapsed() <= SOON);
        if let Ok(answered) = tokio::time::timeout(SOON, &mut answer).await {
            return answered.map_err(|_| given_up())?;
        }
        // Those who lead may be stuck, and nobody else may come.
        self.lead_unless(db, |queue| queue.waiting.is_empty() || queue.begun.elapsed() < SOON);
        let answered = tokio::time::timeout(WAIT, answer).await;
        answered
            .map_err(|_| Error::unavailable("the database did not answer a look-up in time"))?
            .map_err(|_| given_up())?
    }

    fn lead_unless(&self, db: &Db, others_do: impl FnOnce(&Queue<K, V>) -> bool) {
        let mut queue = lock(&self.queue);
        if !others_do(&queue) {
            queue.leaders += 1;
            // A task of its own: who came first may go away, and the others still wait.
            tokio::spawn(lead(db.clone(), Lead { queue: self.queue.clone(), ended: false }, self.find));
        }
    }
}

fn given_up() -> Error {
    Error::unavailable("a look-up was given up")
}

fn lock<K, V>(queue: &Mutex<Queue<K, V>>) -> MutexGuard<'_, Queue<K, V>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lead. One that is stopped leaves those who wait to another leader, or tells them that nobody comes.
struct Lead<K, V> {
    queue: Arc<Mutex<Queue<K, V>>>,
    ended: bool,
}

impl<K, V> Lead<K, V> {
    /// Those who wait now; `None` ends the lead, in the same step: who comes next must see it.
    fn next(&mut self) -> Option<Vec<Waiting<K, V>>> {
        let mut queue = lock(&self.queue);
        queue.waiting.retain(|one| !one.reply.is_closed());
        let many = queue.waiting.len().min(MOST);
        if many == 0 {
            queue.leaders -= 1;
            self.ended = true;
            return None;
        }
        queue.begun = Instant::now();
        Some(queue.waiting.drain(..many).collect())
    }
}

impl<K, V> Drop for Lead<K, V> {
    fn drop(&mut self) {
        if !self.ended {
            let mut queue = lock(&self.queue);
            queue.leaders -= 1;
            if queue.leaders == 0 {
                queue.waiting.clear();
            }
        }
    }
}

async fn lead<K, V>(db: Db, mut lead: Lead<K, V>, find: Find<K, V>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + 'static,
{
    while let Some(group) = lead.next() {
        let keys: Vec<K> = group.iter().map(|one| one.key.clone()).collect();
        let found = db.read(move |conn| find(conn, &keys)).await;
        if let Err(error) = &found {
            tracing::warn!(?error, asked = group.len(), "a look-up failed");
        }
        for one in group {
            let found = match &found {
                Ok(found) => Ok(found.get(&one.key).cloned()),
                Err(_) => Err(given_up()),
            };
            // Who has gone away loses only the answer.
            drop(one.reply.send(found));
        }
    }
}
