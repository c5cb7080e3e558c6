//! Passwords.

use std::fmt;
use zeroize::Zeroizing;

/// The secret input of password hashes, from the instance root; a copy of the database lacks it.
pub struct Pepper {
    id: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl Pepper {
    /// A pepper of that id: kept in each hash as `keyid`.
    pub fn new(id: u32, bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { id, bytes }
    }

    /// A second holder of the same pepper, said aloud.
    pub fn duplicate(&self) -> Self {
        Self { id: self.id, bytes: self.bytes.clone() }
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id)
    }
}
