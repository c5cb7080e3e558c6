//! `credenza serve`.

use super::exit::{Exit, Failure};
use super::open;
use crate::config::{Config, RootKeySource};
use crate::model::audit;
use crate::model::permission::Actor;
use crate::secret::Secret;
use crate::{server, web::static_files};
use actix_web::web;
use std::net::TcpListener;

/// Opens everything, prints where it is, serves until told to stop. `ungranted` are the protections of the
/// process that the system refused.
pub fn serve(ungranted: &[String]) -> Result<Exit, Failure> {
    let mut config = open::config()?;
    for sentence in ungranted {
        tracing::warn!("{sentence}");
    }
    let catalog = open::catalog(&config)?;
    let system = actix_web::rt::System::new();
    let done = system.block_on(async move {
        let vault = open::vault(&config).await?;
        let listener = TcpListener::bind(config.listen)
            .map_err(|error| Failure::refused(format!("Cannot listen on {}: {error}", config.listen)))?;
        config.listening_on(listener.local_addr().map_err(Failure::refused)?);
        let egress = open::egress(&config)?;
        let assets = static_files::write_out(&config.data_dir, &catalog).map_err(|error| {
            Failure::refused(format!("The static files cannot be written to {}: {error}", config.data_dir.display()))
        })?;
        let (app, token) = open::app(config, vault, catalog, egress, assets).await?;
        let app = web::Data::new(app);
        warn_of_dangers(&app).await?;
        announce(&app.config, token.as_ref());
        server::serve(app, listener).await.map_err(Failure::refused)?;
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

fn announce(config: &Config, token: Option<&Secret>) {
    let base = config.public_url.as_str().trim_end_matches('/');
    println!("Credenza is at {base}");
    println!("Data:     {}", config.data_dir.display());
    match &config.root_key {
        RootKeySource::Created(path) | RootKeySource::File(path) => println!("Root key: {}", path.display()),
        RootKeySource::Value(_) => println!("Root key: from CREDENZA_ROOT_KEY"),
    }
    if let Some(token) = token {
        println!("Nobody has signed up yet. Open this address once to make the first workspace and its admin:");
        println!("  {base}/setup?token={}", token.expose());
    }
}
