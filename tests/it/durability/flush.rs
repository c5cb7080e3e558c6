//! T147: killing a process cannot tell a flushed write from one that the system still holds, so the settings
//! and the order of system calls are looked at themselves.

use crate::support::app::TestApp;
use crate::support::database::is_postgres;
use crate::support::permitted::not_run_here;
use crate::support::program::{Browser, Home, Serving, webhook};
use std::process::{Command, Stdio};

#[tokio::test]
async fn t147_every_connection_writes_through() {
    let app = TestApp::start().await;
    let found = app.db.durability().await.expect("settings");
    let wanted = if is_postgres() { ("postgres".to_owned(), 0) } else { ("wal".to_owned(), 2) };
    // Four readers and the writer; on PostgreSQL the pool.
    assert_eq!(found.len(), if is_postgres() { 10 } else { 5 });
    assert!(found.iter().all(|one| *one == wanted), "{found:?}");
}

/// Whether a tracer is there and may trace.
fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).stdin(Stdio::null()).output();
    tried.is_ok_and(|done| done.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t147_the_log_is_flushed_before_the_answer_is_sent() {
    let home = Home::set_up();
    if !can_trace() {
        not_run_here("t147", "strace is not here or may not trace; the settings alone were looked at");
        drop(home.serve());
        assert!(home.run(&["audit", "verify"]).status.success());
        return;
    }
    let trace = home.data().join("trace");
    let calls = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg,read,recvfrom,readv";
    let out = trace.display().to_string();
    let args = ["-f", "-y", "-s", "48", "-e", calls, "-o", out.as_str()];
    let mut serving = Serving::start(home.command_under("strace", &args));
    let admin = Browser::sign_in(&serving.base).await;
    let mut wanted = 0;
    for number in 0..5 {
        let name = format!("flushed {number}");
        let made =
            admin.post("/w/acme/credentials", &webhook(&name, "a signing secret to flush")).await.expect("an answer");
        assert_eq!(made.status, 303);
        let renamed = format!("{}/name", made.location.split('?').next().expect("a path"));
        let done = admin.post(&renamed, &[("name", &format!("{name} again"))]).await.expect("an answer");
        assert_eq!(done.status, 303);
        wanted += 2;
    }
    // The tracer passes the signal on and ends with the program.
    serving.stop_traced();
    let text = std::fs::read_to_string(&trace).expect("a trace");
    assert_eq!(judge(&text), wanted, "acts seen in the trace");
}

/// Fails on an answer that left before its log was flushed; returns how many acts were seen.
fn judge(trace: &str) -> usize {
    let (mut acts, mut written, mut flushed, mut asked) = (0, false, false, false);
    for line in whole(trace) {
        let is_log = line.contains("credenza.db-wal>");
        if line.contains("\"POST /w/acme/credentials") {
            (asked, written, flushed) = (true, false, false);
        } else if is_log && line.contains("pwrite64(") {
            (written, flushed) = (true, false);
        } else if is_log && (line.contains("fdatasync(") || line.contains("fsync(")) {
            flushed = written;
        } else if asked && line.contains("\"HTTP/1.1 303") {
            assert!(written && flushed, "the answer left before the log was flushed: {line}");
            acts += 1;
            asked = false;
        }
    }
    acts
}

/// The calls in the order in which they ended: one that another thread interrupted stands where it was resumed.
fn whole(trace: &str) -> Vec<String> {
    let mut begun = std::collections::HashMap::new();
    let mut lines = Vec::new();
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').expect("a thread");
        let rest = rest.trim_start();
        // An answer counts from where it begins to be sent, a flush from where it has ended.
        if rest.ends_with("<unfinished ...>") {
            if rest.contains("\"HTTP/1.1") {
                lines.push(rest.to_owned());
            } else {
                begun.insert(thread.to_owned(), rest.to_owned());
            }
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            if let Some(start) = begun.remove(thread) {
                lines.push(format!("{start}{end}"));
            }
        } else {
            lines.push(rest.to_owned());
        }
    }
    lines
}

#[test]
fn t147_an_answer_before_the_flush_would_be_seen() {
    let asked = "1 read(9<TCP:[1]>, \"POST /w/acme/credentials HTTP/1.1\", 99) = 33\n";
    let written = "2 pwrite64(5</d/credenza.db-wal>, \"x\", 1, 0) = 1\n";
    let begun = "2 fdatasync(5</d/credenza.db-wal> <unfinished ...>\n";
    let ended = "2 <... fdatasync resumed>) = 0\n";
    let answer = "1 writev(9<TCP:[1]>, [{iov_base=\"HTTP/1.1 303 See Other\", iov_len=9}], 1) = 9\n";
    assert_eq!(judge(&[asked, written, begun, ended, answer].concat()), 1);
    for early in [
        [asked, written, begun, answer, ended],
        [asked, written, answer, begun, ended],
        [asked, answer, written, begun, ended],
    ] {
        let text = early.concat();
        assert!(std::panic::catch_unwind(|| judge(&text)).is_err());
    }
}
