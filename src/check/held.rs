//! The values that the templates of one call may name.

use crate::catalog::form::Values;
use crate::clock::At;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// What a sign-in gave: the live token and whatever else the file saves. Kept in memory only.
#[derive(Debug, Default)]
pub struct Session {
    /// Saved values by name; `token` is the live one.
    pub values: BTreeMap<String, Secret>,
    /// When it ends, where that is known.
    pub expires_at: Option<At>,
}

/// A credential's values and its session, looked up by the names that templates use.
pub struct Held<'a> {
    /// As the form parsed them.
    pub values: &'a Values,
    /// What the sign-in gave.
    pub session: &'a Session,
}

impl<'a> Held<'a> {
    /// The value of a name: of the session first, then secret, then plain.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let session = self.session.values.get(name).map(Secret::expose);
        let secret = || self.values.secret.get(name).map(Secret::expose);
        session.or_else(secret).or_else(|| self.values.plain.get(name).map(String::as_str))
    }

    /// Every text that must not come back to a screen: secrets, and what the session holds.
    pub fn secrets(&self) -> impl Iterator<Item = &'a str> {
        self.values.secret.values().chain(self.session.values.values()).map(Secret::expose)
    }
}
