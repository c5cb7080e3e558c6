//! Codes of an authenticator app (RFC 6238): six digits, thirty seconds, SHA-1, as every app knows them.

use crate::error::{Error, Result};
use crate::secret::Secret;
use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

/// Bytes of a seed (RFC 4226 §4, R6 recommends 160 bits).
pub const SEED: usize = 20;

/// The authenticator of one person.
pub struct Authenticator {
    totp: Totp,
}

impl Authenticator {
    /// From its seed; `account` is shown in the app.
    ///
    /// # Errors
    /// A seed of another length.
    pub fn new(seed: &[u8], account: &str) -> Result<Self> {
        if seed.len() != SEED {
            return Err(Error::internal("a seed of another length"));
        }
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(30)
            .with_secret(seed.to_vec())
            .with_account_name(account.replace(':', " "))
            .with_issuer(Some("Credenza"))
            .build()
            .map_err(Error::internal)?;
        Ok(Self { totp })
    }

    /// The time step that a code is of, at most one before or behind now; nothing but six ASCII digits is a code.
    pub fn step_of(&self, code: &str, unix_s: u64) -> Option<i64> {
        let is_code = code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
        let step = self.totp.check(code, unix_s).filter(|_| is_code)?;
        i64::try_from(step).ok()
    }

    /// The seed as a person types it: base32 in groups of four.
    pub fn typed(&self) -> Secret {
        let text = Zeroizing::new(self.totp.secret().to_base32());
        let groups: Vec<String> =
            text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
        Secret::new(groups.join(" "))
    }

    /// The address that a QR code holds.
    ///
    /// # Errors
    /// An account that cannot be written into one.
    pub fn address(&self) -> Result<Secret> {
        self.totp.to_url().map(Secret::new).map_err(Error::internal)
    }
}

/// A QR code as the path of an SVG image, one unit a module, and its width with the quiet zone around it.
pub struct Drawn {
    /// Width and height in modules, the quiet zone among them.
    pub width: usize,
    /// The dark modules, as a path.
    pub path: Secret,
}

/// Draws a text as a QR code.
///
/// # Errors
/// A text that is too long.
pub fn draw(text: &Secret) -> Result<Drawn> {
    const QUIET: usize = 4;
    let code = QrCode::with_error_correction_level(text.expose().as_bytes(), EcLevel::M).map_err(Error::internal)?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let path: String = dark.map(|(n, _)| format!("M{} {}h1v1h-1z", n % width + QUIET, n / width + QUIET)).collect();
    Ok(Drawn { width: width + 2 * QUIET, path: Secret::new(path) })
}

#[cfg(test)]
mod tests {
    use super::{Authenticator, draw};
    use crate::secret::Secret;

    /// The seed of RFC 6238, appendix B.
    fn authenticator() -> Authenticator {
        Authenticator::new(b"12345678901234567890", "ana@acme.example").unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(authenticator().step_of(code, time), Some((time / 30) as i64), "{time}");
            assert!(
                authenticator().step_of(code, time + 30).is_some()
                    && authenticator().step_of(code, time + 61).is_none()
            );
        }
    }

    #[test]
    fn t016_nothing_but_six_digits_is_a_code() {
        for code in [" 287082", "287082 ", "28708２", "287 082", "2870820", "28708", "", "287082\n"] {
            assert_eq!(authenticator().step_of(code, 59), None, "{code:?}");
        }
    }

    #[test]
    fn what_an_app_reads_holds_the_seed_and_the_account() {
        let address = authenticator().address().unwrap();
        assert!(address.expose().starts_with("otpauth://totp/Credenza:ana%40acme"), "{}", address.expose());
        assert!(address.expose().contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
        assert_eq!(authenticator().typed().expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(Authenticator::new(b"short", "a").is_err());
    }

    #[test]
    fn a_drawing_has_its_three_corners() {
        let drawn = draw(&Secret::new("otpauth://totp/x".into())).unwrap();
        let last = drawn.width - 5;
        for corner in ["M4 4h1", &format!("M{last} 4h1"), &format!("M4 {last}h1")] {
            assert!(drawn.path.expose().contains(corner), "{corner}");
        }
    }
}
