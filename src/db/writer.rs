//! SQLite's one writer: a thread that runs queued units and commits many of them at once.
//!
//! Each unit runs in a savepoint of its own, so that its refusal undoes only itself; each caller is
//! answered after the commit that holds its work. A storage fault gives up the whole batch.

use super::storage::{State, Storage, Witness};
use super::unit::{Parcel, caught};
use super::{AnyConnection, Committed, DatabaseUrl, MigrateError, Tx, Written, is_storage_fault, measure_audit, unit};
use crate::error::{Error, Result};
use crate::measure::{self, Raised};
use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;
use tokio::sync::oneshot;

const QUEUE: usize = 1024;
const BATCH: usize = 128;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// A queued unit.
struct Pending {
    unit: unit::Write,
    queued: Instant,
    /// Counts the unit as waiting until it runs or is given up.
    waiting: Option<Raised>,
    result: Option<Result<Parcel>>,
    written: Written,
    committed: Arc<Committed>,
    reply: oneshot::Sender<Result<Parcel>>,
}

/// What the thread is asked for.
enum Job {
    /// A unit, to be committed together with others.
    Unit(Pending),
    /// Something that no transaction may be open for.
    Alone(Box<dyn FnOnce(&mut AnyConnection) + Send>),
}

impl Pending {
    /// Runs in its own savepoint. `false`: the storage failed and the batch must be given up.
    fn run(&mut self, conn: &mut AnyConnection) -> bool {
        self.waiting = None;
        measure::WRITE_WAIT.took(self.queued.elapsed());
        let unit = &mut self.unit;
        let result = conn.transaction(|conn| Tx::run(conn, |tx| unit.run(tx)));
        let sound = !matches!(&result, Err(error) if is_storage_fault(error));
        self.result = Some(result.map(|(value, written)| {
            self.written = written;
            value
        }));
        sound
    }

    /// Answers the caller, once it is known whether the batch was committed.
    fn answer(self, committed: bool) {
        let result = match self.result {
            Some(Err(error)) if !is_storage_fault(&error) => Err(error),
            Some(Ok(value)) if committed => {
                measure_audit(self.written.lines, self.queued);
                self.committed.tell(self.written.heads);
                Ok(value)
            }
            Some(Err(error)) => Err(super::judged(error)),
            _ => Err(Error::unavailable("the group of writes could not be committed")),
        };
        // A caller that has gone away loses only the answer.
        drop(self.reply.send(result));
    }
}

pub(super) struct Writer {
    queue: SyncSender<Job>,
    committed: Arc<Committed>,
}

impl Writer {
    pub(super) fn start(
        url: DatabaseUrl,
        committed: Arc<Committed>,
        storage: Arc<State>,
    ) -> Result<Self, MigrateError> {
        let conn = url.connect()?;
        let (queue, jobs) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || serve(&url, Some(conn), &jobs, &storage))
            .map_err(MigrateError::Lock)?;
        Ok(Self { queue, committed })
    }

    pub(super) async fn write(&self, unit: unit::Write) -> Result<Parcel> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            unit,
            queued: Instant::now(),
            waiting: Some(measure::WRITER_QUEUE.raise()),
            result: None,
            written: Written::default(),
            committed: self.committed.clone(),
            reply,
        };
        self.send(Job::Unit(pending))?;
        answer.await.map_err(Error::unavailable)?
    }

    /// Runs `act` between two groups, outside any transaction; what is queued meanwhile waits.
    pub(super) async fn alone<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Alone(Box::new(move |conn| drop(reply.send(caught(|| act(conn)))))))?;
        answer.await.map_err(|_| Error::unavailable("the database cannot be opened for writing"))?
    }

    fn send(&self, job: Job) -> Result<()> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => {
                measure::DATABASE_REFUSALS.add(1);
                Error::unavailable("the queue of writes is full")
            }
            TrySendError::Disconnected(_) => Error::unavailable("the writer has stopped"),
        })
    }
}

