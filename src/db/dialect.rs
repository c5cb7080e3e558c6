//! The only place that asks which database it is.

use super::{AnyConnection, Conn};
use crate::error::{Error, Result};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

/// Whether rows must be locked before they are read for a change. SQLite has one writer at a time.
pub fn needs_row_locks(conn: &Conn) -> bool {
    matches!(conn, AnyConnection::Postgres(_))
}

/// Makes other processes that open the instance wait until this transaction ends. SQLite's write
/// transaction does that by itself.
pub fn lock_instance(conn: &mut Conn) -> Result<()> {
    use diesel::connection::SimpleConnection;
    if let AnyConnection::Postgres(conn) = conn {
        conn.batch_execute("LOCK TABLE instance IN EXCLUSIVE MODE")?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

#[derive(QueryableByName)]
struct Synchronous {
    #[diesel(sql_type = Integer)]
    synchronous: i32,
}

/// `(journal_mode, synchronous)` of this SQLite connection; `("postgres", 0)` on PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "PRAGMAs have no typed form")]
pub fn durability(conn: &mut Conn) -> Result<(String, i32)> {
    match conn {
        AnyConnection::Postgres(_) => Ok(("postgres".into(), 0)),
        AnyConnection::Sqlite(conn) => {
            let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode").get_result(conn)?;
            let sync: Synchronous = diesel::sql_query("PRAGMA synchronous").get_result(conn)?;
            Ok((mode.journal_mode, sync.synchronous))
        }
    }
}

#[derive(QueryableByName)]
struct Checkpointed {
    #[diesel(sql_type = Integer)]
    busy: i32,
}

/// How often a fold of the log that readers stand in the way of is tried again.
const FOLDS: u32 = 20;

/// Writes the SQLite file anew and empties its log, so that nothing of what was erased is left in either. Not
/// inside a transaction. Nothing to do on PostgreSQL.
///
/// Fails as unavailable when readers do not let go of the log.
#[expect(clippy::disallowed_methods, reason = "PRAGMAs have no typed form")]
pub fn compact(conn: &mut Conn) -> Result<()> {
    use diesel::connection::SimpleConnection;
    let AnyConnection::Sqlite(conn) = conn else { return Ok(()) };
    conn.batch_execute("VACUUM")?;
    for _ in 0..FOLDS {
        let folded: Checkpointed = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(conn)?;
        if folded.busy == 0 {
            return Ok(());
        }
    }
    Err(Error::unavailable("the write-ahead log could not be emptied: readers hold it"))
}

/// Moves what the write-ahead log holds into the SQLite file; nothing to do on PostgreSQL.
pub fn checkpoint(conn: &mut Conn) -> Result<()> {
    use diesel::connection::SimpleConnection;
    if let AnyConnection::Sqlite(conn) = conn {
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}
