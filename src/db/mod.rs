//! The two doors to the database, [`Db::read`] and [`Db::write`]; nothing else opens a connection but [`inspect`],
//! which only looks.
//!
//! A unit of work commits on `Ok` and rolls back on `Err`. A refusal that must leave a trace is a value.

mod any;
mod committed;
mod connect;
pub mod dialect;
pub mod file;
mod group;
pub mod inspect;
mod migrate;
mod pool;
pub mod schema;
mod storage;
mod together;
pub mod types;
mod unit;
mod writer;

pub use any::{AnyConnection, MultiBackend};
pub use committed::Committed;
pub use connect::{DatabaseUrl, UrlError};
pub use migrate::MigrateError;
pub use storage::Storage;
pub use together::Together;

use crate::anchor::{Head, Heads};
use crate::error::{Error, Result};
use crate::measure;
use group::Groups;
use pool::Pool;
use std::sync::Arc;
use std::time::Instant;
use storage::State;
use unit::{Parcel, opened};
use writer::Writer;

/// What a reading unit gets.
pub type Conn = AnyConnection;

/// A write transaction: model functions that change something demand one.
pub struct Tx<'a> {
    conn: &'a mut Conn,
    written: Written,
}

/// What a unit has written into audit chains, which counts once it is committed.
#[derive(Debug, Default)]
struct Written {
    /// The heads that it leaves.
    heads: Heads,
    /// So many lines.
    lines: u64,
}

impl<'a> Tx<'a> {
    fn new(conn: &'a mut Conn) -> Self {
        Self { conn, written: Written::default() }
    }

    /// Runs a unit; with its result comes what it has written into audit chains.
    fn run<T>(conn: &'a mut Conn, unit: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<(T, Written)> {
        let mut tx = Tx::new(conn);
        let done = unit(&mut tx)?;
        Ok((done, tx.written))
    }

    /// Notes the new head of an audit chain, to be told to [`Db::committed`] when this is committed.
    pub fn head(&mut self, chain: &str, head: Head) {
        self.written.heads.insert(chain.to_owned(), head);
        self.written.lines += 1;
    }

    /// The connection, for queries inside this transaction.
    pub fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// Runs `f` in a savepoint: its changes are undone if it fails, the rest of the unit goes on.
    ///
    /// Needed wherever a violated constraint is expected, since PostgreSQL gives up the whole
    /// transaction otherwise.
    pub fn savepoint<T>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        use diesel::Connection;
        let (done, written) = self.conn.transaction(|conn| Tx::run(conn, f))?;
        self.written.heads.extend(written.heads);
        self.written.lines += written.lines;
        Ok(done)
    }
}

/// A unit that began to wait at `asked` was committed, and so many audit lines with it.
fn measure_audit(lines: u64, asked: Instant) {
    if lines > 0 {
        measure::AUDIT_EVENTS.add(lines);
        measure::AUDIT_LAG.took(asked.elapsed());
    }
}

/// The database: cheap to clone, shared by every task.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    url: DatabaseUrl,
    storage: Arc<State>,
    pool: Pool,
    /// SQLite has one writer; PostgreSQL writes through the pool.
    writer: Option<Writer>,
    groups: Groups,
    committed: Arc<Committed>,
}

impl Db {
    /// Opens the database, brings its schema up to date under a lock, and fills the pool.
    ///
    /// Blocks; for start-up only. Fails when the server cannot be reached, when the schema is
    /// newer than this program, or when a migration fails.
    pub fn open(url: &DatabaseUrl) -> Result<Self, MigrateError> {
        migrate::run(url)?;
        Self::attach(url)
    }

    /// Brings the schema of a database up to date and lets go of it.
    pub fn bring_up(url: &DatabaseUrl) -> Result<(), MigrateError> {
        migrate::run(url)
    }

    /// As [`Db::open`], with the schema left as it is: for commands that must work on one of an older version.
    pub fn attach(url: &DatabaseUrl) -> Result<Self, MigrateError> {
        let (committed, storage) = (Arc::new(Committed::default()), Arc::new(State::new()));
        let pool = Pool::open(url, committed.clone())?;
        let writer = match url {
            DatabaseUrl::Sqlite(_) => Some(Writer::start(url.clone(), committed.clone(), storage.clone())?),
            DatabaseUrl::Postgres(_) => None,
        };
        let groups = Groups::default();
        Ok(Self { inner: Arc::new(Inner { url: url.clone(), storage, pool, writer, groups, committed }) })
    }

    /// The heads of the audit chains that this process has moved on.
    pub fn committed(&self) -> &Committed {
        &self.inner.committed
    }

    /// What became of writes lately.
    pub fn storage(&self) -> Storage {
        self.inner.storage.now()
    }

    /// Ends when a flush failed: what is on the disk is not known any more.
    pub async fn suspect(&self) {
        self.inner.storage.suspect().await;
    }

