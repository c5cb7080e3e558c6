//! Recognises secrets by their shape: what was pasted, and whether it is of a live or a test system.

use crate::catalog::load::Catalog;
use crate::catalog::schema::{Env, Integration, SecretShape};

/// What a text looks like.
#[derive(Debug, Clone, Copy)]
pub struct Recognised<'c> {
    /// The service.
    pub integration: &'c Integration,
    /// The shape that fits.
    pub shape: &'c SecretShape,
    /// Live or test, where the shape tells.
    pub env: Option<Env>,
}

impl SecretShape {
    /// Whether a key of this shape is of the live or the test system, where it tells.
    pub fn env_of(&self, text: &str) -> Option<Env> {
        self.env.iter().find(|(pattern, _)| pattern.fits(text)).map(|(_, env)| *env)
    }
}

impl Env {
    /// As it is stored and drawn: `live` or `test`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl Integration {
    /// The first of its shapes that a text has.
    pub fn recognise<'c>(&'c self, text: &str) -> Option<Recognised<'c>> {
        let shape = self.secrets.iter().find(|shape| shape.pattern.fits(text.trim()))?;
        Some(Recognised { integration: self, shape, env: shape.env_of(text.trim()) })
    }
}

impl Catalog {
    /// The first shape of any integration that a text has, for names and other fields that are not secret.
    pub fn recognise(&self, text: &str) -> Option<Recognised<'_>> {
        self.all().iter().find_map(|one| one.recognise(text))
    }
}
