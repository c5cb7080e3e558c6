//! Random bytes are a parameter, so that a source that fails or repeats can be handed in.

use crate::error::{Error, Result};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

type Source = dyn Fn(&mut [u8]) -> Result<()> + Send + Sync;

/// Where random bytes come from: the operating system, or what a test puts in its place.
#[derive(Clone, Default)]
pub struct Random(Option<Arc<Source>>);

impl Random {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(None)
    }

    /// A source of the caller's, for tests of what happens when it fails or repeats itself.
    pub fn from_fn(source: impl Fn(&mut [u8]) -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(source)))
    }

    /// Fills the buffer, or fails as unavailable; then nothing in it may be used.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        match &self.0 {
            None => getrandom::fill(buffer).map_err(|e| Error::unavailable(format!("no random bytes: {e}"))),
            Some(source) => source(buffer),
        }
    }

    /// Thirty-two fresh bytes for a key or a token.
    pub fn key_bytes(&self) -> Result<Zeroizing<[u8; 32]>> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.fill(bytes.as_mut_slice())?;
        Ok(bytes)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Random(given)" } else { "Random(system)" })
    }
}
