//! The database: reachable, set up for durability, of a schema that is known, opened by the key, not from the future.

use super::{Findings, open};
use crate::clock::{At, Clock};
use crate::config::Config;
use crate::crypto::random::Random;
use crate::db::inspect::{self, Postgres, Schema, Settings, Sqlite};
use crate::db::{Conn, DatabaseUrl};
use crate::error::{Error, Result};
use crate::model::audit;
use crate::model::instance::{self, Opened};
use chrono::TimeDelta;

/// The oldest version of PostgreSQL that the tests run on.
const TRIED_POSTGRES: i32 = 15;
/// Two clocks may differ by so much without a word.
const SKEW: TimeDelta = TimeDelta::seconds(5);
/// Two clocks that differ by more break limits and expiries.
const WRONG: TimeDelta = TimeDelta::seconds(60);

/// Looks at the database without changing it.
pub(super) fn look(config: &Config, found: &mut Findings) {
    let url = match open::database_url(config) {
        Ok(url) => url,
        Err(failure) => return found.fail("database", failure.text),
    };
    let mut conn = match inspect::open(&url) {
        Ok(Some(conn)) => conn,
        Ok(None) => return found.warn("database", "is not there yet; the first start makes it"),
        Err(error) => return found.fail("database", format!("cannot be opened: {error}")),
    };
    match inspect::settings(&mut conn) {
        Ok(Settings::Sqlite(settings)) => sqlite(&settings, found),
        Ok(Settings::Postgres(settings)) => postgres(&settings, &url, found),
        Err(error) => return found.fail("database", format!("cannot be read: {}", cause(&error))),
    }
    match inspect::schema(&mut conn) {
        Ok(schema) if judge(&schema, found) => {}
        Ok(_) => return,
        Err(error) => return found.fail("schema", format!("cannot be read: {}", cause(&error))),
    }
    if let Err(error) = contents(config, &mut conn, found) {
        found.fail("database", format!("cannot be read: {}", cause(&error)));
    }
}

fn cause(error: &Error) -> String {
    match error {
        Error::Database(cause) => cause.to_string(),
        Error::Internal(cause) | Error::Unavailable(cause) => cause.as_str().to_owned(),
        other => other.to_string(),
    }
}

fn sqlite(settings: &Sqlite, found: &mut Findings) {
    let version = &settings.version;
    match settings.journal_mode.as_str() {
        "wal" => found.ok("database", format!("SQLite {version}, write-ahead log on")),
        other => found.warn(
            "database",
            format!("SQLite {version}, journal mode {other}; the next start switches to the write-ahead log"),
        ),
    }
    match (settings.synchronous, settings.foreign_keys) {
        (2.., 1) => found.ok("durability", "synchronous FULL, foreign keys on"),
        (synchronous, keys) => found.fail(
            "durability",
            format!("synchronous is {synchronous} instead of 2, foreign keys {keys} instead of 1: this SQLite ignores settings"),
        ),
    }
}

fn postgres(settings: &Postgres, url: &DatabaseUrl, found: &mut Findings) {
    let version = &settings.version;
    if settings.standby {
        found.fail("database", format!("PostgreSQL {version} is a standby; name the primary in DATABASE_URL"));
    } else if settings.version_number / 10_000 < TRIED_POSTGRES {
        found.warn("database", format!("PostgreSQL {version}; Credenza is tried with {TRIED_POSTGRES} and later"));
    } else {
        found.ok("database", format!("PostgreSQL {version}"));
    }
    let lost = |name: &str| format!("{name} is off: acknowledged changes are lost when the server's machine dies");
    match (settings.synchronous_commit.as_str(), settings.fsync.as_str()) {
        (_, "off") => found.warn("durability", lost("fsync")),
        ("off", _) => found.warn("durability", lost("synchronous_commit")),
        (commit, _) => found.ok("durability", format!("synchronous_commit {commit}, fsync on")),
    }
    match (&settings.tls, url.verifies_server()) {
        (Some(tls), true) => found.ok("database TLS", format!("{tls}, and the server's name is verified")),
        (Some(tls), false) => found.warn(
            "database TLS",
            format!("{tls}, but anybody could pose as the server; add sslmode=verify-full and sslrootcert"),
        ),
        (None, _) => found.ok("database TLS", "none; the server is on this machine"),
    }
    let skew = Clock::system().now().since(settings.now);
    let text = format!("differs from the database server's by {} s", skew.num_seconds());
    match skew.abs() {
        skew if skew > WRONG => found.fail("clock", format!("{text}; set both by NTP")),
        skew if skew > SKEW => found.warn("clock", format!("{text}; set both by NTP")),
        _ => found.ok("clock", text),
    }
}

/// Whether there is anything to look into.
fn judge(schema: &Schema, found: &mut Findings) -> bool {
    match schema {
        Schema { unknown: Some(unknown), .. } => found.fail(
            "schema",
            format!("was made by a newer Credenza (migration {unknown}); start that one, or restore an older backup"),
        ),
        Schema { newest: None, .. } => found.warn("schema", "is empty; the first start makes it"),
        Schema { newest: Some(newest), pending: 0, .. } => {
            found.ok("schema", format!("up to date (migration {newest})"));
            return true;
        }
        Schema { newest: Some(newest), pending, .. } => {
            found.warn("schema", format!("at migration {newest}; the next start runs {pending} more: back up first"));
        }
    }
    false
}

