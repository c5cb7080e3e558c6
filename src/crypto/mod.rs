//! Envelope, key ring, password hashing, tokens, fingerprints. Knows no other room but the leaves.

pub mod context;
pub mod envelope;
//pub mod keyring;
pub mod random;
//pub mod root_key;
//mod subkeys;
