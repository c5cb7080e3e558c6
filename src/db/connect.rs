//! Connecting by the scheme of the address, with the settings that durability rests on.

use super::AnyConnection;
use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection, SqliteConnection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::fmt;
use std::path::{Path, PathBuf};

/// What must not stand as it is in the path of a `file:` address (SQLite, “Uniform Resource Identifiers”).
const IN_ADDRESS: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');

/// Where the data lies: `sqlite://PATH` or `postgres://…`.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file on a local disk.
    Sqlite(PathBuf),
    /// A libpq address.
    Postgres(String),
}

/// Why an address of a database is refused.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// Neither of the two schemes.
    #[error("DATABASE_URL must begin with sqlite:// or postgres://")]
    Scheme,
    /// No path behind `sqlite://`.
    #[error("DATABASE_URL names no file: write sqlite:///path/to/credenza.db")]
    NoPath,
    /// The address cannot be read.
    #[error("DATABASE_URL cannot be read as a PostgreSQL address: a sign such as % in a password is written %25")]
    Unreadable,
    /// A server elsewhere would be spoken to in clear text.
    #[error(
        "DATABASE_URL leads off this machine without encryption: add sslmode=verify-full and use a build with the pg-tls feature"
    )]
    Unencrypted,
}

/// Settings of each SQLite connection. Each PRAGMA alone: a failing one must not swallow those behind it.
const SETTINGS: [&str; 8] = [
    "PRAGMA busy_timeout = 5000",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA cache_size = -16384",
];

impl fmt::Debug for DatabaseUrl {
    /// Without the password that a PostgreSQL address may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl DatabaseUrl {
    /// Reads an address and refuses one that would send data in clear text off this machine.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return if path.is_empty() { Err(UrlError::NoPath) } else { Ok(Self::Sqlite(path.into())) };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let url = url::Url::parse(text).ok().filter(|_| escapes_are_sound(text)).ok_or(UrlError::Unreadable)?;
        let option = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let host = option("host").or_else(|| url.host_str().map(str::to_owned)).unwrap_or_default();
        let local = host.is_empty()
            || host.starts_with('/')
            || host.starts_with("%2F")
            || matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1" | "[::1]");
        let encrypted = matches!(option("sslmode").as_deref(), Some("require" | "verify-ca" | "verify-full"));
        if local || (encrypted && cfg!(feature = "pg-tls")) {
            Ok(Self::Postgres(text.to_owned()))
        } else {
            Err(UrlError::Unencrypted)
        }
    }

    /// Whether a connection proves that it leads to the server it names.
    pub fn verifies_server(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(text) => url::Url::parse(text)
                .is_ok_and(|url| url.query_pairs().any(|(key, value)| key == "sslmode" && value == "verify-full")),
        }
    }

    /// Opens a connection that may write.
    pub fn connect(&self) -> Result<AnyConnection, ConnectionError> {
        match self {
            Self::Postgres(url) => {
                let mut conn = PgConnection::establish(url)?;
                conn.batch_execute("SET TIME ZONE 'UTC'").map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(AnyConnection::Postgres(conn))
            }
            Self::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(text_of(path)?)?;
                set(&mut conn, &SETTINGS)?;
                set(&mut conn, &["PRAGMA journal_mode = WAL"])?;
                Ok(AnyConnection::Sqlite(conn))
            }
        }
    }

    /// Opens a connection that only looks: it makes no file, changes no setting that lasts, and cannot write.
    pub fn connect_to_look(&self) -> Result<AnyConnection, ConnectionError> {
        match self {
            Self::Postgres(_) => {
                let mut conn = self.connect()?;
                if let AnyConnection::Postgres(conn) = &mut conn {
                    conn.batch_execute("SET default_transaction_read_only = on")
                        .map_err(ConnectionError::CouldntSetupConfiguration)?;
                }
                Ok(conn)
            }
            Self::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&address(text_of(path)?, "mode=ro"))?;
                set(&mut conn, &SETTINGS)?;
                Ok(AnyConnection::Sqlite(conn))
            }
        }
    }

    /// As [`DatabaseUrl::connect_to_look`], at one state of a PostgreSQL database for as long as it is open. A
    /// SQLite file is opened so by [`super::file::open_still`].
    pub fn connect_to_one_state(&self) -> Result<AnyConnection, ConnectionError> {
        let mut conn = self.connect_to_look()?;
        if let AnyConnection::Postgres(conn) = &mut conn {
            conn.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(conn)
    }

    /// Opens a connection for reading units: on SQLite it cannot write.
    pub fn connect_for_reading(&self) -> Result<AnyConnection, ConnectionError> {
        let mut conn = self.connect()?;
        if let AnyConnection::Sqlite(conn) = &mut conn {
            conn.batch_execute("PRAGMA query_only = ON").map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        Ok(conn)
    }
}

/// Whether each `%` begins an escape of another sign than NUL. The library that takes the address quotes what it
/// cannot read in its error, and that may be the password.
fn escapes_are_sound(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit) && two != b"00")
    })
}

/// A path with parameters, as SQLite reads an address: no character of the path is taken for one of them.
pub(super) fn address(path: &str, parameters: &str) -> String {
    format!("file:{}?{parameters}", utf8_percent_encode(path, IN_ADDRESS))
}

fn text_of(path: &Path) -> Result<&str, ConnectionError> {
    path.to_str().ok_or_else(|| ConnectionError::BadConnection("path is not UTF-8".into()))
}

fn set(conn: &mut SqliteConnection, pragmas: &[&str]) -> Result<(), ConnectionError> {
    pragmas.iter().try_for_each(|pragma| conn.batch_execute(pragma).map_err(ConnectionError::CouldntSetupConfiguration))
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, UrlError};

    #[test]
    fn schemes_and_clear_text() {
        assert!(matches!(DatabaseUrl::parse("sqlite:///x/y.db"), Ok(DatabaseUrl::Sqlite(_))));
        assert!(matches!(DatabaseUrl::parse("sqlite://"), Err(UrlError::NoPath)));
        assert!(matches!(DatabaseUrl::parse("/x/y.db"), Err(UrlError::Scheme)));
        assert!(matches!(DatabaseUrl::parse("postgres://a:b@localhost/c"), Ok(DatabaseUrl::Postgres(_))));
        assert!(matches!(DatabaseUrl::parse("postgres:///c?host=/run/postgresql"), Ok(DatabaseUrl::Postgres(_))));
        assert!(matches!(DatabaseUrl::parse("postgres://a:b@db.example/c"), Err(UrlError::Unencrypted)));
        for bad in ["postgres://a:b%@localhost/c", "postgres://a:b%zz@localhost/c", "postgres://a:%00@localhost/c"] {
            assert!(matches!(DatabaseUrl::parse(bad), Err(UrlError::Unreadable)), "{bad}");
        }
        assert!(DatabaseUrl::parse("postgres://a:b%25%2f@localhost/c").is_ok());
        let shown = format!("{:?}", DatabaseUrl::parse("postgres://a:hunter2@localhost/c"));
        assert!(!shown.contains("hunter2"));
    }
}
