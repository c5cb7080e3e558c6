//! Who hashes passwords: a few threads of low priority behind a short queue, so that a storm of sign-ins
//! takes neither the processor nor the memory from everything else.

use super::password::{Cost, Pepper, Scheme, Verified};
use super::random::Random;
use crate::error::{Error, Result};
use crate::measure::{self, Raised};
use crate::secret::Secret;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What to answer in `Retry-After` when the queue is full.
pub const RETRY_AFTER_S: u64 = 5;
/// Work that has waited longer is not done any more: whoever asked has given up, or soon will.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many may wait for each thread.
const QUEUE_FOR_EACH: usize = 64;

const NICENESS: i32 = 10;

/// The size of the pool and the cost of its work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The cost of new hashes.
    pub cost: Cost,
    /// The least cost of a stored hash that is still accepted.
    pub floor: Cost,
    /// How many hashes are computed at once.
    pub threads: usize,
    /// How many more may wait.
    pub queue: usize,
}

impl Settings {
    /// The decided costs, half of the processors (at least one thread), and no more waiting than are answered
    /// in a few seconds.
    pub fn for_machine() -> Self {
        let threads = thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1));
        Self { cost: Cost::NEW, floor: Cost::FLOOR, threads, queue: QUEUE_FOR_EACH * threads }
    }

    /// Costs next to nothing; for tests.
    pub fn for_testing() -> Self {
        let cost = Cost { memory_kib: 16, passes: 1, lanes: 1 };
        Self { cost, floor: cost, threads: 1, queue: 256 }
    }
}

/// A handle to the hashing threads; they end when the last handle is gone.
#[derive(Clone)]
pub struct Hasher {
    queue: SyncSender<Queued>,
    scheme: Arc<Scheme>,
}

/// A job, counted as waiting until it is taken up or given up.
struct Queued(Job, Raised);

enum Work {
    Hash(Secret, oneshot::Sender<Result<String>>),
    Verify(Secret, Option<String>, oneshot::Sender<Result<Verified>>),
}

struct Job {
    work: Work,
    since: Instant,
}

impl Hasher {
    /// Starts the threads. The last pepper is the one for new hashes. Fails without a pepper or a thread.
    pub fn start(settings: Settings, peppers: Vec<Pepper>, random: Random) -> Result<Self> {
        let scheme = Arc::new(Scheme::new(settings.cost, settings.floor, peppers, random)?);
        let (queue, jobs) = sync_channel(settings.queue);
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..settings.threads.max(1) {
            let (scheme, jobs) = (Arc::clone(&scheme), Arc::clone(&jobs));
            thread::Builder::new()
                .name(format!("password-{n}"))
                .spawn(move || work(&scheme, &jobs))
                .map_err(Error::unavailable)?;
        }
        Ok(Self { queue, scheme })
    }

