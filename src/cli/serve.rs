//! `credenza serve`.

use super::exit::{Exit, Failure};
use super::{open, start};
use crate::config::{Config, RootKeySource};
use crate::measure;
use crate::model::audit;
use crate::model::permission::Actor;
use crate::secret::Secret;
use crate::{server, web::static_files};
use actix_web::web;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Opens everything, prints where it is, serves until told to stop. `ungranted` are the protections of the
/// process that the system refused; `accepts_rollback`: although the database is older than it was.
pub fn serve(ungranted: &[String], accepts_rollback: bool) -> Result<Exit, Failure> {
    let mut config = open::config()?;
    for sentence in ungranted {
        tracing::warn!("{sentence}");
    }
    let catalog = open::catalog(&config)?;
    let system = actix_web::rt::System::new();
    let done = system.block_on(async move {
        let metrics = config.metrics_listen.map(listen).transpose()?;
        if metrics.is_some() {
            measure::start().map_err(Failure::refused)?;
        }
        start::refuse_lost(&config, accepts_rollback)?;
        let mut vault = open::made_vault(&config).await?;
        start::judge_rollback(&vault, &config, accepts_rollback).await?;
        start::promote(&mut vault).await?;
        let listener = listen(config.listen)?;
        config.listening_on(listener.local_addr().map_err(Failure::refused)?);
        let egress = open::egress(&config)?;
        let assets = static_files::write_out(&config.data_dir, &catalog).map_err(|error| {
            Failure::refused(format!("The static files cannot be written to {}: {error}", config.data_dir.display()))
        })?;
        let (app, token) = open::app(config, vault, Arc::new(catalog), egress, assets).await?;
        let app = web::Data::new(app);
        warn_of_dangers(&app).await?;
        announce(&app.config, metrics.as_ref(), token.as_ref());
        server::serve(app, listener, metrics).await.map_err(Failure::refused)?;
        Ok(Exit::Fine)
    });
    // Dropped, it would wait for units of work that wait for a database; the process ends without them.
    std::mem::forget(system);
    done
}

/// What takes away protection is said at each start, in the log and in the audit.
async fn warn_of_dangers(app: &crate::app::App) -> Result<(), Failure> {
    let dangers = app.config.dangers();
    for danger in &dangers {
        tracing::warn!("{danger}");
    }
    let means = app.means.clone();
    app.db
        .write(move |tx| {
            let entry =
                audit::Entry::allow("instance.started", audit::Target::instance()).detail("dangers", dangers.clone());
            audit::record(tx, &means, audit::INSTANCE, &Actor::operator(), entry)
        })
        .await?;
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| Failure::refused(format!("Cannot listen on {address}: {error}")))
}

fn announce(config: &Config, metrics: Option<&TcpListener>, token: Option<&Secret>) {
    let base = config.public_url.as_str().trim_end_matches('/');
    println!("Credenza is at {base}");
    println!("Data:     {}", config.data_dir.display());
    match &config.root_key {
        RootKeySource::Created(path) | RootKeySource::File(path) => println!("Root key: {}", path.display()),
        RootKeySource::Value(_) => println!("Root key: from CREDENZA_ROOT_KEY"),
        RootKeySource::Command(_) => println!("Root key: from CREDENZA_ROOT_KEY_COMMAND"),
    }
    if let Some(Ok(metrics)) = metrics.map(TcpListener::local_addr) {
        println!("Metrics:  http://{metrics}/metrics");
    }
    if let Some(token) = token {
        println!("Nobody has signed up yet. Open this address once to make the first workspace and its admin:");
        println!("  {base}/setup?token={}", token.expose());
    }
}
