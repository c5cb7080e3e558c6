//! From settings to a running server: what is opened in which order, the layers around a request, the stop.

mod exporter;

use crate::api;
use crate::app::App;
use crate::jobs;
use crate::measure::Endpoint;
use crate::web::connection::{self, Watched};
use crate::web::session_store::Store;
use crate::web::{address, answer, cross_site, routes, visit};
use actix_http::{HttpService, Request};
use actix_server::{Server, ServerHandle};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::body::MessageBody;
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App as ActixApp, web};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::TcpListener;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// So many connections may wait to be let in, as far as the system allows: the standard library asks for 128, and a
/// burst beyond that leaves people waiting for their system to try again.
const WAITING: i32 = 4096;
/// How long a stop waits for requests that are under way.
const GRACE_S: u64 = 30;
/// How long a stop waits for the log to be folded into the file; it is only tidier.
const FOLD_WITHIN: Duration = Duration::from_secs(5);
/// How long a stop waits for renewals of tokens that are under way: what the service answers must be stored.
const RENEWED_WITHIN: Duration = Duration::from_secs(15);

/// Builds the server on a listener that is bound already. `extra` registers further routes inside the same
/// layers; the program itself has none.
pub fn build(
    app: web::Data<App>,
    listener: TcpListener,
    workers: usize,
    extra: fn(&mut web::ServiceConfig),
) -> std::io::Result<Server> {
    rustix::net::listen(&listener, WAITING)?;
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(most_connections() / workers.max(1))
        .shutdown_timeout(GRACE_S)
        .disable_signals();
    let drained = server.graceful_shutdown_signal();
    let server = server.listen("console", listener, move || {
        let drained = drained.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let drained = drained.clone();
                async move { drained.notified().await }
            })
            .keep_alive(connection::KEPT_FOR)
            .client_request_timeout(connection::HEAD_WITHIN)
            .client_disconnect_timeout(Duration::from_secs(1))
            .on_connect_ext(|stream: &Watched, data| drop(data.insert(stream.turns())))
            .h1(map_config(console(app.clone(), extra), |()| AppConfig::default()));
        fn_service(async |stream: TcpStream| {
            let stream = Watched::new(stream);
            let peer = stream.peer();
            Ok((stream, peer))
        })
        .and_then(http)
    })?;
    Ok(server.run())
}

/// The routes inside their layers.
fn console(
    app: web::Data<App>,
    extra: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<impl MessageBody>,
    Error = actix_web::Error,
    InitError = (),
> {
    let session = SessionMiddleware::builder(Store::new(app.clone()), Key::from(app.means.keyring.cookie_key()))
        .cookie_name(if app.config.is_https() { "__Host-sid".into() } else { "sid".into() })
        .cookie_secure(app.config.is_https())
        .cookie_http_only(true)
        .cookie_same_site(SameSite::Lax)
        .cookie_path("/".into())
        .cookie_content_security(CookieContentSecurity::Private)
        .session_lifecycle(BrowserSession::default())
        .build();
    // Pages lie in a scope of their own: no session, origin or compression is looked at for the machine API.
    let pages = web::scope("")
        .service(
            web::scope("/static")
                .app_data(Endpoint::new("/static"))
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
        .wrap(Compress::default());
    ActixApp::new().app_data(app.clone()).configure(api::routes::configure).service(pages).into_factory()
}

/// How many connections are let in at once: what the system lets this process open, without what the database,
/// the way outward and the static files need. Whoever comes later waits in the system's queue.
fn most_connections() -> usize {
    const RESERVED: u64 = 128;
    const MOST: u64 = 32_768;
    let open = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
    usize::try_from(open.saturating_sub(RESERVED).max(open / 2).min(MOST)).unwrap_or(1)
}

/// Lets this process open as many files and connections as the system allows it to ask for.
fn open_more_files() {
    const WANTED: u64 = 65_536;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(WANTED).min(WANTED);
    if limit.current.is_some_and(|current| current < most)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum })
    {
        tracing::warn!(%error, "no more files can be opened than before");
    }
}

/// Runs the server, the jobs and, on a listener of its own, the exporter of metrics, until it is told to stop. The
/// first SIGTERM or SIGINT lets the requests that are under way end, for at most 30 s; the second does not wait for
/// them. Renewals of tokens that have begun end either way, within 15 s.
pub async fn serve(app: web::Data<App>, listener: TcpListener, metrics: Option<TcpListener>) -> std::io::Result<()> {
    open_more_files();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = build(app.clone(), listener, workers, |_| {})?;
    let (handle, told) = (server.handle(), told_twice(server.handle())?);
    let mut server = std::pin::pin!(server);
    let all = [
        actix_web::rt::spawn(jobs::run(app.clone())),
        actix_web::rt::spawn(jobs::versions::run(app.clone())),
        actix_web::rt::spawn(jobs::keys::run(app.clone())),
        actix_web::rt::spawn(jobs::anchor::run(app.clone())),
        actix_web::rt::spawn(jobs::outbox::run(app.clone())),
        actix_web::rt::spawn(jobs::checkpoint::run(app.clone())),
    ];
    let (stop, stopped) = oneshot::channel::<()>();
    let mut renewals = actix_web::rt::spawn(jobs::run_tokens(app.clone(), async move { drop(stopped.await) }));
    let exporter = metrics.map(exporter::start).transpose()?;
    let done = tokio::select! {
        done = &mut server => done,
        () = told => Ok(()),
        () = app.db.suspect(), if app.config.exit_on_disk_fault => {
            drop(handle.stop(true));
            // Whoever waits is still told; nothing else is worth waiting for.
            drop(tokio::time::timeout(FOLD_WITHIN, &mut server).await);
            Err(std::io::Error::other("the disk lost a write, and CREDENZA_EXIT_ON_DISK_FAULT says to end then"))
        }
    };
    all.iter().for_each(actix_web::rt::task::JoinHandle::abort);
    drop(stop);
    if tokio::time::timeout(RENEWED_WITHIN, &mut renewals).await.is_err() {
        renewals.abort();
        tracing::warn!("renewals of tokens did not end in time and were cut off");
    }
    // Behind the requests, so that a stop that takes long can be watched.
    if let Some(exporter) = exporter {
        exporter.stop(false).await;
    }
    match tokio::time::timeout(FOLD_WITHIN, jobs::anchor::anchor_all(&app)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(?error, "the anchor could not be written at the end"),
        Err(_) => tracing::warn!("the anchor could not be written in time; the next start does it"),
    }
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
