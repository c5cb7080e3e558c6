//! Connections for reading units, and for PostgreSQL's writing units.

use super::unit::Parcel;
use super::{
    AnyConnection, Committed, Conn, DatabaseUrl, MigrateError, Tx, Written, dialect, is_lost, is_storage_fault, judged,
    measure_audit, unit, wants_retry,
};
use crate::error::{Error, Result};
use crate::measure::{self, Raised, Spread};
use diesel::Connection;
use diesel::r2d2::{HandleError, ManageConnection, PooledConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const READERS: u32 = 4;
const SERVER_CONNECTIONS: u32 = 10;
/// Whoever waits for a connection is told so after this.
pub(super) const WAIT: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

struct Manager(DatabaseUrl);

/// A connection, and whether it was seen to be dead.
struct Held {
    conn: AnyConnection,
    lost: bool,
}

impl ManageConnection for Manager {
    type Connection = Held;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Held, Self::Error> {
        let conn = self.0.connect_for_reading().map_err(diesel::r2d2::Error::ConnectionError)?;
        Ok(Held { conn, lost: false })
    }

    fn is_valid(&self, _: &mut Held) -> Result<(), Self::Error> {
        Ok(())
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        held.lost
    }
}

/// Writes down why a connection could not be made, on one line.
#[derive(Debug)]
struct Told;

impl HandleError<diesel::r2d2::Error> for Told {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        let cause = error.to_string();
        tracing::warn!(cause = %cause.split_whitespace().collect::<Vec<_>>().join(" "), "no connection to the database");
    }
}

pub(super) struct Pool {
    pool: diesel::r2d2::Pool<Manager>,
    /// Waiting happens here, not on a blocking thread each.
    slots: Arc<Semaphore>,
    size: u32,
    committed: Arc<Committed>,
}

impl Pool {
    pub(super) fn open(url: &DatabaseUrl, committed: Arc<Committed>) -> Result<Self, MigrateError> {
        let size = match url {
            DatabaseUrl::Sqlite(_) => READERS,
            DatabaseUrl::Postgres(_) => SERVER_CONNECTIONS,
        };
        let pool = diesel::r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(WAIT)
            .error_handler(Box::new(Told))
            .build(Manager(url.clone()))
            .map_err(|e| MigrateError::Failed(e.to_string()))?;
        measure::CONNECTIONS.set(f64::from(size));
        Ok(Self { pool, slots: Arc::new(Semaphore::new(size as usize)), size, committed })
    }

    /// Waits for a connection to come free, and says until when to wait for it to be opened; the wait is told to
    /// `spread`.
    async fn slot(&self, spread: &'static Spread) -> Result<((OwnedSemaphorePermit, Raised), Instant)> {
        let (timer, until) = (spread.timer(), Instant::now() + WAIT);
        let permit = tokio::time::timeout(WAIT, self.slots.clone().acquire_owned()).await.map_err(|_| {
            measure::DATABASE_REFUSALS.add(1);
            Error::unavailable("no database connection came free")
        })?;
        timer.stop();
        Ok(((permit.map_err(Error::unavailable)?, measure::CONNECTIONS_IN_USE.raise()), until))
    }

    pub(super) async fn read(&self, mut unit: unit::Read) -> Result<Parcel> {
        let (slot, until) = self.slot(&measure::READ_WAIT).await?;
        let (pool, attempts) = (self.pool.clone(), self.size + 1);
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            with_live(&pool, until, attempts, |conn| unit.run(conn)).map_err(judged)
        })
        .await
        .map_err(Error::internal)?
    }

    /// Runs a reading unit on this very thread, if a connection is free at this moment.
    pub(super) fn read_here(&self, unit: &mut unit::Read) -> Option<Result<Parcel>> {
        let _slot = self.slots.clone().try_acquire_owned().ok()?;
        let mut held = self.pool.try_get()?;
        let _in_use = measure::CONNECTIONS_IN_USE.raise();
        Some(unit.run(&mut held.conn).map_err(judged))
    }

    pub(super) async fn write(&self, units: usize, mut unit: unit::Write) -> Result<Parcel> {
        let asked = Instant::now();
        let (slot, until) = self.slot(&measure::WRITE_WAIT).await?;
        let (pool, attempts, committed) = (self.pool.clone(), self.size + 1, self.committed.clone());
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            let mut tries = 0;
            loop {
                match write_once(&pool, until, attempts, asked, &mut unit) {
                    Err(error) if wants_retry(&error) && tries < RETRIES => {
                        tries += 1;
                        pause(tries);
                    }
                    done => {
                        let (done, written) = done.map_err(judged)?;
                        measure::COMMIT_UNITS.record(units as f64);
                        committed.tell(written.heads);
                        return Ok(done);
                    }
                }
            }
        })
        .await
        .map_err(Error::internal)?
    }

    pub(super) async fn durability(&self) -> Result<Vec<(String, i32)>> {
        let (pool, size) = (self.pool.clone(), self.size);
        tokio::task::spawn_blocking(move || {
            let mut held = Vec::new();
            for _ in 0..size {
                held.push(pool.get().map_err(Error::unavailable)?);
            }
            held.iter_mut().map(|h| dialect::durability(&mut h.conn)).collect()
        })
        .await
        .map_err(Error::internal)?
    }
}

/// A connection of the pool, waited for until then, and a moment at least.
fn connection(pool: &diesel::r2d2::Pool<Manager>, until: Instant) -> Result<PooledConnection<Manager>> {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
    pool.get_timeout(left).map_err(Error::unavailable)
}

/// Runs a writing unit once. A connection that was dead before the unit began is replaced and the
/// unit begun again; one that is lost later leaves the outcome to the caller as an error.
fn write_once(
    pool: &diesel::r2d2::Pool<Manager>,
    until: Instant,
    attempts: u32,
    asked: Instant,
    unit: &mut unit::Write,
) -> Result<(Parcel, Written)> {
    use diesel::connection::SimpleConnection;
    let mut begun = false;
    for _ in 0..attempts {
        let mut held = connection(pool, until)?;
        if let Err(error) = held.conn.batch_execute("SELECT 1") {
            held.lost = true;
            tracing::debug!(%error, "a pooled connection was dead");
            continue;
        }
        let timer = measure::COMMIT_TIME.timer();
        let done = held.conn.transaction(|conn| {
            begun = true;
            Tx::run(conn, |tx| unit.run(tx))
        });
        match &done {
            Ok((_, written)) => {
                timer.stop();
                measure_audit(written.lines, asked);
            }
            Err(error) => {
                held.lost = is_lost(error);
                measure::COMMITS_FAILED.add(u64::from(is_storage_fault(error)));
            }
        }
        return done;
    }
    Err(Error::unavailable(if begun { "the database went away" } else { "the database does not answer" }))
}

/// Runs `f` on a connection, and again on another while the server turns out to have gone away.
fn with_live(
    pool: &diesel::r2d2::Pool<Manager>,
    until: Instant,
    attempts: u32,
    mut f: impl FnMut(&mut Conn) -> Result<Parcel>,
) -> Result<Parcel> {
    let mut last = Error::unavailable("the database does not answer");
    for _ in 0..attempts {
        let mut held = connection(pool, until)?;
        match f(&mut held.conn) {
            Err(error) if is_lost(&error) => {
                held.lost = true;
                last = error;
            }
            done => return done,
        }
    }
    Err(last)
}

/// A short pause that differs between competitors.
fn pause(tries: u32) {
    let jitter = getrandom::u32().unwrap_or(7) % 20;
    std::thread::sleep(Duration::from_millis(u64::from(5 * tries * tries + jitter)));
}
