//! Why a catalogue file is refused: file, key and reason.

use std::fmt;

/// What stops the program at start: `smtp.toml: method "password", field "port": min is greater than max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// The file, without its folder.
    pub file: String,
    /// Where in it, from the outside in; may be empty.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.is_empty() {
            true => write!(f, "{}: {}", self.file, self.reason),
            false => write!(f, "{}: {}: {}", self.file, self.key, self.reason),
        }
    }
}

impl std::error::Error for LoadError {}

/// A reason with its keys so far; the loader adds the file.
#[derive(Debug)]
pub(crate) struct Fault {
    keys: Vec<String>,
    reason: String,
}

/// What a rule of the loader answers.
pub(crate) type Judged<T = ()> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(reason: impl fmt::Display) -> Self {
        Self { keys: Vec::new(), reason: reason.to_string() }
    }

    pub(crate) fn within(mut self, key: impl fmt::Display) -> Self {
        self.keys.insert(0, key.to_string());
        self
    }

    pub(crate) fn in_file(self, file: &str) -> LoadError {
        LoadError { file: file.to_owned(), key: self.keys.join(", "), reason: self.reason }
    }
}

/// Adds a key to whatever went wrong below it.
pub(crate) trait Within {
    fn within(self, key: impl fmt::Display) -> Self;
}

impl<T> Within for Judged<T> {
    fn within(self, key: impl fmt::Display) -> Self {
        self.map_err(|fault| fault.within(key))
    }
}

/// A rule: `holds`, or the reason.
pub(crate) fn ensure(holds: bool, reason: impl fmt::Display) -> Judged {
    if holds { Ok(()) } else { Err(Fault::new(reason)) }
}
