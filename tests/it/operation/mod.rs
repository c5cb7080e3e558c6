//! What an operator has: metrics, the log, the doctor, the files to run it with.

#![cfg(test)]

mod doctor;
mod documents;
mod log;
mod metrics;
mod packaging;

use crate::cli::Shell;
use crate::support::program::{EMAIL, PASSWORD, Serving};
use std::process::Stdio;

/// A workspace `acme` with one admin, on whichever database the tests run.
fn set_up() -> Shell {
    let shell = Shell::new();
    shell.set_up_for("Acme", EMAIL, PASSWORD).expect(0);
    shell
}

/// Serves with these variables; the log goes to `log` in the shell's directory.
fn serve(shell: &Shell, vars: &[(&str, &str)]) -> Serving {
    let mut command = shell.command(&[]);
    command.envs(vars.iter().copied());
    let log = std::fs::File::create(shell.dir.path().join("log")).expect("a file");
    Serving::start_logging_to(command, Stdio::from(log))
}

/// The lines that were logged so far.
fn logged(shell: &Shell) -> Vec<String> {
    let text = std::fs::read_to_string(shell.dir.path().join("log")).expect("a log");
    text.lines().map(str::to_owned).collect()
}
