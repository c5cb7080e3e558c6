//! Envelope, key ring, password hashing, tokens, fingerprints. Knows no other room but the leaves.

mod acl;
pub mod bot_token;
pub mod context;
pub mod envelope;
pub mod fingerprint;
pub mod hasher;
pub mod keyring;
pub mod mac;
mod opened;
pub mod passkeys;
pub mod password;
pub mod password_rules;
pub mod random;
pub mod root_key;
pub mod root_key_command;
pub mod signer;
mod subkeys;
pub mod ticket;
pub mod token;
pub mod totp;
mod wrapped_root;

/// Lower-case hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