    /// The PHC string for a new password. Unavailable when the queue is full: see [`RETRY_AFTER_S`].
    pub async fn hash(&self, password: Secret) -> Result<String> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Work::Hash(password, reply))?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Hasher::hash`], for the command line; must not be called from an async task.
    pub fn hash_blocking(&self, password: Secret) -> Result<String> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Work::Hash(password, reply))?;
        answer.blocking_recv().map_err(|_| stopped())?
    }

    /// Compares a password with a stored hash; with none (an unknown account) it costs the same and fails.
    ///
    /// Unavailable when the queue is full: see [`RETRY_AFTER_S`].
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Work::Verify(password, stored, reply))?;
        answer.await.map_err(|_| stopped())?
    }

    /// How many hashes were computed so far; one for each attempt that was not given up while waiting.
    pub fn computed(&self) -> u64 {
        self.scheme.computed()
    }

    fn enqueue(&self, work: Work) -> Result<()> {
        let job = Job { work, since: Instant::now() };
        self.queue.try_send(Queued(job, measure::HASHES_WAITING.raise())).map_err(|e| match e {
            TrySendError::Full(_) => {
                measure::HASHES_REFUSED.add(1);
                Error::unavailable("the queue of password hashes is full")
            }
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({} computed)", self.computed())
    }
}

fn stopped() -> Error {
    Error::unavailable("the password threads have stopped")
}

fn work(scheme: &Scheme, jobs: &Mutex<Receiver<Queued>>) {
    lower_priority();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Queued(job, waiting)) = job else { return };
        drop(waiting);
        // The thread must outlive a fault in one hash; the waiting side then sees a closed channel.
        let _ = catch_unwind(AssertUnwindSafe(|| run(scheme, job)));
    }
}

/// Work whose asker has gone away is dropped: otherwise a client that hangs up would still keep us busy.
fn run(scheme: &Scheme, job: Job) {
    let late = (job.since.elapsed() > PATIENCE).then(|| {
        measure::HASHES_REFUSED.add(1);
        Error::unavailable("a password waited too long to be hashed")
    });
    match job.work {
        Work::Hash(password, reply) if !reply.is_closed() => {
            let hash = || timed(|| scheme.hash(password.expose().as_bytes()));
            let _ = reply.send(late.map_or_else(hash, Err));
        }
        Work::Verify(password, stored, reply) if !reply.is_closed() => {
            let verify = || timed(|| scheme.verify(password.expose().as_bytes(), stored.as_deref()));
            let _ = reply.send(late.map_or_else(verify, Err));
        }
        Work::Hash(..) | Work::Verify(..) => {}
    }
}

fn timed<T>(hash: impl FnOnce() -> T) -> T {
    let timer = measure::HASH_TIME.timer();
    let done = hash();
    timer.stop();
    done
}

/// Only on Linux is priority a matter of the single thread; elsewhere the whole process would slow down.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Ok(current) = rustix::process::getpriority_process(None)
        && current < NICENESS
        && let Err(e) = rustix::process::setpriority_process(None, NICENESS)
    {
        tracing::warn!("password threads run at normal priority: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Error, Hasher, Instant, Job, PATIENCE, Random, Result, Secret, Settings, Verified, Work, lower_priority,
        oneshot, run,
    };
    use crate::crypto::password::Pepper;
    use std::sync::mpsc::sync_channel;
    use zeroize::Zeroizing;

    fn peppers() -> Vec<Pepper> {
        vec![Pepper::new(1, Zeroizing::new([1; 32]))]
    }

    fn hasher() -> Hasher {
        Hasher::start(Settings::for_testing(), peppers(), Random::system()).unwrap()
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn t006_known_and_unknown_accounts_cost_one_hash_each() {
        let hasher = hasher();
        let stored = hasher.hash(secret("correct horse battery")).await.unwrap();
        assert_eq!(hasher.computed(), 1);
        let right = hasher.verify(secret("correct horse battery"), Some(stored.clone())).await.unwrap();
        assert_eq!((right, hasher.computed()), (Verified { ok: true, needs_rehash: false }, 2));
        assert!(!hasher.verify(secret("wrong"), Some(stored)).await.unwrap().ok);
        assert_eq!(hasher.computed(), 3);
        assert!(!hasher.verify(secret("wrong"), None).await.unwrap().ok);
        assert_eq!(hasher.computed(), 4);
        assert!(!hasher.verify(secret("wrong"), Some("rubbish".into())).await.unwrap().ok);
        assert_eq!(hasher.computed(), 5);
    }

    #[tokio::test]
    async fn a_full_queue_is_unavailable_at_once() {
        let (queue, jobs) = sync_channel(1);
        let hasher = Hasher { queue, ..hasher() };
        let (reply, _answer) = oneshot::channel();
        hasher.enqueue(Work::Hash(secret("waits"), reply)).unwrap();
        let refused: Result<Verified> = hasher.verify(secret("x"), None).await;
        assert!(matches!(refused, Err(Error::Unavailable(ref cause)) if cause.as_str().contains("full")));
        drop(jobs);
        assert!(hasher.hash(secret("x")).await.is_err());
    }

    #[tokio::test]
    async fn given_up_work_is_not_done() {
        let hasher = hasher();
        let (reply, answer) = oneshot::channel();
        drop(answer);
        hasher.enqueue(Work::Hash(secret("gone"), reply)).unwrap();
        hasher.hash(secret("still here")).await.unwrap();
        assert_eq!(hasher.computed(), 1);
    }

    #[tokio::test]
    async fn t132_what_has_waited_too_long_is_told_so_and_not_hashed() {
        let hasher = hasher();
        let (reply, answer) = oneshot::channel();
        let since = Instant::now().checked_sub(PATIENCE * 2).unwrap();
        run(&hasher.scheme, Job { work: Work::Verify(secret("late"), None, reply), since });
        assert!(matches!(answer.await.unwrap(), Err(Error::Unavailable(_))));
        assert_eq!(hasher.computed(), 0);
    }

    #[test]
    fn the_command_line_can_wait_for_a_hash() {
        assert!(hasher().hash_blocking(secret("x")).unwrap().starts_with("$argon2id$"));
    }

    #[test]
    fn only_the_thread_itself_gets_the_low_priority() {
        let here = || rustix::process::getpriority_process(None).unwrap();
        let before = here();
        let there = std::thread::spawn(move || {
            lower_priority();
            here()
        });
        assert_eq!(there.join().unwrap(), before.max(10));
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }
}
