//! Exit codes, and failures on their way to one.

use crate::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Fine,
    /// A check failed.
    Failed,
    /// Usage, configuration or database refused.
    Refused,
    /// The root key is missing or wrong.
    Key,
}

impl Exit {
    /// The one that tells of more trouble, of two that a command came to.
    pub fn worse(self, other: Self) -> Self {
        if self == Self::Fine { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Refused => 2,
            Exit::Key => 3,
        })
    }
}

/// Why a command ended early, for the person at the shell.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// The sentence.
    pub text: String,
}

impl Failure {
    /// Usage, configuration or database refused.
    pub fn refused(text: impl Display) -> Self {
        Self { exit: Exit::Refused, text: text.to_string() }
    }

    /// The root key is missing or wrong.
    pub fn key(text: impl Display) -> Self {
        Self { exit: Exit::Key, text: text.to_string() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = match &error {
            Error::Internal(cause) | Error::Unavailable(cause) => format!("{error} ({})", cause.as_str()),
            Error::Database(cause) => format!("The database refused: {cause}"),
            error => error.to_string(),
        };
        Self { exit: Exit::Refused, text }
    }
}
