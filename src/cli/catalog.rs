//! `credenza catalog list` and `lint`.

use super::exit::{Exit, Failure};
use super::open;
use crate::catalog::lint;
use crate::clock::Clock;

/// Lists the services and the ways to sign in.
pub fn list() -> Result<Exit, Failure> {
    let catalog = open::catalog(&open::config()?)?;
    for line in lint::list(&catalog) {
        println!("{line}");
    }
    Ok(Exit::Fine)
}

/// Reports what could be better; a file that breaks a rule is refused before that.
pub fn lint() -> Result<Exit, Failure> {
    let catalog = open::catalog(&open::config()?)?;
    let found = lint::lint(&catalog, Clock::system().now().utc().date_naive());
    for finding in &found {
        println!("{finding}");
    }
    Ok(if found.is_empty() { Exit::Fine } else { Exit::Failed })
}
