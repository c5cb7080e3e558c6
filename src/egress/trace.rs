//! What a call did and how long each part took, within one deadline for all of it.

use std::time::Duration;
use tokio::time::Instant;

/// A part of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The name is looked up.
    Lookup,
    /// The connection is opened.
    Connect,
    /// The connection is encrypted and verified.
    Tls,
    /// The server says hello and what it can do.
    Hello,
    /// The server judges user and password.
    SignIn,
    /// The request, or the statement, and its answer.
    Request,
}

/// A part of a call that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timed {
    /// Which part.
    pub phase: Phase,
    /// Milliseconds it took.
    pub ms: u32,
    /// Whether it came to a good end.
    pub ok: bool,
}

/// The course of one or several calls that share a deadline.
#[derive(Debug)]
pub struct Trace {
    began: Instant,
    deadline: Instant,
    timed: Vec<Timed>,
    running: Option<(Phase, Instant)>,
    connected: bool,
}

impl Trace {
    /// Starts the clock.
    pub fn within(limit: Duration) -> Self {
        let began = Instant::now();
        Self { began, deadline: began + limit, timed: Vec::new(), running: None, connected: false }
    }

    /// The course of a further call under the same deadline.
    pub fn another(&self) -> Self {
        Self { began: Instant::now(), deadline: self.deadline, timed: Vec::new(), running: None, connected: false }
    }

    /// The parts so far.
    pub fn timed(&self) -> &[Timed] {
        &self.timed
    }

    /// Milliseconds since the start.
    pub fn ms(&self) -> u32 {
        millis(self.began.elapsed())
    }

    /// Whether a connection was tried: a call that our own rules refuse before that does not count
    /// against the service's or our limits.
    pub fn connected(&self) -> bool {
        self.connected
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn begin(&mut self, phase: Phase) {
        self.end(true);
        self.connected |= phase == Phase::Connect;
        self.running = Some((phase, Instant::now()));
    }

    pub(super) fn end(&mut self, ok: bool) {
        if let Some((phase, since)) = self.running.take() {
            self.timed.push(Timed { phase, ms: millis(since.elapsed()), ok });
        }
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
