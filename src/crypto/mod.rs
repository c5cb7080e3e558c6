//! Envelope, key ring, password hashing, tokens, fingerprints. Knows no other room but the leaves.
