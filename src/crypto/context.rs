//! What a sealed value belongs to: a list of parts that must be the same when it is opened.

use sha2::{Digest, Sha256};

/// The place of a sealed value: its purpose, then every identifier that must not change under it.
///
/// Each part is written after its length, so that no two lists have the same bytes. The parts hold no
/// secret. A new purpose is a new first part with a version in it, such as `cc/grant/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    parts: Vec<u8>,
}

/// Where the secret fields of one version of a credential belong.
#[derive(Debug, Clone, Copy)]
pub struct SecretPlace<'a> {
    /// The instance's id.
    pub instance: &'a str,
    /// The workspace's id.
    pub workspace: &'a str,
    /// The credential's id.
    pub credential: &'a str,
    /// The integration's slug.
    pub integration: &'a str,
    /// The method's slug.
    pub method: &'a str,
    /// The number of the version.
    pub version: u64,
    /// SHA-256 of the canonical destination.
    pub destination: &'a [u8; 32],
}

impl Context {
    /// A context of a purpose; parts are added by the methods below, always in one order.
    pub fn new(purpose: &'static str) -> Self {
        Self { parts: Vec::with_capacity(256) }.text(purpose)
    }

    /// The context of a credential's secret fields (`cc/secret/v1`).
    pub fn secret(place: SecretPlace<'_>) -> Self {
        Self::of_credential("cc/secret/v1", place)
    }

    /// The context of the secret fields of a workspace's OAuth client (`cc/app/v1`).
    pub fn app(instance: &str, workspace: &str, integration: &str, client: &str, revision: u64) -> Self {
        Self::new("cc/app/v1").text(instance).text(workspace).text(integration).text(client).number(revision)
    }

    /// The context of what was chosen before a consent (`cc/flow/v1`); `round` counts how often it was sealed.
    pub fn flow(instance: &str, workspace: &str, flow: &str, round: u64) -> Self {
        Self::new("cc/flow/v1").text(instance).text(workspace).text(flow).number(round)
    }

    /// The context of a credential's tokens (`cc/grant/v1`); its version is the serial number of the tokens.
    pub fn grant(place: SecretPlace<'_>) -> Self {
        Self::of_credential("cc/grant/v1", place)
    }

    fn of_credential(purpose: &'static str, place: SecretPlace<'_>) -> Self {
        Self::new(purpose)
            .text(place.instance)
            .text(place.workspace)
            .text(place.credential)
            .text(place.integration)
            .text(place.method)
            .number(place.version)
            .bytes(place.destination)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds a number, as eight bytes.
    #[must_use]
    pub fn number(self, part: u64) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        // Parts are ids, slugs and digests: a length beyond u32 cannot come up.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.parts.extend_from_slice(&length.to_be_bytes());
        self.parts.extend_from_slice(part);
        self
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.parts).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, SecretPlace};
    use proptest::prelude::*;

    #[test]
    fn the_parts_are_length_prefixed_in_the_stated_order() {
        let place = SecretPlace {
            instance: "i",
            workspace: "w",
            credential: "c",
            integration: "smtp",
            method: "password",
            version: 3,
            destination: &[7; 32],
        };
        let mut expected = Vec::new();
        for part in ["cc/secret/v1", "i", "w", "c", "smtp", "password"] {
            expected.extend_from_slice(&[0, 0, 0, part.len() as u8]);
            expected.extend_from_slice(part.as_bytes());
        }
        expected.extend_from_slice(&[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 32]);
        expected.extend_from_slice(&[7; 32]);
        assert_eq!(Context::secret(place).parts, expected);
    }

    proptest! {
        #[test]
        fn different_lists_have_different_bytes(
            a in prop::collection::vec("[ab]{0,3}", 0..5),
            b in prop::collection::vec("[ab]{0,3}", 0..5),
        ) {
            let build = |list: &[String]| list.iter().fold(Context::new("t"), |c, part| c.text(part));
            prop_assert_eq!(build(&a) == build(&b), a == b);
        }
    }
}
