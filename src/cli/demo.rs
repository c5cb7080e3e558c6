//! `credenza demo`: a throw-away workspace in a directory of its own, in front of imitated services.

use super::exit::{Exit, Failure};
use super::open;
use crate::config::Config;
use crate::crypto::random::Random;
use crate::crypto::root_key::create_key_file;
use crate::demo::consent_page::ConsentPage;
use crate::demo::scene::Scene;
use crate::demo::seed::seed;
use crate::demo::stand_in::StandIn;
use crate::demo::words::WORDS;
use crate::egress::Egress;
use crate::egress::allow::Allow;
use crate::error::Result;
use crate::secret::Secret;
use crate::{server, web::static_files};
use actix_web::web;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What of the environment counts in a demo. The rest would lead to data, keys or networks of somebody, or to mail.
const HEARD: [&str; 8] = [
    "CREDENZA_LISTEN",
    "CREDENZA_PUBLIC_URL",
    "CREDENZA_INSECURE_HTTP",
    "CREDENZA_TRUSTED_PROXIES",
    "CREDENZA_SUPPORT_CONTACT",
    "CREDENZA_CATALOG_DIR",
    "CREDENZA_LOG",
    "CREDENZA_LOG_FORMAT",
];

/// Makes everything anew, prints where it is and how to sign in, serves until told to stop, and leaves nothing.
pub fn demo(ungranted: &[String]) -> std::result::Result<Exit, Failure> {
    let system = actix_web::rt::System::new();
    let done = system.block_on(async {
        // Heard before there is anything to remove.
        let mut stops = stops().map_err(Failure::refused)?;
        let home = tempfile::Builder::new().prefix("credenza-demo-").tempdir().map_err(Failure::refused)?;
        let ended = run(home.path(), &mut stops, ungranted).await;
        remove(home)?;
        ended.map(|()| Exit::Fine)
    });
    // As after serving: what is still under way has nothing left to write to.
    std::mem::forget(system);
    done
}

async fn run(home: &Path, stops: &mut Stops, ungranted: &[String]) -> std::result::Result<(), Failure> {
    let (config, unheard) = settings(home)?;
    for sentence in ungranted {
        tracing::warn!("{sentence}");
    }
    for name in unheard {
        println!("{name} is set, and the demo does not use it.");
    }
    let ready = tokio::select! {
        ready = prepare(config) => ready?,
        () = stops.any() => return Ok(()),
    };
    announce(&ready, home);
    let Ready { app, listener, services: _services, .. } = ready;
    // At once: there is nothing to keep, and nobody to keep it for.
    tokio::select! {
        done = server::serve(app, listener, None) => done.map_err(Failure::refused),
        () = stops.any() => Ok(()),
    }
}

/// The settings for a demo in this directory, and the names of the variables that do not count.
fn settings(home: &Path) -> std::result::Result<(Config, Vec<String>), Failure> {
    let ours = |name: &str| name.starts_with("CREDENZA_") || name.starts_with("DATABASE_URL");
    let (mut vars, rest): (Vec<_>, Vec<_>) = std::env::vars().partition(|(name, _)| HEARD.contains(&name.as_str()));
    // Beside the data, not in it: the rule for an https address holds for a demo, too.
    let key = home.join("root.key");
    create_key_file(&Random::system(), &key).map_err(Failure::key)?;
    vars.push(("CREDENZA_ROOT_KEY_FILE".to_owned(), key.display().to_string()));
    vars.push(("CREDENZA_DATA_DIR".to_owned(), home.join("data").display().to_string()));
    let config = open::config_of(vars)?;
    Ok((config, rest.into_iter().map(|(name, _)| name).filter(|name| ours(name)).collect()))
}

/// A demo that can be served.
struct Ready {
    app: web::Data<crate::app::App>,
    listener: TcpListener,
    services: (StandIn, ConsentPage),
    scene: Arc<Scene>,
    password: Secret,
}

async fn prepare(mut config: Config) -> std::result::Result<Ready, Failure> {
    let listener = TcpListener::bind(config.listen)
        .map_err(|error| Failure::refused(format!("Cannot listen on {}: {error}", config.listen)))?;
    config.listening_on(listener.local_addr().map_err(Failure::refused)?);
    let catalog = Arc::new(open::catalog(&config)?);
    let vault = open::made_vault(&config).await?;
    let services = StandIn::start(&catalog, None).await?;
    let password = password(vault.means.keyring.random())?;
    let hasher = open::hasher(&vault.means)?;
    let scene = seed(&catalog, &services, &vault.db, &vault.means, (&hasher, &password)).await?;
    let egress = Egress::new(services.dialer()?, Allow::default()).keeping_from(config.listen.port());
    let assets = static_files::write_out(&config.data_dir, &catalog).map_err(Failure::refused)?;
    let (mut app, _) = open::app(config, vault, catalog, egress, assets).await?;
    app.demo = true;
    let consents = ConsentPage::start().await?;
    app.consent_page = Some(consents.address());
    Ok(Ready { app: web::Data::new(app), listener, services: (services, consents), scene, password })
}

/// Sixteen characters that are easy to tell apart and to type: 80 random bits.
fn password(random: &Random) -> Result<Secret> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = random.key_bytes()?;
    let groups = bytes
        .chunks(4)
        .take(4)
        .map(|group| group.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect::<String>());
    Ok(Secret::new(groups.collect::<Vec<_>>().join("-")))
}

/// What tells the demo to stop. Where nobody listens, it would end the process before that has cleaned up.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed.
    hang_up: Signal,
}

fn stops() -> std::io::Result<Stops> {
    Ok(Stops {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hang_up: signal(SignalKind::hangup())?,
    })
}

impl Stops {
    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

fn announce(ready: &Ready, home: &Path) {
    let base = ready.app.config.public_url.as_str().trim_end_matches('/');
    println!("Credenza is at {base}");
    println!("This is a demo. Its data are in {} and vanish when it stops (Ctrl-C).", home.display());
    println!("Services are imitated: nothing leaves this machine.");
    println!();
    println!("Sign in with the password  {}  as", ready.password.expose());
    for person in &ready.scene.people {
        let roles: Vec<String> =
            person.roles.iter().map(|(workspace, role)| format!("{role} of {workspace}")).collect();
        println!("  {:<20}  {}", person.email, roles.join(", "));
    }
    println!();
    println!("Whatever you create or verify works, if it has the right shape. One of these words in it, alone between");
    println!("digits or signs, makes the service answer otherwise:");
    for (word, _, meaning) in WORDS {
        println!("  {word:<8}  {meaning}");
    }
}

/// Removes the directory. A write that was under way when the demo was told to stop may still make a file in it.
fn remove(home: TempDir) -> std::result::Result<(), Failure> {
    let path = home.keep();
    let mut tries = 0;
    while let Err(error) = std::fs::remove_dir_all(&path) {
        tries += 1;
        if tries > 20 {
            let path = path.display();
            return Err(Failure::refused(format!("{path} could not be removed; remove it yourself: {error}")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
