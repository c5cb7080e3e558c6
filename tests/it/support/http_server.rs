//! An HTTP server on a loopback port that gives prepared answers and keeps every request.

use credenza::demo::web_server::WebServer;
pub use credenza::demo::web_server::{Answer, Recorded};
use rustls::ServerConfig;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// A running server; it stops when dropped.
pub struct HttpServer {
    /// Where it listens.
    pub addr: SocketAddr,
    state: Arc<State>,
    _server: WebServer,
}

struct State {
    script: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<Recorded>>,
}

impl HttpServer {
    /// Listens on a free port of 127.0.0.1 and answers one request after another from `script`; with
    /// `tls`, encrypted. A request beyond the script is recorded and answered 500.
    pub async fn start(tls: Option<Arc<ServerConfig>>, script: Vec<Answer>) -> Self {
        let state = Arc::new(State { script: Mutex::new(script.into()), requests: Mutex::default() });
        let kept = state.clone();
        let server = WebServer::start(tls, move |request| kept.next(request)).await.expect("a port");
        Self { addr: server.addr, state, _server: server }
    }

    /// Adds an answer to the script.
    pub fn prepare(&self, answer: Answer) {
        self.state.script.lock().expect("script").push_back(answer);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().expect("requests").clone()
    }
}

impl State {
    fn next(&self, request: Recorded) -> Answer {
        self.requests.lock().expect("requests").push(request);
        let next = self.script.lock().expect("script").pop_front();
        next.unwrap_or_else(|| Answer::html(500, "nothing is prepared for this request"))
    }
}
