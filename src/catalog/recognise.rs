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
    /// The first of its shapes that a text, or a word of it, has.
    pub fn recognise<'c>(&'c self, text: &str) -> Option<Recognised<'c>> {
        let words = || std::iter::once(text.trim()).chain(text.split_whitespace());
        let (shape, word) =
            self.secrets.iter().find_map(|shape| words().find(|w| shape.pattern.fits(w)).map(|word| (shape, word)))?;
        Some(Recognised { integration: self, shape, env: shape.env_of(word) })
    }
}

impl Catalog {
    /// The first shape of any integration that a text has, for names and other fields that are not secret.
    pub fn recognise(&self, text: &str) -> Option<Recognised<'_>> {
        self.all().iter().find_map(|one| one.recognise(text))
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;
    use crate::catalog::schema::Env;

    #[test]
    fn keys_are_recognised_by_shape_and_system() {
        let catalog = Catalog::load(None).unwrap();
        let live = format!("sk_{}_{}", "live", "a1B2c3D4e5F6g7H8");
        let found = catalog.recognise(&live).unwrap();
        assert_eq!((found.integration.id.as_str(), found.env), ("stripe", Some(Env::Live)));
        let sentence = format!("the key is {}", live.replace("live", "test"));
        assert_eq!(catalog.recognise(&sentence).unwrap().env, Some(Env::Test));
        for text in ["Stripe production", "Credentials 1", "", "sk_live_"] {
            assert!(catalog.recognise(text).is_none(), "{text}");
        }
    }
}
