//! SQLite's one writer: a thread that runs queued units and commits many of them at once.
//!
//! Each unit runs in a savepoint of its own, so that its refusal undoes only itself; each caller is
//! answered after the commit that holds its work. A storage fault gives up the whole batch.

use super::{AnyConnection, DatabaseUrl, MigrateError, Tx, caught, is_storage_fault, measure_audit};
use crate::error::{Error, Result};
use crate::measure::{self, Raised};
use diesel::Connection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;
use tokio::sync::oneshot;

const QUEUE: usize = 1024;
const BATCH: usize = 128;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// A queued unit whose result type is forgotten.
trait Unit: Send {
    /// Runs in its own savepoint. `false`: the storage failed and the batch must be given up.
    fn run(&mut self, conn: &mut AnyConnection) -> bool;
    /// Answers the caller, once it is known whether the batch was committed.
    fn answer(self: Box<Self>, committed: bool);
}

struct Pending<T, F> {
    unit: F,
    queued: Instant,
    /// Counts the unit as waiting until it runs or is given up.
    waiting: Option<Raised>,
    audited: u64,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Unit for Pending<T, F>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, conn: &mut AnyConnection) -> bool {
        self.waiting = None;
        measure::WRITE_WAIT.took(self.queued.elapsed());
        let (unit, audited) = (&mut self.unit, &mut self.audited);
        let result = conn.transaction(|conn| {
            let mut tx = Tx::on(conn);
            let done = caught(|| unit(&mut tx));
            *audited = tx.audited;
            done
        });
        let sound = !matches!(&result, Err(error) if is_storage_fault(error));
        self.result = Some(result);
        sound
    }

    fn answer(self: Box<Self>, committed: bool) {
        let result = match self.result {
            Some(Err(error)) if !is_storage_fault(&error) => Err(error),
            Some(Ok(value)) if committed => {
                measure_audit(self.audited, self.queued);
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
    queue: SyncSender<Box<dyn Unit>>,
}

impl Writer {
    pub(super) fn start(url: DatabaseUrl) -> Result<Self, MigrateError> {
        let conn = url.connect()?;
        let (queue, units) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || serve(&url, Some(conn), &units))
            .map_err(MigrateError::Lock)?;
        Ok(Self { queue })
    }

    pub(super) async fn write<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let waiting = Some(measure::WRITER_QUEUE.raise());
        let pending = Pending { unit, queued: Instant::now(), waiting, audited: 0, result: None, reply };
        self.queue.try_send(Box::new(pending)).map_err(|error| match error {
            TrySendError::Full(_) => {
                measure::DATABASE_REFUSALS.add(1);
                Error::unavailable("the queue of writes is full")
            }
            TrySendError::Disconnected(_) => Error::unavailable("the writer has stopped"),
        })?;
        answer.await.map_err(Error::unavailable)?
    }
}

fn serve(url: &DatabaseUrl, mut conn: Option<AnyConnection>, units: &Receiver<Box<dyn Unit>>) {
    while let Ok(first) = units.recv() {
        let mut batch = vec![first];
        let timer = measure::COMMIT_TIME.timer();
        let committed = match open(url, &mut conn) {
            Some(open) => commit(open, &mut batch, units),
            None => false,
        };
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

/// Runs the batch, takes in what queued meanwhile, commits. `false`: nothing of it was kept.
fn commit(conn: &mut AnyConnection, batch: &mut Vec<Box<dyn Unit>>, units: &Receiver<Box<dyn Unit>>) -> bool {
    if let AnyConnection::Sqlite(sqlite) = conn
        && let Err(error) = AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
    {
        tracing::error!(%error, "a group of writes could not begin");
        return false;
    }
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
            batch.extend(units.try_recv().ok());
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
