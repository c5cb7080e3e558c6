//! Secrets have a type of their own: they cannot be shown, copied, compared or written out by accident.

use std::fmt;
use zeroize::Zeroizing;

/// Text that must not be seen: wiped when dropped, opaque in `Debug`.
///
/// It has no `Display`, `Serialize`, `Clone` or `PartialEq` (T077):
///
/// ```compile_fail
/// let secret = credenza::secret::Secret::new("x".to_owned());
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = credenza::secret::Secret::new("x".to_owned());
/// let copy = secret.clone();
/// ```
/// ```compile_fail
/// let secret = credenza::secret::Secret::new("x".to_owned());
/// serde_json::to_string(&secret).unwrap();
/// ```
/// ```compile_fail
/// let secret = credenza::secret::Secret::new("x".to_owned());
/// assert!(secret == secret);
/// ```
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of a secret text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Each call is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A second holder of the same text, said aloud.
    pub fn duplicate(&self) -> Self {
        Self::new(self.0.as_str().to_owned())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_is_opaque() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "Secret(…)");
    }
}
