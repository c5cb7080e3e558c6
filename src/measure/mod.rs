//! What is counted and timed for an operator's monitoring. Rooms tell it what happened; `server` shows it.
//!
//! Until [`start`] was called nothing is kept, and telling costs one atomic load. Every metric is a row of
//! `table`; its handle is made once, so that telling never allocates. No label holds the name of a workspace,
//! a person or a credential.

mod endpoint;
mod kinds;
mod process;
mod table;

pub use endpoint::{ELSEWHERE, Endpoint};
pub use kinds::{Count, Level, Raised, Spread, Timer};
pub use table::*;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static EXPORTER: OnceLock<(PrometheusHandle, Instant)> = OnceLock::new();

/// Seconds, from what a page takes to what a check may take at most.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Units in one group of writes.
const UNITS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// How often [`upkeep`] is due: without it the samples of histograms would be kept one by one.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Begins to keep what is told; for the process, once.
///
/// # Errors
/// When it was called before.
pub fn start() -> Result<(), String> {
    let exporter = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_units".to_owned()), &UNITS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| error.to_string())?;
    EXPORTER.set((exporter, Instant::now())).map_err(|_| "metrics were started before".to_owned())?;
    table::bind();
    Ok(())
}

/// Everything in the text format of Prometheus; empty until [`start`] was called.
pub fn render() -> String {
    let Some((exporter, began)) = EXPORTER.get() else { return String::new() };
    process::look(began.elapsed());
    exporter.render()
}

/// Adds the samples of histograms up; due every [`UPKEEP_EVERY`].
pub fn upkeep() {
    if let Some((exporter, _)) = EXPORTER.get() {
        exporter.run_upkeep();
    }
}

fn is_on() -> bool {
    EXPORTER.get().is_some()
}

/// A live check of this integration came to this outcome.
pub fn check(integration: &str, outcome: &'static str, took: Duration) {
    if is_on() {
        let integration = integration.to_owned();
        metrics::counter!("credenza_checks_total", "integration" => integration.clone(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("credenza_check_seconds", "integration" => integration).record(took);
    }
}

/// A token of this integration was to be renewed: `renewed`, `overtaken` by somebody else, or the outcome of what
/// stood in the way.
pub fn refresh(integration: &str, outcome: &'static str) {
    if is_on() {
        let integration = integration.to_owned();
        metrics::counter!("credenza_token_refreshes_total", "integration" => integration, "outcome" => outcome)
            .increment(1);
    }
}

/// One round of a job ended.
pub fn job(name: &'static str, done: bool) {
    if is_on() {
        let result = if done { "done" } else { "failed" };
        metrics::counter!("credenza_jobs_total", "job" => name, "result" => result).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recorder is the process's, so that all is seen in one test.
    #[test]
    fn what_was_told_is_shown() {
        AUDIT_EVENTS.add(5);
        check("smtp", "ok", Duration::from_millis(3));
        assert_eq!(render(), "", "nothing is kept before the start");
        start().unwrap();
        assert!(start().is_err());
        AUDIT_EVENTS.add(2);
        AUDIT_EVENTS.add(1);
        WRITER_QUEUE.add(4.0);
        WRITER_QUEUE.add(-1.0);
        let raised = CONNECTIONS_IN_USE.raise();
        let timer = READ_WAIT.timer();
        timer.stop();
        COMMIT_UNITS.record(3.0);
        check("smtp", "ok", Duration::from_millis(3));
        check("smtp", "rate_limited", Duration::from_millis(3));
        job("purge", true);
        refresh("hubspot", "renewed");
        refresh("hubspot", "reauthorize");
        let endpoint = Endpoint::new("/w/{slug}");
        endpoint.answered("GET", 200, Duration::from_millis(1));
        endpoint.answered("GET", 204, Duration::from_millis(1));
        endpoint.answered("PURGE", 999, Duration::from_millis(1));
        upkeep();
        let text = render();
        let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        has("credenza_audit_events_total 3");
        has("credenza_writer_queue 3");
        has("credenza_database_connections_in_use 1");
        has("credenza_database_wait_seconds_count{for=\"read\"} 1");
        has("credenza_commit_group_units_bucket{le=\"2\"} 0");
        has("credenza_commit_group_units_bucket{le=\"4\"} 1");
        has("credenza_checks_total{integration=\"smtp\",outcome=\"ok\"} 1");
        has("credenza_checks_total{integration=\"smtp\",outcome=\"rate_limited\"} 1");
        has("credenza_check_seconds_count{integration=\"smtp\"} 2");
        has("credenza_token_refreshes_total{integration=\"hubspot\",outcome=\"renewed\"} 1");
        has("credenza_token_refreshes_total{integration=\"hubspot\",outcome=\"reauthorize\"} 1");
        has("credenza_jobs_total{job=\"purge\",result=\"done\"} 1");
        has("credenza_http_requests_total{route=\"/w/{slug}\",method=\"GET\",status=\"2xx\"} 2");
        has("credenza_http_request_seconds_count{route=\"/w/{slug}\",method=\"other\"} 1");
        has("# HELP credenza_audit_events_total Lines of audit chains that were committed.");
        has("credenza_limiter_refusals_total{limiter=\"sign_in\"} 0");
        drop(raised);
        let text = render();
        assert!(text.contains("credenza_database_connections_in_use 0\n"));
        let memory = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap();
        assert!(memory.parse::<f64>().unwrap() > 1e6, "{memory}");
    }
}
