//! The variables there are, and the raw reading of them.

use super::{ConfigError, Problem};
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The largest file that a `*_FILE` variable may name.
const MAX_FILE: u64 = 64 * 1024;

/// How a variable is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Must have a value when it is set.
    Plain,
    /// May be set and empty, which is the same as not set.
    Optional,
    /// Is never shown, and may be given as `*_FILE`.
    Secret,
}

/// One variable of the environment.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) meaning: &'static str,
    pub(super) unset: &'static str,
}

const fn variable(name: &'static str, kind: Kind, meaning: &'static str, unset: &'static str) -> Variable {
    Variable { name, kind, meaning, unset }
}

/// Every variable, in the order in which they are explained.
#[rustfmt::skip]
pub(super) const VARIABLES: [Variable; 21] = [
    variable("CREDENZA_LISTEN", Kind::Plain, "Address and port to listen on", "127.0.0.1:8080"),
    variable("CREDENZA_PUBLIC_URL", Kind::Plain, "The address people use: links, origin check, OAuth redirect", "http:// and the address to listen on"),
    variable("CREDENZA_INSECURE_HTTP", Kind::Plain, "1 allows a plain http public address off this machine", "refused"),
    variable("CREDENZA_DATA_DIR", Kind::Plain, "Directory of an SQLite database, of a created root key and of the static files", "./data"),
    variable("DATABASE_URL", Kind::Secret, "Where the rows are: sqlite://path or postgres://user:password@host/database", "credenza.db in the data directory"),
    variable("CREDENZA_ROOT_KEY_FILE", Kind::Plain, "File with the root key, base64 of 32 bytes, mode 0600", "a key is made in the data directory, together with a new database"),
    variable("CREDENZA_ROOT_KEY", Kind::Secret, "The root key itself, base64 of 32 bytes", "see CREDENZA_ROOT_KEY_FILE"),
    variable("CREDENZA_ROOT_KEY_COMMAND", Kind::Plain, "A command that prints the root key, as a JSON array of its words", "see CREDENZA_ROOT_KEY_FILE"),
    variable("CREDENZA_MAIL_URL", Kind::Secret, "The mail server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465", "mails are kept as files in the data directory"),
    variable("CREDENZA_MAIL_FROM", Kind::Optional, "The sender of mails, such as Credenza <vault@example.com>", "credenza@ and the host of the public address"),
    variable("CREDENZA_EGRESS_ALLOW", Kind::Optional, "Private targets that checks may reach, comma separated", "public addresses and usual ports only"),
    variable("CREDENZA_EGRESS_CA_FILE", Kind::Optional, "PEM file of further authorities for outbound TLS", "the machine's authorities"),
    variable("CREDENZA_CATALOG_DIR", Kind::Optional, "Directory of your own integrations", "the built-in ones"),
    variable("CREDENZA_TRUSTED_PROXIES", Kind::Optional, "Addresses of reverse proxies, comma separated", "X-Forwarded-For is ignored"),
    variable("CREDENZA_EXIT_ON_DISK_FAULT", Kind::Plain, "1 ends the program with exit code 2 when a flush to the disk fails", "nothing more is written, and what is stored can be read"),
    variable("CREDENZA_SUPPORT_CONTACT", Kind::Optional, "Shown on error and help pages", "nothing is shown"),
    variable("CREDENZA_METRICS_LISTEN", Kind::Optional, "Address and port where Prometheus reads metrics", "off"),
    variable("CREDENZA_CHECKPOINT_FILE", Kind::Plain, "File to which signed checkpoints of the audit are appended", "checkpoints in the data directory"),
    variable("CREDENZA_CHECKPOINT_URL", Kind::Optional, "Address to which signed checkpoints of the audit are posted", "they are kept in the file alone"),
    variable("CREDENZA_LOG", Kind::Plain, "Log level, or target=level pairs, comma separated", "info"),
    variable("CREDENZA_LOG_FORMAT", Kind::Plain, "text or json", "text"),
];

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was set.
    Default,
    /// A variable of the environment.
    Environment,
    /// The file that the `*_FILE` variable names.
    File(PathBuf),
}

/// The variables that were set, and what is wrong with them so far.
#[derive(Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, Secret>,
    pub(super) origins: BTreeMap<&'static str, Origin>,
    problems: Vec<Problem>,
}

impl Given {
    pub(super) fn read(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut given = Self::default();
        for (name, value) in vars {
            given.accept(&name, value);
        }
        given
    }

    fn accept(&mut self, name: &str, value: String) {
        if let Some(variable) = VARIABLES.iter().find(|v| v.name == name) {
            match variable.kind {
                Kind::Optional if value.trim().is_empty() => {}
                _ if value.trim().is_empty() => self.problem(name, "is set but empty; give it a value or unset it"),
                _ => self.keep(variable.name, value, Origin::Environment),
            }
            return;
        }
        let base = name.strip_suffix("_FILE").and_then(|base| VARIABLES.iter().find(|v| v.name == base));
        match base.map(|v| (v.name, v.kind)) {
            Some((base, Kind::Secret)) => self.accept_file(base, name, PathBuf::from(value)),
            _ if name.starts_with("CREDENZA_") => {
                let hint = nearest(name).map_or_else(String::new, |near| format!("; did you mean {near}?"));
                self.problem(name, format!("is not a setting of Credenza{hint}"));
            }
            _ => {}
        }
    }

    fn accept_file(&mut self, base: &'static str, name: &str, path: PathBuf) {
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        let text = Secret::new(text);
        match read {
            Err(e) => self.problem(name, format!("names {}, which cannot be read: {e}", path.display())),
            Ok(_) if text.expose().trim().is_empty() => {
                self.problem(name, format!("names {}, which is empty", path.display()));
            }
            Ok(_) => self.keep(base, text.expose().trim_end_matches(['\r', '\n']).to_owned(), Origin::File(path)),
        }
    }

    fn keep(&mut self, name: &'static str, value: String, origin: Origin) {
        if self.values.insert(name, Secret::new(value)).is_some() {
            self.problem(name, "is given twice, directly and as a file; keep one");
        }
        self.origins.insert(name, origin);
    }

    /// The parsed value; `None` when it is not set or not acceptable, and then a problem is noted.
    pub(super) fn get<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        let parsed = parse(self.values.get(name)?.expose().trim());
        parsed.map_err(|expected| self.problem(name, expected)).ok()
    }

    pub(super) fn problem(&mut self, variable: &str, text: impl Into<String>) {
        self.problems.push(Problem { variable: variable.to_owned(), text: text.into() });
    }

    pub(super) fn finish(&mut self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError(std::mem::take(&mut self.problems))) }
    }
}

/// The known name that a mistyped one most resembles, if any is close.
fn nearest(name: &str) -> Option<&'static str> {
    let scored = VARIABLES.iter().map(|v| (distance(name, v.name), v.name));
    scored.min().filter(|(distance, _)| *distance <= 4).map(|(_, name)| name)
}

/// Edits that turn one name into the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
