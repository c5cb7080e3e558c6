//! Opens what commands need, in the order in which things may be refused: settings, catalogue, database, key.

use super::exit::Failure;
use super::log;
use crate::anchor::Anchor;
use crate::app::{App, Assets};
use crate::broker::door::Door;
use crate::broker::session::Sessions;
use crate::catalog::load::Catalog;
use crate::check::limits::Limits as CheckLimits;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Database, RootKeySource};
use crate::crypto::hasher::{Hasher, Settings};
use crate::crypto::keyring::Keyring;
use crate::crypto::random::Random;
use crate::crypto::root_key::{RootKey, create_key_file};
use crate::crypto::root_key_command::{self, PATIENCE};
use crate::crypto::token::SetupToken;
use crate::db::inspect::{self, Schema};
use crate::db::{DatabaseUrl, Db, MigrateError};
use crate::egress::Egress;
use crate::egress::allow::Allow;
use crate::egress::dial::Dialer;
use crate::mail::Mailer;
use crate::model::Means;
use crate::model::attempt::Limits;
use crate::model::instance::{self, Opened};
use crate::model::listed::Lists;
use crate::model::rollback::{self, Gap};
use crate::model::session;
use crate::model::user::User;
use crate::secret::Secret;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The settings, with logging switched on as they say.
pub fn config() -> Result<Config, Failure> {
    logging(Config::from_env())
}

/// The same from these variables in place of the environment's.
pub fn config_of(vars: Vec<(String, String)>) -> Result<Config, Failure> {
    logging(Config::from(vars))
}

fn logging(config: Result<Config, ConfigError>) -> Result<Config, Failure> {
    let config = config.map_err(Failure::refused)?;
    log::start(&config)?;
    Ok(config)
}

/// Runs an async command on a small runtime of its own.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Failure::refused)?;
    runtime.block_on(future)
}

/// The database and the keys.
pub struct Vault {
    /// The database.
    pub db: Db,
    /// Keys and time.
    pub means: Means,
    /// The root key that opened it.
    pub root_key: Arc<RootKey>,
    /// Anchors what the command has written down, when it ends.
    _anchored: Anchored,
}

/// On its end, the anchor is moved on to what this process has committed, but for chains that were behind it
/// from the start.
struct Anchored {
    db: Db,
    instance: String,
    anchor: Anchor,
    behind: Vec<Gap>,
}

impl Anchored {
    async fn new(config: &Config, db: &Db, keyring: &Arc<Keyring>) -> Result<Self, Failure> {
        let anchor = Anchor::within(&config.data_dir);
        let behind = match anchor.load() {
            Ok(Some(known)) => {
                let keyring = keyring.clone();
                db.read(move |conn| rollback::gaps(conn, &keyring, &known)).await?
            }
            Ok(None) | Err(_) => Vec::new(),
        };
        Ok(Self { db: db.clone(), instance: keyring.instance().to_owned(), anchor, behind })
    }
}

impl Drop for Anchored {
    fn drop(&mut self) {
        let mut heads = self.db.committed().take();
        heads.retain(|chain, _| self.behind.iter().all(|gap| gap.chain != *chain && !gap.chain.is_empty()));
        if !heads.is_empty()
            && let Err(error) = self.anchor.advance(&self.instance, &heads)
        {
            tracing::warn!("{error}");
        }
    }
}

/// Opens the database and the keys of an installation that exists, its schema brought up to date.
///
/// # Errors
/// Where there is no installation: none is made in its place, since the settings may name another database than the
/// server's.
pub async fn vault(config: &Config) -> Result<Vault, Failure> {
    let url = database_url(config)?;
    if is_empty(&url)? {
        return Err(nothing_in(&url));
    }
    made_vault(config).await
}

