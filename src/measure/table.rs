//! Every metric, but those of requests (`endpoint`) and those whose labels are only known when they are told.

use super::kinds::{Count, Level, Spread};

macro_rules! table {
    ($($kind:ident $name:ident = $text:literal $({ $label:ident = $value:literal })?: $help:literal;)+) => {
        $(
            #[doc = $help]
            pub static $name: $kind = $kind::new($text, table!(@label $($label $value)?), $help);
        )+

        /// Makes the handles.
        pub(super) fn bind() {
            $($name.bind();)+
            metrics::describe_counter!("credenza_http_requests_total", "Requests that were answered.");
            metrics::describe_histogram!("credenza_http_request_seconds", "Time from a request to its answer.");
            metrics::describe_counter!("credenza_checks_total", "Live checks by what they came to.");
            metrics::describe_histogram!("credenza_check_seconds", "Time that live checks took.");
            metrics::describe_counter!(
                "credenza_token_refreshes_total",
                "OAuth tokens that were to be renewed, by what came of it."
            );
            metrics::describe_counter!("credenza_jobs_total", "Rounds of background jobs.");
        }
    };
    (@label) => { None };
    (@label $label:ident $value:literal) => { Some((stringify!($label), $value)) };
}

table! {
    Level HASHES_WAITING = "credenza_password_hashes_waiting": "Passwords that wait to be hashed.";
    Spread HASH_TIME = "credenza_password_hash_seconds": "Time that one password hash took, without waiting.";
    Count HASHES_REFUSED = "credenza_password_hashes_refused_total":
        "Passwords that were refused because too many waited.";
    Level WRITER_QUEUE = "credenza_writer_queue": "Units of work that wait for SQLite's one writer.";
    Spread COMMIT_UNITS = "credenza_commit_group_units": "Units of work that were committed together.";
    Spread COMMIT_TIME = "credenza_commit_seconds": "Time from the begin of a transaction to the end of its commit.";
    Count COMMITS_FAILED = "credenza_commits_failed_total":
        "Transactions that were given up because storage or connection failed.";
    Spread READ_WAIT = "credenza_database_wait_seconds" { for = "read" }:
        "Time that a unit of work waited for its connection or its turn.";
    Spread WRITE_WAIT = "credenza_database_wait_seconds" { for = "write" }:
        "Time that a unit of work waited for its connection or its turn.";
    Count DATABASE_REFUSALS = "credenza_database_refusals_total":
        "Units of work that were refused because no connection came free or the queue was full.";
    Level CONNECTIONS_IN_USE = "credenza_database_connections_in_use": "Pooled connections at work.";
    Level CONNECTIONS = "credenza_database_connections_max": "Pooled connections that there may be.";
    Count AUDIT_EVENTS = "credenza_audit_events_total": "Lines of audit chains that were committed.";
    Spread AUDIT_LAG = "credenza_audit_lag_seconds":
        "Time from asking for a unit of work that writes audit lines to its commit.";
    Level AUDIT_BROKEN = "credenza_audit_broken_chains": "Audit chains that did not hold when they were last verified.";
    Level CHECKPOINTS_UNSENT = "credenza_checkpoints_unsent": "Signed checkpoints of the audit that wait to be sent.";
    Count SESSIONS_TOUCHED = "credenza_sessions_touched_total": "Sessions whose last use was written down.";
    Count SIGN_INS_LIMITED = "credenza_limiter_refusals_total" { limiter = "sign_in" }:
        "Attempts that a limiter refused.";
    Count CHECKS_LIMITED = "credenza_limiter_refusals_total" { limiter = "check" }:
        "Attempts that a limiter refused.";
    Count USES_LIMITED = "credenza_limiter_refusals_total" { limiter = "use" }:
        "Attempts that a limiter refused.";
    Count USES_FETCHED = "credenza_uses_total" { kind = "fetched" }: "Calls of bots by what became of them.";
    Count USES_CALLED = "credenza_uses_total" { kind = "called" }: "Calls of bots by what became of them.";
    Count USES_REFUSED = "credenza_uses_total" { kind = "refused" }: "Calls of bots by what became of them.";
    Count MAILS_SENT = "credenza_mails_total" { result = "sent" }: "Attempts to send a mail.";
    Count MAILS_MISSED = "credenza_mails_total" { result = "missed" }: "Attempts to send a mail.";
    Level MAILS_WAITING = "credenza_mails_waiting": "Mails that wait to be sent.";
    Count RESEALED = "credenza_keys_resealed_total": "Sealed values that were sealed anew under another key.";
    Level UNDER_OLD_KEYS = "credenza_keys_under_old":
        "Sealed values that the rotation under way in this process has still to seal anew.";
    Level MEMORY = "process_resident_memory_bytes": "Memory of this process that is in RAM.";
    Level UPTIME = "credenza_uptime_seconds": "Time since this process began to measure, at its start.";
}
