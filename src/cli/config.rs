//! `credenza config explain`.

use super::exit::{Exit, Failure};
use super::open;
use crate::config::Origin;

/// Prints each setting: name, value, where the value comes from; below it what the setting is for.
pub fn explain() -> Result<Exit, Failure> {
    for setting in open::config()?.explain() {
        let origin = match &setting.origin {
            Origin::Default => "default".to_owned(),
            Origin::Environment => "environment".to_owned(),
            Origin::File(path) => format!("file {}", path.display()),
        };
        let value = if setting.value.is_empty() { "(not set)" } else { setting.value.as_str() };
        println!("{} = {value}  [{origin}]", setting.name);
        println!("    {}. Unset: {}.", setting.meaning, setting.unset);
    }
    Ok(Exit::Fine)
}
