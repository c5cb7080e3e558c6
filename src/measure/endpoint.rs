//! Requests by route, method and status class.

use metrics::{Counter, Histogram};
use std::sync::OnceLock;
use std::time::Duration;

const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "other"];
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests that no route took: refused before, or answered outside of the routes.
pub static ELSEWHERE: Endpoint = Endpoint::new("(none)");

/// The metrics of one route. A handle is made at the first answer of its sort and used again.
pub struct Endpoint {
    route: &'static str,
    counts: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
    times: [OnceLock<Histogram>; METHODS.len()],
}

impl Endpoint {
    /// For the route with this pattern.
    pub const fn new(route: &'static str) -> Self {
        Self { route, counts: [const { [const { OnceLock::new() }; 6] }; 4], times: [const { OnceLock::new() }; 4] }
    }

    /// One more request was answered. Costs no allocation but the first time.
    pub fn answered(&self, method: &str, status: u16, took: Duration) {
        if !super::is_on() {
            return;
        }
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let class = usize::from(status / 100) % CLASSES.len();
        let (Some(counts), Some(time)) = (self.counts.get(method), self.times.get(method)) else { return };
        let (Some(count), Some(name)) = (counts.get(class), METHODS.get(method)) else { return };
        let class = CLASSES.get(class).copied().unwrap_or_default();
        count
            .get_or_init(|| {
                metrics::counter!("credenza_http_requests_total", "route" => self.route, "method" => *name,
                    "status" => class)
            })
            .increment(1);
        time.get_or_init(
            || metrics::histogram!("credenza_http_request_seconds", "route" => self.route, "method" => *name),
        )
        .record(took);
    }
}