/// Opens the database and the keys; a new database gets an instance, and a root key where none is given.
pub async fn made_vault(config: &Config) -> Result<Vault, Failure> {
    make_data_dir(&config.data_dir)?;
    let url = database_url(config)?;
    let random = Random::system();
    let is_new = is_new(&url)?;
    // The key is judged before the database is made, so that a refused key leaves nothing behind.
    let root_key = match given_key(config)? {
        None if is_new => Some(create_key(config, &random)?),
        given => given,
    };
    let db = opened(move || Db::open(&url)).await?;
    let clock = Clock::system();
    let root_key = Arc::new(match root_key {
        Some(key) => key,
        None => unmade_key(config, &random, &db).await?,
    });
    let (unit_key, unit_random, unit_clock) = (root_key.clone(), random.clone(), clock.clone());
    let found = db.write(move |tx| instance::open(tx, &unit_key, &unit_random, &unit_clock)).await?;
    with_keys(config, db, root_key, found).await
}

/// Opens a database that exists, its schema left as it is; nothing is made where there is none. `older`: whether
/// that of an older version will do.
pub async fn existing_vault(config: &Config, older: bool) -> Result<Vault, Failure> {
    let url = database_url(config)?;
    if is_new(&url)? {
        return Err(nothing_in(&url));
    }
    let root_key = Arc::new(needed_key(config)?);
    let db = opened(move || Db::attach(&url)).await?;
    let found = match db.read(inspect::schema).await? {
        Schema { unknown: Some(version), .. } => return Err(Failure::refused(MigrateError::Newer(version))),
        Schema { newest: None, .. } => None,
        Schema { pending: 1.., .. } if !older => {
            return Err(Failure::refused(
                "The database is of an older version. Start the server once, which brings it up to date.",
            ));
        }
        _ => {
            let unit_key = root_key.clone();
            db.read(move |conn| instance::peek(conn, &unit_key, &Random::system())).await?
        }
    };
    let found = found.ok_or_else(|| Failure::refused("The database holds no installation of Credenza."))?;
    with_keys(config, db, root_key, found).await
}

fn nothing_in(url: &DatabaseUrl) -> Failure {
    Failure::refused(format!(
        "There is no installation of Credenza in {url:?}. See with “credenza config explain” whether the settings are \
         those of the server; a new installation is made by “credenza setup”, or by starting the server."
    ))
}

async fn opened(open: impl FnOnce() -> Result<Db, MigrateError> + Send + 'static) -> Result<Db, Failure> {
    tokio::task::spawn_blocking(open).await.map_err(Failure::refused)?.map_err(Failure::refused)
}

async fn with_keys(config: &Config, db: Db, root_key: Arc<RootKey>, found: Opened) -> Result<Vault, Failure> {
    let keyring: Arc<Keyring> = match found {
        Opened::Ready(keyring) => Arc::from(keyring),
        Opened::Refused(error) => return Err(Failure::key(error)),
    };
    say_damaged(&keyring);
    let _anchored = Anchored::new(config, &db, &keyring).await?;
    Ok(Vault { db, means: Means { keyring, clock: Clock::system() }, root_key, _anchored })
}

/// What an older instance root opened is unreadable then; everything else works.
pub fn say_damaged(keyring: &Keyring) {
    for version in keyring.damaged() {
        tracing::error!(version, label = keyring.label(), "an older instance root is damaged and left out");
    }
}

