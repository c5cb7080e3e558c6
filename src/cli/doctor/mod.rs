//! `credenza doctor`: looks at everything that an operator sets up, changes nothing, says what to do.

mod database;
mod disk;
mod files;
mod mail;
mod surroundings;

use super::exit::{Exit, Failure};
use super::open;
use std::fmt;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// One line.
struct Finding {
    level: Level,
    about: &'static str,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "OK",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        write!(f, "{level:<5} {}: {}", self.about, self.text)
    }
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// As it should be.
    fn ok(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { level: Level::Ok, about, text: text.into() });
    }

    /// Works, and could be better or safer.
    fn warn(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { level: Level::Warn, about, text: text.into() });
    }

    /// Does not work, or loses data.
    fn fail(&mut self, about: &'static str, text: impl Into<String>) {
        self.0.push(Finding { level: Level::Fail, about, text: text.into() });
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }
}

/// Prints a line for each thing looked at; exit 1 if one fails.
pub fn doctor() -> Result<Exit, Failure> {
    let config = open::config()?;
    let mut found = Findings::default();
    files::data(&config, &mut found);
    files::key(&config, &mut found);
    disk::look(&config, &mut found);
    let newest = surroundings::catalogue(&config, &mut found);
    surroundings::clock(newest, &mut found);
    database::look(&config, &mut found);
    surroundings::addresses(&config, &mut found);
    surroundings::egress(&config, &mut found);
    mail::look(&config, &mut found);
    found.0.iter().for_each(|finding| println!("{finding}"));
    let [ok, warn, fail] = [Level::Ok, Level::Warn, Level::Fail].map(|level| found.count(level));
    println!("{ok} OK, {warn} to look at, {fail} failed");
    Ok(if fail > 0 { Exit::Failed } else { Exit::Fine })
}
