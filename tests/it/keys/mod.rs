//! Keys, backups and the anchor: what the operator does at the shell, beside a server that goes on.
#![cfg(test)]

mod backup;
mod ceremony;
mod command;
mod drills;
mod golden;
mod killed;
mod lost;
mod rollback;
pub mod rotation;
mod storm;

use crate::support::app::{ROOT_KEY, TestApp, catalog};
use crate::support::program::{Home, told};
use chrono::TimeDelta;
use credenza::catalog::destination;
use credenza::catalog::form::Values;
use credenza::clock::{At, Clock};
use credenza::crypto::random::Random;
use credenza::crypto::root_key::RootKey;
use credenza::db::schema::{credential_versions as versions, credentials, workspace_keys};
use credenza::db::{AnyConnection, Conn, Db};
use credenza::id::Id;
use credenza::model::Means;
use credenza::model::credential::{Badge, Credential, Environment};
use credenza::model::credential_change::{self, Content, Details, Kind, NewCredential, Saved};
use credenza::model::drill::{self, Counts};
use credenza::model::instance::{self, Opened};
use credenza::model::permission::Allowed;
use credenza::model::version::{Version, VersionState};
use credenza::model::workspace::Workspace;
use credenza::report::{Outcome, Report};
use credenza::secret::Secret;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

/// Another root key than the tests' usual one.
const OTHER_KEY: &str = "u0Jq1m0K5cV0ZkJbq9yX2nHt7sLwPf3RdA8eGiO6TzE=";

/// A database looked at from inside, with its keys.
struct Inside {
    db: Db,
    means: Means,
}

impl Inside {
    /// The database of a home, with the root key in its data directory.
    fn of(home: &Home) -> Self {
        let key = RootKey::from_file(&home.data().join("root.key")).expect("the root key");
        Self::with(Db::attach(&home.url()).expect("a database"), &mut home.connect(), &key)
    }

    fn with(db: Db, conn: &mut Conn, key: &RootKey) -> Self {
        let found = instance::peek(conn, key, &Random::system()).expect("an instance");
        let Some(Opened::Ready(keyring)) = found else { panic!("the keys do not open") };
        Self { db, means: Means { keyring: Arc::from(keyring), clock: Clock::system() } }
    }

    async fn read<T, F>(&self, unit: F) -> T
    where
        T: Send + 'static,
        F: FnMut(&mut Conn) -> credenza::error::Result<T> + Send + 'static,
    {
        self.db.read(unit).await.expect("a reading unit")
    }

    /// Stores so many credentials in the workspace `acme`, in one transaction.
    async fn fill(&self, prefix: &str, number: usize) {
        let workspace = self.read(|conn| Workspace::find(conn, "acme")).await.expect("acme").id;
        let prefix = prefix.to_owned();
        let (means, allowed) = (self.means.clone(), Allowed::operator(workspace));
        let all = move |tx: &mut credenza::db::Tx<'_>| {
            for n in 0..number {
                let name = format!("{prefix} {n}");
                let saved = credential_change::create(tx, &means, &allowed, &webhook(&name, &secret_of(&name)))?;
                assert!(matches!(saved, Saved::Done), "{saved:?}");
            }
            Ok(())
        };
        self.db.write(all).await.expect("credentials");
    }

    /// Every secret in use, by the name of its credential; fails on one that does not open.
    async fn secrets(&self) -> BTreeMap<String, String> {
        let means = self.means.clone();
        self.read(move |conn| Ok(secrets(conn, &means))).await
    }

    /// What a drill finds, and what it went through.
    async fn drill(&self) -> (Vec<String>, Counts) {
        let means = self.means.clone();
        self.read(move |conn| {
            let mut faults = Vec::new();
            let counts = drill::run(conn, &means, &mut |fault| faults.push(fault.to_string()))?;
            Ok((faults, counts))
        })
        .await
    }
}

/// The secret of a credential that [`Inside::fill`] made.
fn secret_of(name: &str) -> String {
    format!("a signing secret for {name}")
}

