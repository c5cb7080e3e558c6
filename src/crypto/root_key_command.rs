//! The root key from a command: a program that asks a key service and prints the key.
//!
//! It is started without a shell, with nothing in its environment but a plain `PATH`, and has ten seconds and
//! 4 KiB. What it writes to standard error is thrown away: it may hold what the key service said.

use super::root_key::{RootKey, RootKeyError};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long one run may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// How long a start tries again before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The most that is read from it.
const MOST: usize = 4096;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a command gave no root key. No text holds anything that it printed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It cannot be started at all.
    #[error("the root key command {program} cannot be started: {cause}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        cause: io::Error,
    },
    /// It ran longer than [`LIMIT`] and was ended.
    #[error("the root key command {0} did not end within {limit} s", limit = LIMIT.as_secs())]
    TooSlow(String),
    /// It printed more than a key.
    #[error("the root key command {0} printed more than {MOST} bytes; it must print the key alone")]
    TooMuch(String),
    /// It said that it failed.
    #[error("the root key command {program} failed ({how})")]
    Failed {
        /// The program.
        program: String,
        /// The exit code or the signal.
        how: String,
    },
    /// What it printed is no root key.
    #[error("the root key command {program} did not print a root key: {cause}")]
    NoKey {
        /// The program.
        program: String,
        /// What is wrong with it.
        cause: RootKeyError,
    },
}

impl CommandError {
    /// Whether a later try may go better: the key service may be down for a moment.
    fn may_pass(&self) -> bool {
        matches!(self, Self::TooSlow(_) | Self::Failed { .. })
    }
}

/// Runs the command (the program and its arguments) until it gives a key, for at most `patience`; `told` hears
/// of each try that failed and will be made again, with the pause before that.
pub fn root_key(
    argv: &[String],
    patience: Duration,
    mut told: impl FnMut(&CommandError, Duration),
) -> Result<RootKey, CommandError> {
    let (until, mut pause) = (Instant::now() + patience, Duration::from_secs(1));
    loop {
        let error = match once(argv, LIMIT) {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        let left = until.saturating_duration_since(Instant::now());
        if !error.may_pass() || left < pause {
            return Err(error);
        }
        told(&error, pause);
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn once(argv: &[String], limit: Duration) -> Result<RootKey, CommandError> {
    let (program, arguments) = argv.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let start = |cause| CommandError::Start { program: program.to_owned(), cause };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(start)?;
    let printed = printed(&mut child, limit);
    // Whatever it started of its own ends with it.
    end_group(&child);
    let status = child.wait().map_err(start)?;
    let text = match printed {
        None => return Err(CommandError::TooSlow(program.to_owned())),
        Some(text) if text.len() > MOST => return Err(CommandError::TooMuch(program.to_owned())),
        Some(text) => text,
    };
    if !status.success() {
        return Err(CommandError::Failed { program: program.to_owned(), how: how(status) });
    }
    let text = std::str::from_utf8(&text).map_err(|_| RootKeyError::NotBase64);
    text.and_then(RootKey::from_base64).map_err(|cause| CommandError::NoKey { program: program.to_owned(), cause })
}

/// All that it prints, to its end; one byte more than allowed if there is more. `None` after `limit`.
fn printed(child: &mut Child, limit: Duration) -> Option<Zeroizing<Vec<u8>>> {
    let out = child.stdout.take()?;
    let began = Instant::now();
    let (send, receive) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // Room from the start: a vector that grows would leave a copy of the key behind.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * MOST));
        let most = u64::try_from(MOST + 1).unwrap_or(u64::MAX);
        let read = out.take(most).read_to_end(&mut text);
        drop(send.send(read.ok().map(|_| text)));
    });
    let text = receive.recv_timeout(limit).ok().flatten()?;
    // It may have closed its output and go on.
    while text.len() <= MOST && matches!(child.try_wait(), Ok(None)) {
        if began.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(text)
}

fn end_group(child: &Child) {
    // Nothing is left to end when it has ended well.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended without a code".to_owned(),
    }
}

#[cfg(test)]
#[path = "root_key_command_tests.rs"]
mod tests;