fn contents(config: &Config, conn: &mut Conn, found: &mut Findings) -> Result<()> {
    let random = Random::system();
    // A key that cannot be read was told already.
    if let Ok(key) = open::given_key(config) {
        match key {
            None if instance::exists(conn)? => {
                found.fail("root key", "is missing, and this database has secrets sealed under it; put it back");
            }
            None => {}
            Some(key) => match instance::peek(conn, &key, &random)? {
                Some(Opened::Ready(_)) => found.ok("root key", "opens this database"),
                Some(Opened::Refused(error)) => found.fail("root key", error.to_string()),
                None => found.warn("root key", "has nothing to open yet; the first start seals the instance under it"),
            },
        }
    }
    if let Some(newest) = audit::newest(conn)? {
        against(newest, Clock::system().now(), found);
    }
    Ok(())
}

/// The clock must not stand before what was written already.
fn against(newest: At, now: At, found: &mut Findings) {
    let ahead = newest.since(now);
    if ahead > SKEW {
        let text = format!("stands {} s before the newest audit line ({})", ahead.num_seconds(), newest.rfc3339());
        found.fail("clock", format!("{text}; set it by NTP: sessions and limits rest on it"));
    } else {
        found.ok("clock", format!("not before the newest audit line ({})", newest.rfc3339()));
    }
}

#[cfg(test)]
mod tests {
    use super::{At, DatabaseUrl, Findings, Postgres, Schema, Sqlite, against, judge, postgres, sqlite};
    use crate::cli::doctor::Level::{self, Fail, Ok, Warn};
    use crate::clock::Clock;
    use chrono::TimeDelta;

    fn levels(f: impl FnOnce(&mut Findings)) -> Vec<Level> {
        let mut found = Findings::default();
        f(&mut found);
        found.0.iter().map(|finding| finding.level).collect()
    }

    fn server() -> Postgres {
        Postgres {
            version: "15.8".into(),
            version_number: 150_008,
            synchronous_commit: "on".into(),
            fsync: "on".into(),
            standby: false,
            tls: None,
            now: Clock::system().now(),
        }
    }

    #[test]
    fn a_server_is_judged() {
        let local = DatabaseUrl::parse("postgres://localhost/x").unwrap();
        let of = |server: Postgres| levels(|found| postgres(&server, &local, found));
        assert_eq!(of(server()), [Ok, Ok, Ok, Ok]);
        assert_eq!(of(Postgres { standby: true, ..server() })[0], Fail);
        assert_eq!(of(Postgres { version_number: 140_001, ..server() })[0], Warn);
        assert_eq!(of(Postgres { synchronous_commit: "off".into(), ..server() })[1], Warn);
        assert_eq!(of(Postgres { fsync: "off".into(), ..server() })[1], Warn);
        assert_eq!(of(Postgres { tls: Some("TLSv1.3".into()), ..server() })[2], Warn, "not verified");
        let away = |seconds: i64| Clock::system().now().plus(TimeDelta::seconds(seconds));
        assert_eq!(of(Postgres { now: away(-20), ..server() })[3], Warn);
        assert_eq!(of(Postgres { now: away(300), ..server() })[3], Fail);
    }

    #[test]
    fn a_file_is_judged() {
        let file = |journal_mode: &str, synchronous, foreign_keys| {
            let settings = Sqlite { version: "3".into(), journal_mode: journal_mode.into(), synchronous, foreign_keys };
            levels(|found| sqlite(&settings, found))
        };
        assert_eq!(file("wal", 2, 1), [Ok, Ok]);
        assert_eq!(file("delete", 2, 1), [Warn, Ok]);
        assert_eq!(file("wal", 1, 1), [Ok, Fail]);
        assert_eq!(file("wal", 2, 0), [Ok, Fail]);
    }

    #[test]
    fn a_schema_is_judged() {
        let newest = || Some("20261121000000".to_owned());
        let of = |schema: Schema| levels(|found| assert_eq!(judge(&schema, found), found.0[0].level == Ok));
        assert_eq!(of(Schema { newest: newest(), pending: 0, unknown: None, ..Schema::default() }), [Ok]);
        assert_eq!(of(Schema { newest: newest(), pending: 1, unknown: None, ..Schema::default() }), [Warn]);
        assert_eq!(of(Schema { newest: None, pending: 2, unknown: None, ..Schema::default() }), [Warn]);
        assert_eq!(
            of(Schema { newest: newest(), pending: 0, unknown: Some("2999".into()), ..Schema::default() }),
            [Fail]
        );
    }

    #[test]
    fn lines_from_the_future_are_seen() {
        let now = Clock::system().now();
        let of = |newest: At| levels(|found| against(newest, now, found));
        assert_eq!(of(now), [Ok]);
        assert_eq!(of(now.plus(TimeDelta::seconds(4))), [Ok]);
        assert_eq!(of(now.plus(TimeDelta::minutes(1))), [Fail]);
    }
}