fn webhook(name: &str, secret: &str) -> NewCredential {
    let (_, method) = catalog().method("website", "webhook").map(|(i, m)| (i.clone(), m.clone())).expect("a method");
    let values = Values {
        plain: BTreeMap::from([("url".to_owned(), "https://www.example.com/hook".to_owned())]),
        secret: BTreeMap::from([("signing_secret".to_owned(), Secret::new(secret.to_owned()))]),
    };
    let text = str::to_owned;
    NewCredential {
        id: Id::new(),
        consent: None,
        kind: Kind { integration: text("website"), service: text("Website"), method: text("webhook") },
        details: Details {
            name: name.to_owned(),
            environment: Environment::None,
            description: String::new(),
            tags: Vec::new(),
        },
        content: Content {
            destination: destination::destination(&method, &values.plain),
            place: String::new(),
            badge: Badge::None,
            changed: Vec::new(),
            values,
        },
        report: Report {
            outcome: Outcome::Untested,
            code: String::new(),
            hint: String::new(),
            steps: Vec::new(),
            identity: None,
            ms: 0,
            connected: false,
            fingerprint: None,
        },
    }
}

/// Every secret in use, by the name of its credential, opened one by one.
fn secrets(conn: &mut Conn, means: &Means) -> BTreeMap<String, String> {
    let rows: Vec<Credential> = credentials::table.select(Credential::as_select()).load(conn).expect("credentials");
    let of = |conn: &mut Conn, row: &Credential| {
        let version = Version::get(conn, &row.workspace_id, &row.id, row.live_version).expect("a version");
        let opened = version.open(conn, means, row.seal_place()).expect("it opens");
        opened.into_values().next().map(|secret| secret.expose().to_owned()).unwrap_or_default()
    };
    rows.iter().map(|row| (row.name.clone(), of(conn, row))).collect()
}

/// The keys of a workspace by number: state, and how long what is wrapped is.
fn keys(conn: &mut Conn, slug: &str) -> Vec<(i32, String, usize)> {
    let workspace = Workspace::find(conn, slug).expect("a query").expect("a workspace").id;
    let rows: Vec<(i32, String, Vec<u8>)> = workspace_keys::table
        .filter(workspace_keys::workspace_id.eq(workspace))
        .order(workspace_keys::version)
        .select((workspace_keys::version, workspace_keys::state, workspace_keys::wrapped))
        .load(conn)
        .expect("keys");
    rows.into_iter().map(|(version, state, wrapped)| (version, state, wrapped.len())).collect()
}

/// The key numbers that something is sealed under, each with how many.
fn sealed_under(conn: &mut Conn) -> BTreeMap<i32, usize> {
    let rows: Vec<i32> =
        versions::table.filter(versions::sealed.is_not_null()).select(versions::key_version).load(conn).expect("rows");
    rows.into_iter().fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// The sealed bytes of every version in use.
fn blobs(conn: &mut Conn) -> Vec<Vec<u8>> {
    versions::table
        .filter(versions::state.eq(VersionState::Live))
        .select(versions::sealed.assume_not_null())
        .load(conn)
        .expect("blobs")
}

/// Runs SQL past the program.
pub fn execute(conn: &mut AnyConnection, sql: &str) {
    conn.batch_execute(sql).expect(sql);
}

/// The program with the database and the keys of a console in this process: exit code and all it printed.
pub fn shell(app: &TestApp, args: &[&str]) -> (Option<i32>, String) {
    told(&mut shell_command(app, args))
}

fn shell_command(app: &TestApp, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_credenza"));
    command
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CREDENZA_DATA_DIR", app.dir.path())
        .env("CREDENZA_LISTEN", "127.0.0.1:0")
        .env("CREDENZA_LOG", "error")
        .env("DATABASE_URL", &app.database.url)
        .env("CREDENZA_ROOT_KEY", ROOT_KEY);
    command
}

/// A root key in a file of its own.
fn key_file(dir: &std::path::Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    path.display().to_string()
}

/// So many days before now.
fn days_ago(days: i64) -> At {
    Clock::system().now().plus(-TimeDelta::days(days))
}