fn make_data_dir(path: &Path) -> Result<(), Failure> {
    let refused = |error| Failure::refused(format!("The data directory {} cannot be made: {error}", path.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(refused)
}

/// The address of the database.
pub fn database_url(config: &Config) -> Result<DatabaseUrl, Failure> {
    match &config.database {
        Database::Sqlite(path) => Ok(DatabaseUrl::Sqlite(path.clone())),
        Database::Postgres(url) => DatabaseUrl::parse(url.expose()).map_err(Failure::refused),
    }
}

/// Whether there is certainly no instance yet; of a PostgreSQL database only its tables can tell.
pub fn is_new(url: &DatabaseUrl) -> Result<bool, Failure> {
    match url {
        DatabaseUrl::Sqlite(path) => match path.metadata() {
            Ok(found) => Ok(found.len() == 0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Failure::refused(format!("{} cannot be read: {error}", path.display()))),
        },
        DatabaseUrl::Postgres(_) => Ok(false),
    }
}

/// Whether there is no instance in the database. One that cannot be opened is left to what opens it.
pub fn is_empty(url: &DatabaseUrl) -> Result<bool, Failure> {
    if is_new(url)? {
        return Ok(true);
    }
    let Ok(Some(mut conn)) = inspect::open(url) else { return Ok(false) };
    Ok(inspect::schema(&mut conn)?.newest.is_none() || !instance::exists(&mut conn)?)
}

/// The given key, or the one in the data directory; `None` if there is none there.
pub fn given_key(config: &Config) -> Result<Option<RootKey>, Failure> {
    match &config.root_key {
        RootKeySource::File(path) => RootKey::from_file(path).map(Some).map_err(Failure::key),
        RootKeySource::Value(text) => RootKey::from_base64(text.expose()).map(Some).map_err(Failure::key),
        RootKeySource::Command(argv) => from_command(argv).map(Some),
        RootKeySource::Created(path) if path.exists() => RootKey::from_file(path).map(Some).map_err(Failure::key),
        RootKeySource::Created(_) => Ok(None),
    }
}

/// The key that a command prints; while it fails it is tried again for a minute.
pub fn from_command(argv: &[String]) -> Result<RootKey, Failure> {
    root_key_command::root_key(argv, PATIENCE, |error, pause| {
        eprintln!("credenza: {error}; trying again in {} s", pause.as_secs());
    })
    .map_err(Failure::key)
}

/// The given key, for a command that makes none.
pub fn needed_key(config: &Config) -> Result<RootKey, Failure> {
    given_key(config)?.ok_or_else(|| missing_key(config))
}

fn create_key(config: &Config, random: &Random) -> Result<RootKey, Failure> {
    match &config.root_key {
        RootKeySource::Created(path) => create_key_file(random, path).map_err(Failure::key),
        _ => Err(Failure::key("there is no root key")),
    }
}

fn missing_key(config: &Config) -> Failure {
    let path = config.data_dir.join("root.key");
    Failure::key(format!(
        "This database has secrets, and its root key is missing: {} is not there. Put it back, or name it in CREDENZA_ROOT_KEY_FILE.",
        path.display()
    ))
}

/// No key was found beside a database that exists: made only if no instance was ever sealed under one.
async fn unmade_key(config: &Config, random: &Random, db: &Db) -> Result<RootKey, Failure> {
    if db.read(instance::exists).await? { Err(missing_key(config)) } else { create_key(config, random) }
}

/// The catalogue, the operator's own files included.
pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    Catalog::load(config.catalog_dir.as_deref()).map_err(Failure::refused)
}

/// The way outward.
pub fn egress(config: &Config) -> Result<Egress, Failure> {
    let allow = Allow::parse(&config.egress_allow.join(",")).map_err(Failure::refused)?;
    let dialer = Dialer::system(config.egress_ca_file.as_deref()).map_err(Failure::refused)?;
    Ok(Egress::new(dialer, allow).keeping_from(config.listen.port()))
}

/// Everything that serving needs. The second value is the setup token, while nobody exists.
pub async fn app(
    config: Config,
    vault: Vault,
    catalog: Arc<Catalog>,
    egress: Egress,
    assets: Assets,
) -> Result<(App, Option<Secret>), Failure> {
    let Vault { db, means, .. } = vault;
    let random = means.keyring.random().clone();
    let hasher = Hasher::start(Settings::for_machine(), means.keyring.peppers(), random.clone())?;
    let setup = match db.read(User::any).await? {
        true => None,
        false => Some(SetupToken::new(&random)?),
    };
    let (setup, token) = setup.unzip();
    let check_limits = CheckLimits::new(means.clock.clone());
    let door = Door::new(means.clock.clone());
    let mailer = Mailer::new(&config).map_err(Failure::refused)?;
    let app = App {
        config,
        db,
        means,
        catalog,
        egress,
        mailer,
        check_limits,
        door,
        hasher,
        setup,
        limits: Limits::default(),
        denials: AtomicU64::new(0),
        lists: Lists::default(),
        visitors: session::visitors(),
        sessions: Sessions::default(),
        assets,
        demo: false,
        consent_page: None,
    };
    Ok((app, token))
}

/// A hasher for the commands that store a password.
pub fn hasher(means: &Means) -> Result<Hasher, Failure> {
    Ok(Hasher::start(Settings::for_machine(), means.keyring.peppers(), means.keyring.random().clone())?)
}