fn serve(url: &DatabaseUrl, mut conn: Option<AnyConnection>, jobs: &Receiver<Job>, storage: &State) {
    let mut witness = Witness::new(url);
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Alone(act) => {
                if storage.now() != Storage::Suspect
                    && let Some(open) = open(url, &mut conn)
                {
                    act(open);
                }
            }
            Job::Unit(first) => {
                let mut batch = vec![first];
                let timer = measure::COMMIT_TIME.timer();
                let committed = storage.now() != Storage::Suspect
                    && write(url, &mut conn, &mut batch, &mut Queue { jobs, next: &mut next }, &mut witness);
                note(storage, committed, &mut witness);
                if committed {
                    timer.stop();
                    measure::COMMIT_UNITS.record(batch.len() as f64);
                } else {
                    measure::COMMITS_FAILED.add(1);
                    conn = None;
                }
                for unit in batch {
                    unit.answer(committed);
                }
            }
        }
        next = next.or_else(|| jobs.recv().ok());
    }
}

/// What comes behind a group. A job that must be alone ends the group and is left in `next`.
struct Queue<'a> {
    jobs: &'a Receiver<Job>,
    next: &'a mut Option<Job>,
}

impl Queue<'_> {
    /// The next unit that is there already, unless something that must be alone stands before it.
    fn unit(&mut self) -> Option<Pending> {
        if self.next.is_some() {
            return None;
        }
        match self.jobs.try_recv() {
            Ok(Job::Unit(unit)) => Some(unit),
            Ok(alone) => {
                *self.next = Some(alone);
                None
            }
            Err(_) => None,
        }
    }
}

/// Notes what became of a group; after a lost write nothing more is written.
fn note(storage: &State, committed: bool, witness: &mut Witness) {
    if committed {
        return storage.note(Storage::Sound);
    }
    if witness.has_lost_a_write() {
        tracing::error!("the disk lost a write: nothing more is written until the program is started again");
        storage.note(Storage::Suspect);
    } else {
        storage.note(Storage::Refusing);
    }
    witness.forget();
}

/// One group. `false`: nothing of it was kept.
fn write(
    url: &DatabaseUrl,
    conn: &mut Option<AnyConnection>,
    batch: &mut Vec<Pending>,
    queue: &mut Queue<'_>,
    witness: &mut Witness,
) -> bool {
    let Some(conn) = open(url, conn) else { return false };
    witness.look();
    if !begin(conn) {
        // Another process has the file. Who came meanwhile has waited too, and is told now rather than after
        // another wait.
        batch.extend(std::iter::from_fn(|| queue.unit()).take(QUEUE));
        return false;
    }
    commit(conn, batch, queue)
}

/// The connection, opened again if the last batch had to be given up.
fn open<'a>(url: &DatabaseUrl, conn: &'a mut Option<AnyConnection>) -> Option<&'a mut AnyConnection> {
    if conn.is_none() {
        match url.connect() {
            Ok(opened) => *conn = Some(opened),
            Err(error) => tracing::error!(%error, "the database cannot be opened for writing"),
        }
    }
    conn.as_mut()
}

fn begin(conn: &mut AnyConnection) -> bool {
    let AnyConnection::Sqlite(sqlite) = conn else { return true };
    let begun = AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE");
    begun.inspect_err(|error| tracing::error!(%error, "a group of writes could not begin")).is_ok()
}

/// Runs the batch, takes in what queued meanwhile, commits. `false`: nothing of it was kept.
fn commit(conn: &mut AnyConnection, batch: &mut Vec<Pending>, queue: &mut Queue<'_>) -> bool {
    let mut next = 0;
    while let Some(unit) = batch.get_mut(next) {
        if !unit.run(conn) {
            if let Err(error) = Manager::rollback_transaction(conn) {
                tracing::error!(%error, "a group of writes could not be rolled back");
            }
            return false;
        }
        next += 1;
        if next == batch.len() && next < BATCH {
            batch.extend(queue.unit());
        }
    }
    match Manager::commit_transaction(conn) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "a group of writes could not be committed");
            drop(Manager::rollback_transaction(conn));
            false
        }
    }
}
