//! The command `credenza`: arguments in, exit code out.

use clap::Parser;
use credenza::cli::{self, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(Cli::parse()).into()
}
