//! Looks at a database without changing it, for `credenza doctor`.

use super::{AnyConnection, Conn, DatabaseUrl, migrate};
use crate::clock::At;
use crate::error::{Error, Result};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};
use std::collections::BTreeSet;

/// How the database is set up.
#[derive(Debug)]
pub enum Settings {
    /// A file.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

/// What SQLite says of the file and of a connection with our settings.
#[derive(Debug, QueryableByName)]
pub struct Sqlite {
    /// The version of the library.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// `wal` from the first start on.
    #[diesel(sql_type = Text)]
    pub journal_mode: String,
    /// 2 is FULL.
    #[diesel(sql_type = Integer)]
    pub synchronous: i32,
    /// 1 is on.
    #[diesel(sql_type = Integer)]
    pub foreign_keys: i32,
}

/// What a PostgreSQL server says of itself and of our connection.
#[derive(Debug, QueryableByName)]
pub struct Postgres {
    /// Such as `15.8`.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Such as 150008.
    #[diesel(sql_type = Integer)]
    pub version_number: i32,
    /// `off` loses what was acknowledged when the server's machine dies.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// `off` may damage the whole database when the server's machine dies.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Whether the server only follows another one.
    #[diesel(sql_type = Bool)]
    pub standby: bool,
    /// The version of TLS of our connection, if it is encrypted.
    #[diesel(sql_type = Nullable<Text>)]
    pub tls: Option<String>,
    /// The server's clock.
    #[diesel(sql_type = Timestamp)]
    pub now: At,
}

/// How the schema stands to what this program knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration that was applied; none in an empty database.
    pub newest: Option<String>,
    /// Known and not applied yet: the next start does that.
    pub pending: usize,
    /// The first of these.
    pub next: Option<String>,
    /// Applied by a newer program: this one refuses to start.
    pub unknown: Option<String>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Opens a connection that cannot write; `None` where SQLite's file is not there yet.
///
/// # Errors
/// When there is something and it cannot be opened or reached.
pub fn open(url: &DatabaseUrl) -> Result<Option<Conn>, diesel::ConnectionError> {
    match url {
        DatabaseUrl::Sqlite(path) => match path.try_exists() {
            Ok(true) => url.connect_to_look().map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(diesel::ConnectionError::BadConnection(error.to_string())),
        },
        DatabaseUrl::Postgres(_) => url.connect_to_look().map(Some),
    }
}

/// The settings that durability and safety rest on.
#[expect(clippy::disallowed_methods, reason = "settings have no typed form")]
pub fn settings(conn: &mut Conn) -> Result<Settings> {
    match conn {
        AnyConnection::Sqlite(conn) => {
            let query = "SELECT sqlite_version() AS version, journal_mode, synchronous, foreign_keys \
                         FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys";
            Ok(Settings::Sqlite(diesel::sql_query(query).get_result(conn)?))
        }
        AnyConnection::Postgres(conn) => {
            let query = "SELECT current_setting('server_version') AS version, \
                         current_setting('server_version_num')::int AS version_number, \
                         current_setting('synchronous_commit') AS synchronous_commit, \
                         current_setting('fsync') AS fsync, pg_is_in_recovery() AS standby, \
                         (SELECT s.version FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid() AND s.ssl) AS tls, \
                         clock_timestamp() AT TIME ZONE 'UTC' AS now";
            Ok(Settings::Postgres(diesel::sql_query(query).get_result(conn)?))
        }
    }
}

/// Which migrations were applied, and which are known.
#[expect(clippy::disallowed_methods, reason = "the table of migrations is not in our schema")]
pub fn schema(conn: &mut Conn) -> Result<Schema> {
    let known = migrate::known(conn).map_err(Error::internal)?;
    let tables = match conn {
        AnyConnection::Sqlite(_) => "SELECT count(*) AS n FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
        AnyConnection::Postgres(_) => {
            "SELECT count(*) AS n FROM pg_class WHERE relname = '__diesel_schema_migrations' AND pg_table_is_visible(oid)"
        }
    };
    let applied: BTreeSet<String> = match diesel::sql_query(tables).get_result::<Count>(conn)?.n {
        0 => BTreeSet::new(),
        _ => {
            let rows = diesel::sql_query("SELECT version FROM __diesel_schema_migrations").load::<Version>(conn)?;
            rows.into_iter().map(|row| row.version).collect()
        }
    };
    Ok(Schema {
        newest: applied.last().cloned(),
        next: known.difference(&applied).next().cloned(),
        pending: known.difference(&applied).count(),
        unknown: applied.difference(&known).next().cloned(),
    })
}
