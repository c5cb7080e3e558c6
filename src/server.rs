//! From settings to a running server: what is opened in which order, the layers around a request, the stop.

use crate::app::App;
use crate::jobs;
use crate::web::session_store::Store;
use crate::web::{address, answer, cross_site, routes, visit};
use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, CookieContentSecurity};
use actix_web::cookie::{Key, SameSite};
use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::{App as ActixApp, HttpServer, web};
use std::net::TcpListener;
use std::time::Duration;

/// How long a stop waits for requests that are under way.
const GRACE_S: u64 = 30;

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
    .listen(listener)?;
    Ok(server.run())
}

/// Runs the server and the jobs until it is told to stop.
pub async fn serve(app: web::Data<App>, listener: TcpListener) -> std::io::Result<()> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = build(app.clone(), listener, workers, |_| {})?;
    let jobs = actix_web::rt::spawn(jobs::run(app.clone()));
    let done = server.await;
    jobs.abort();
    if let Err(error) = app.db.checkpoint().await {
        tracing::warn!(?error, "the write-ahead log could not be folded in");
    }
    done
}
