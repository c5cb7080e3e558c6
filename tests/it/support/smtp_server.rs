//! A mail server on a loopback port that keeps every line.

use credenza::demo::mail_server::{Judge, MailServer};
pub use credenza::demo::mail_server::{Line, Mailbox, Verdict};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// Answers every sign-in alike.
pub fn always(verdict: Verdict) -> Arc<Judge> {
    Arc::new(move |_| verdict.clone())
}

/// A running server; it stops when dropped.
pub struct SmtpServer {
    /// Where it listens.
    pub addr: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    _server: MailServer,
}

impl SmtpServer {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(mailbox: Mailbox) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        let hear = Arc::new(move |line| kept.lock().expect("lines").push(line));
        let server = MailServer::start(Mailbox { hear, ..mailbox }).await.expect("a port");
        Self { addr: server.addr, lines, _server: server }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().expect("lines").clone()
    }

    /// The verbs of all lines so far, in capitals; lines of a sign-in's dialogue count as `(data)`.
    pub fn verbs(&self) -> Vec<String> {
        const KNOWN: [&str; 9] = ["EHLO", "HELO", "STARTTLS", "AUTH", "QUIT", "MAIL", "RCPT", "DATA", "NOOP"];
        let verb = |line: &Line| line.text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let known = |verb: String| if KNOWN.contains(&verb.as_str()) { verb } else { "(data)".to_owned() };
        self.lines().iter().map(|line| known(verb(line))).collect()
    }
}
