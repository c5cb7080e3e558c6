//! Opens what commands need, in the order in which things may be refused: settings, catalogue, database, key.

use super::exit::Failure;
use crate::app::{App, Assets};
use crate::catalog::load::Catalog;
use crate::check::limits::Limits as CheckLimits;
use crate::clock::Clock;
use crate::config::{Config, Database, LogFormat, RootKeySource};
use crate::crypto::hasher::{Hasher, Settings};
use crate::crypto::random::Random;
use crate::crypto::root_key::{RootKey, create_key_file};
use crate::crypto::token::SetupToken;
use crate::db::{DatabaseUrl, Db};
use crate::egress::Egress;
use crate::egress::allow::Allow;
use crate::egress::dial::Dialer;
use crate::model::Means;
use crate::model::attempt::Limits;
use crate::model::instance::{self, Opened};
use crate::model::listed::Lists;
use crate::model::user::User;
use crate::secret::Secret;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tracing_subscriber::EnvFilter;

/// The settings, with logging switched on as they say.
pub fn config() -> Result<Config, Failure> {
    let config = Config::from_env().map_err(Failure::refused)?;
    start_log(&config)?;
    Ok(config)
}

fn start_log(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log).map_err(Failure::refused)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match config.log_format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(Failure::refused)
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
}

/// Opens the database and the keys; a new database gets an instance, and a root key where none is given.
pub async fn vault(config: &Config) -> Result<Vault, Failure> {
    make_data_dir(&config.data_dir)?;
    let url = database_url(config)?;
    let random = Random::system();
    let is_new = is_new(&url)?;
    // The key is judged before the database is made, so that a refused key leaves nothing behind.
    let root_key = root_key(config, &random, is_new)?;
    let db = tokio::task::spawn_blocking(move || Db::open(&url))
        .await
        .map_err(Failure::refused)?
        .map_err(Failure::refused)?;
    let clock = Clock::system();
    let root_key = match root_key {
        Some(key) => key,
        None => unmade_key(config, &random, &db).await?,
    };
    let (unit_random, unit_clock) = (random.clone(), clock.clone());
    let opened = db.write(move |tx| instance::open(tx, &root_key, &unit_random, &unit_clock)).await?;
    match opened {
        Opened::Ready(keyring) => Ok(Vault { db, means: Means { keyring: Arc::from(keyring), clock } }),
        Opened::Refused(error) => Err(Failure::key(error)),
    }
}

fn make_data_dir(path: &Path) -> Result<(), Failure> {
    let refused = |error| Failure::refused(format!("The data directory {} cannot be made: {error}", path.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(refused)
}

fn database_url(config: &Config) -> Result<DatabaseUrl, Failure> {
    match &config.database {
        Database::Sqlite(path) => Ok(DatabaseUrl::Sqlite(path.clone())),
        Database::Postgres(url) => DatabaseUrl::parse(url.expose()).map_err(Failure::refused),
    }
}

/// Whether there is certainly no instance yet; of a PostgreSQL database only its tables can tell.
fn is_new(url: &DatabaseUrl) -> Result<bool, Failure> {
    match url {
        DatabaseUrl::Sqlite(path) => match path.metadata() {
            Ok(found) => Ok(found.len() == 0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(Failure::refused(format!("{} cannot be read: {error}", path.display()))),
        },
        DatabaseUrl::Postgres(_) => Ok(false),
    }
}

/// The given key, or the one in the data directory; `None` where the database must be asked first.
fn root_key(config: &Config, random: &Random, is_new: bool) -> Result<Option<RootKey>, Failure> {
    match &config.root_key {
        RootKeySource::File(path) => RootKey::from_file(path).map(Some).map_err(Failure::key),
        RootKeySource::Value(text) => RootKey::from_base64(text.expose()).map(Some).map_err(Failure::key),
        RootKeySource::Created(path) if path.exists() => RootKey::from_file(path).map(Some).map_err(Failure::key),
        RootKeySource::Created(path) if is_new => create_key_file(random, path).map(Some).map_err(Failure::key),
        RootKeySource::Created(_) => Ok(None),
    }
}

/// No key was found beside a database that exists: made only if no instance was ever sealed under one.
async fn unmade_key(config: &Config, random: &Random, db: &Db) -> Result<RootKey, Failure> {
    let RootKeySource::Created(path) = &config.root_key else {
        return Err(Failure::key("there is no root key"));
    };
    if db.read(instance::exists).await? {
        return Err(Failure::key(format!(
            "This database has secrets, and its root key is missing: {} is not there. Put it back, or name it in CREDENZA_ROOT_KEY_FILE.",
            path.display()
        )));
    }
    create_key_file(random, path).map_err(Failure::key)
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
    catalog: Catalog,
    egress: Egress,
    assets: Assets,
) -> Result<(App, Option<Secret>), Failure> {
    let Vault { db, means } = vault;
    let random = means.keyring.random().clone();
    let hasher = Hasher::start(Settings::for_machine(), means.keyring.peppers(), random.clone())?;
    let setup = match db.read(User::any).await? {
        true => None,
        false => Some(SetupToken::new(&random)?),
    };
    let (setup, token) = setup.unzip();
    let check_limits = CheckLimits::new(means.clock.clone());
    let app = App {
        config,
        db,
        means,
        catalog: Arc::new(catalog),
        egress,
        check_limits,
        hasher,
        setup,
        limits: Limits::default(),
        denials: AtomicU64::new(0),
        lists: Lists::default(),
        assets,
    };
    Ok((app, token))
}

/// A hasher for the commands that store a password.
pub fn hasher(means: &Means) -> Result<Hasher, Failure> {
    Ok(Hasher::start(Settings::for_machine(), means.keyring.peppers(), means.keyring.random().clone())?)
}
