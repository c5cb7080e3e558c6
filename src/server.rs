//! From settings to a running server: what is opened in which order, the layers around a request, the stop.

use crate::app::App;
use crate::jobs;
use crate::web::session_store::Store;
use crate::web::{address, answer, cross_site, routes, visit};
use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::{App as ActixApp, HttpServer, web};
use std::net::TcpListener;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long a stop waits for requests that are under way.
const GRACE_S: u64 = 30;
/// How long a stop waits for the log to be folded into the file; it is only tidier.
const FOLD_WITHIN: Duration = Duration::from_secs(5);

/// Builds the server on a listener that is bound already. `extra` registers further routes inside the same
/// layers; the program itself has none.
pub fn build(
    app: web::Data<App>,
    listener: TcpListener,
    workers: usize,
    extra: fn(&mut web::ServiceConfig),
) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let session = SessionMiddleware::builder(Store::new(app.clone()), Key::from(app.means.keyring.cookie_key()))
            .cookie_name(if app.config.is_https() { "__Host-sid".into() } else { "sid".into() })
            .cookie_secure(app.config.is_https())
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .cookie_path("/".into())
            .cookie_content_security(CookieContentSecurity::Private)
            .session_lifecycle(BrowserSession::default())
            .build();
        ActixApp::new()
            .app_data(app.clone())
            .service(
                web::scope("/static")
                    .wrap(DefaultHeaders::new().add((header::CACHE_CONTROL, "public, max-age=31536000, immutable")))
                    .service(actix_files::Files::new("", &app.assets.folder).prefer_utf8(true)),
            )
            .configure(extra)
            .configure(routes::configure)
            .wrap(session)
            .wrap(from_fn(visit::around))
            .wrap(from_fn(cross_site::guard))
            .wrap(from_fn(address::guard))
            .wrap(from_fn(answer::frame))
            .wrap(Compress::default())
    })
    .workers(workers)
    .client_request_timeout(Duration::from_secs(10))
    .keep_alive(Duration::from_secs(75))
    // A compressed page leaves in parts: without this the last one waits for the delayed answer to those before.
    .tcp_nodelay(true)
    .shutdown_timeout(GRACE_S)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Runs the server and the jobs until it is told to stop. The first SIGTERM or SIGINT lets the requests that
/// are under way end, for at most 30 s; the second does not wait for them.
pub async fn serve(app: web::Data<App>, listener: TcpListener) -> std::io::Result<()> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = build(app.clone(), listener, workers, |_| {})?;
    let told = told_twice(server.handle())?;
    let jobs = actix_web::rt::spawn(jobs::run(app.clone()));
    let done = tokio::select! {
        done = server => done,
        () = told => Ok(()),
    };
    jobs.abort();
    match tokio::time::timeout(FOLD_WITHIN, app.db.checkpoint()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(?error, "the write-ahead log could not be folded in"),
        Err(_) => tracing::warn!("the write-ahead log could not be folded in in time; the next start reads it"),
    }
    done
}

/// Ends when the process was told to stop twice; passes the first time on. Listens from when it is called.
fn told_twice(server: ServerHandle) -> std::io::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let mut told = async || tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} };
        told().await;
        tracing::info!("told to stop: nobody new is let in, and requests under way may end");
        drop(server.stop(true));
        told().await;
        tracing::warn!("told to stop at once: requests under way are cut off");
    })
}
