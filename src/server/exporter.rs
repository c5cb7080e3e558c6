//! Metrics on a listener of their own: `GET /metrics` and nothing else, without a session and without a name.

use crate::measure;
use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};
use std::net::TcpListener;
use std::time::Duration;

/// The content type of the text format (Prometheus, “Exposition formats”).
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Starts it on one worker, and the upkeep beside it. It stops by its handle, not by signals.
pub fn start(listener: TcpListener) -> std::io::Result<ServerHandle> {
    let server = HttpServer::new(|| {
        App::new().service(web::resource("/metrics").route(web::get().to(metrics)).default_service(web::to(
            async || HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET")).finish(),
        )))
    })
    .workers(1)
    .max_connections(16)
    .client_request_timeout(Duration::from_secs(10))
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    actix_web::rt::spawn(async {
        loop {
            tokio::time::sleep(measure::UPKEEP_EVERY).await;
            measure::upkeep();
        }
    });
    Ok(handle)
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, TEXT_FORMAT)).body(measure::render())
}
