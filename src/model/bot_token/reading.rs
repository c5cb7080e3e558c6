//! What people and automations say about a token, read.

use super::{DAYS, MOST_DAYS, MOST_NAMED, Scope};
use ipnet::IpNet;
use std::net::IpAddr;

/// Reads a name: trimmed, 1 to 100 characters, no control characters. The error is for the field.
pub fn checked_name(name: &str) -> Result<String, &'static str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        Err("Say in a few words where the token will live, such as “Worker on the mail server”.")
    } else {
        Ok(name.to_owned())
    }
}

/// Reads networks: addresses or networks in CIDR form, between commas or white space. The error is for the field.
pub fn checked_networks(text: &str) -> Result<Vec<IpNet>, String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let read = |word: &str| {
        let network = word.parse::<IpNet>().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| network.trunc()).map_err(|_| {
            format!("“{word}” is not a network. Write addresses or networks such as 203.0.113.7 or 10.20.0.0/16.")
        })
    };
    let networks: Vec<IpNet> = words.map(read).collect::<Result<_, _>>()?;
    if networks.len() > MOST_NAMED { Err(format!("At most {MOST_NAMED} networks.")) } else { Ok(networks) }
}

/// Days that a token lives unless somebody says otherwise, in a workspace where one lives for at most `most`.
pub fn usual_days(most: i64) -> i64 {
    DAYS.min(most)
}

/// Reads the life of a token in days, of which the workspace allows `most`. The error is for the field.
pub fn checked_days(days: Option<i64>, most: i64) -> Result<i64, String> {
    let days = days.unwrap_or(usual_days(most));
    match (1..=most).contains(&days) {
        true => Ok(days),
        false if most < MOST_DAYS => Err(format!("In this workspace a token lives for 1 to {most} days.")),
        false => Err(format!("A token lives for 1 to {most} days.")),
    }
}

/// Reads what a token may do: something, and to manage only by itself. The error is for the field.
pub fn checked_scopes(words: &[String], manages: bool) -> Result<Vec<Scope>, &'static str> {
    let mut scopes: Vec<Scope> = Vec::new();
    for word in words {
        let scope = Scope::parse(word).ok_or("A scope is one of use, fetch and manage.")?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes.sort_unstable();
    match (manages, scopes.as_slice()) {
        (_, []) => Err("Choose what the token may do."),
        (true, [Scope::Manage]) => Ok(scopes),
        (true, _) => Err("A token that manages does nothing else: it never gets a secret."),
        (false, scopes_of_bot) if scopes_of_bot.contains(&Scope::Manage) => {
            Err("A token of a bot uses and fetches; one that manages is made for the workspace, not for a bot.")
        }
        (false, _) => Ok(scopes),
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, checked_days, checked_networks, checked_scopes};

    #[test]
    fn networks_are_read_in_one_spelling() {
        let read =
            |text: &str| checked_networks(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            read(" 10.1.2.3/8, 203.0.113.7\n2001:DB8::/32 ").unwrap(),
            ["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"]
        );
        assert_eq!(read("").unwrap(), Vec::<String>::new());
        for bad in ["10.0.0.0/33", "example.com", "10.0.0", "::1/129", "10.0.0.1/8/8"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn to_manage_stands_alone() {
        let read = |words: &[&str], manages| {
            checked_scopes(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), manages)
        };
        assert_eq!(read(&["fetch", "use", "fetch"], false).unwrap(), [Scope::Use, Scope::Fetch]);
        assert_eq!(read(&["manage"], true).unwrap(), [Scope::Manage]);
        for (words, manages) in
            [(&[][..], false), (&["manage"], false), (&["manage", "fetch"], true), (&["use"], true), (&["all"], false)]
        {
            assert!(read(words, manages).is_err(), "{words:?}");
        }
        assert_eq!(checked_days(None, 366), Ok(90));
        assert_eq!((checked_days(None, 30), checked_days(Some(30), 30)), (Ok(30), Ok(30)));
        assert!(checked_days(Some(31), 30).unwrap_err().starts_with("In this workspace"));
        assert!([0, 367, -1].into_iter().all(|days| checked_days(Some(days), 366).is_err()));
    }
}