    /// Runs a reading unit on a blocking thread. It may run again when the server went away under it.
    pub async fn read<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.inner.pool.read(unit::Read::new(unit)).await.and_then(opened)
    }

    /// As [`Db::read`], for units of a few lookups by key. On SQLite they run right here while a connection is free:
    /// to hand them to another thread and back takes several times as long as they do.
    pub async fn look_up<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.look_up_unit(unit::Read::new(unit)).await.and_then(opened)
    }

    async fn look_up_unit(&self, mut unit: unit::Read) -> Result<Parcel> {
        let here = self.inner.writer.as_ref().and_then(|_| self.inner.pool.read_here(&mut unit));
        match here {
            Some(done) => done,
            None => self.inner.pool.read(unit).await,
        }
    }

    /// Runs a writing unit in one transaction; the answer comes after the commit.
    ///
    /// The unit may run again (PostgreSQL: serialization failure, deadlock), so it must have no
    /// effect but on the database. No network and no password hashing in here.
    pub async fn write<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_unit(unit::Write::new(unit)).await.and_then(opened)
    }

    /// As [`Db::write`], for units that come often and lock the same rows: those of one `key` that wait at the same
    /// time are committed together, each in a savepoint, in the order in which they came. SQLite commits all its
    /// units so.
    ///
    /// When storage fails, the whole group is given up.
    pub async fn write_in_group<T, F>(&self, key: &str, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_unit_in_group(key, unit::Write::new(unit)).await.and_then(opened)
    }

    async fn write_unit(&self, unit: unit::Write) -> Result<Parcel> {
        match &self.inner.writer {
            Some(writer) => writer.write(unit).await,
            None => self.write_through_pool(1, unit).await,
        }
    }

    async fn write_unit_in_group(&self, key: &str, unit: unit::Write) -> Result<Parcel> {
        match &self.inner.writer {
            Some(writer) => writer.write(unit).await,
            None => Groups::write(self, key, unit).await,
        }
    }

    /// One transaction of so many units on a pooled connection.
    async fn write_through_pool(&self, units: usize, unit: unit::Write) -> Result<Parcel> {
        let done = self.inner.pool.write(units, unit).await;
        match &done {
            Ok(_) => self.inner.storage.note(Storage::Sound),
            Err(Error::Unavailable(_)) => self.inner.storage.note(Storage::Refusing),
            Err(_) => {}
        }
        done
    }

    /// Folds SQLite's write-ahead log into the file; nothing to do on PostgreSQL.
    pub async fn checkpoint(&self) -> Result<()> {
        if self.storage() == Storage::Suspect {
            return Ok(());
        }
        let url = self.inner.url.clone();
        tokio::task::spawn_blocking(move || {
            let mut conn = url.connect().map_err(Error::unavailable)?;
            dialect::checkpoint(&mut conn)
        })
        .await
        .map_err(Error::internal)?
    }

    /// Writes the SQLite file anew, so that nothing of what was erased is left in it or in its log; units that
    /// are asked to write meanwhile wait. Needs room for a second copy. Nothing to do on PostgreSQL.
    pub async fn compact(&self) -> Result<()> {
        match &self.inner.writer {
            Some(writer) => writer.alone(dialect::compact).await.map_err(judged),
            None => Ok(()),
        }
    }

    /// Settings of every pooled SQLite connection that durability rests on, for tests: `(journal_mode, synchronous)`.
    pub async fn durability(&self) -> Result<Vec<(String, i32)>> {
        let mut found = self.inner.pool.durability().await?;
        if let Some(writer) = &self.inner.writer {
            let asked = unit::Write::new(|tx| dialect::durability(tx.conn()));
            found.push(writer.write(asked).await.and_then(opened)?);
        }
        Ok(found)
    }
}

/// Turns a database error that no rule can mend into [`Error::Unavailable`]; leaves the others.
fn judged(error: Error) -> Error {
    if is_storage_fault(&error) { Error::unavailable(format!("database: {error:?}")) } else { error }
}

/// Whether the storage itself failed (disk, memory, connection), as against a rule or a constraint.
fn is_storage_fault(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Error::Database(Diesel::DatabaseError(kind, _)) => !matches!(
            kind,
            Kind::UniqueViolation | Kind::ForeignKeyViolation | Kind::NotNullViolation | Kind::CheckViolation
        ),
        Error::Database(Diesel::BrokenTransactionManager | Diesel::RollbackErrorOnCommit { .. }) => true,
        _ => false,
    }
}

/// Whether the connection to the server is gone.
fn is_lost(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Error::Database(Diesel::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand, _)) => true,
        Error::Database(Diesel::BrokenTransactionManager) => true,
        Error::Database(Diesel::RollbackErrorOnCommit { .. }) => true,
        Error::Database(Diesel::DatabaseError(Kind::Unknown, info)) => {
            let text = info.message();
            text.contains("server closed the connection")
                || text.contains("terminating connection")
                || text.contains("no connection to the server")
                || text.contains("could not receive data from server")
        }
        _ => false,
    }
}

/// Whether PostgreSQL asks to run the whole unit again (40001, 40P01).
fn wants_retry(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Error::Database(Diesel::DatabaseError(Kind::SerializationFailure, _)) => true,
        Error::Database(Diesel::DatabaseError(Kind::Unknown, info)) => info.message().contains("deadlock detected"),
        _ => false,
    }
}
