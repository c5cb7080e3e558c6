//! The only place that asks which database it is.

use super::{AnyConnection, Conn};
use crate::error::Result;
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

/// Moves what the write-ahead log holds into the SQLite file; nothing to do on PostgreSQL.
pub fn checkpoint(conn: &mut Conn) -> Result<()> {
    use diesel::connection::SimpleConnection;
    if let AnyConnection::Sqlite(conn) = conn {
        conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}
