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

    #[test]
    fn a_key_is_taken_for_its_own_service_and_for_no_other() {
        let catalog = Catalog::load(None).unwrap();
        let (hex, word) = ("0123456789abcdef".repeat(2), "PlayThrough0123456789abcdefghijklmn");
        let known = [
            ("anthropic", format!("sk-ant-api03-{word}")),
            ("anthropic", format!("sk-ant-admin01-{word}")),
            ("brevo", format!("xkeysib-{hex}{hex}-PlayThrough01234")),
            ("brevo", format!("xsmtpsib-{hex}{hex}-PlayThrough01234")),
            ("deepseek", format!("sk-{hex}")),
            ("discord", format!("MTk4NjIyNDgzNDcxOTI1MjQ4.PlayTh.{word}")),
            ("google-gemini", format!("AIza{word}")),
            ("google-gemini", format!("AQ.{word}")),
            ("groq", format!("gsk_{word}")),
            ("hubspot", "pat-na1-01234567-89ab-cdef-0123-456789abcdef".to_owned()),
            ("openai", format!("sk-proj-{word}")),
            ("openai", format!("sk-{word}")),
            ("sendgrid", format!("SG.PlayThrough0123456789A.{word}")),
            ("slack", format!("xoxb-0123456789-{word}")),
            ("slack", format!("xapp-1-A0123456789-{word}")),
            ("telegram", format!("123456789:{word}")),
        ];
        for (id, key) in known {
            let found = catalog.recognise(&key).unwrap_or_else(|| panic!("{id}: {key}"));
            assert_eq!(found.integration.id, id, "{key}");
        }
        // Names and identifiers that people write into other fields.
        let account = format!("AC{hex}");
        for text in [account.as_str(), hex.as_str(), "acme-store", "bots@acme.example", "198622483471925248", "10:30"] {
            assert!(catalog.recognise(text).is_none(), "{text}");
        }
    }
}
