//! When a secret says itself that it ends: a token in the form of a JWT has its end written into it.

use crate::catalog::form::Values;
use crate::clock::At;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

impl Values {
    /// The earliest end that one of the secrets names (`exp`, RFC 7519 §4.1.4); `None` where none does.
    pub fn ends_at(&self) -> Option<At> {
        self.secret.values().filter_map(end_of).min()
    }
}

fn end_of(secret: &Secret) -> Option<At> {
    let mut parts = secret.expose().trim().split('.');
    let (head, claims) = (read(parts.next()?)?, read(parts.next()?)?);
    let whole = parts.next().is_some() && parts.next().is_none() && head.contains_key("alg");
    let seconds = claims.get("exp").filter(|_| whole)?;
    let seconds = seconds.as_i64().or_else(|| seconds.as_f64().map(|exact| exact as i64))?;
    At::from_micros(seconds.checked_mul(1_000_000)?)
}

fn read(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Secret, URL_SAFE_NO_PAD, Values, end_of};
    use base64::Engine;

    fn jwt(claims: &str) -> Secret {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        Secret::new(format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("a signature")))
    }

    #[test]
    fn the_earliest_end_counts() {
        let mut values = Values::default();
        for (name, claims) in
            [("a", r#"{"exp":1900000000}"#), ("b", r#"{"exp":1800000000.5}"#), ("c", r#"{"iss":"x"}"#)]
        {
            values.secret.insert(name.to_owned(), jwt(claims));
        }
        values.secret.insert("d".to_owned(), Secret::new("sk_live_0123456789".to_owned()));
        assert_eq!(values.ends_at().unwrap().rfc3339(), "2027-01-15T08:00:00.000000Z");
        assert_eq!(Values::default().ends_at(), None);
    }

    #[test]
    fn what_is_no_such_token_has_no_end() {
        for text in ["", "a.b.c", "e30.e30.e30", "Bearer x.y.z"] {
            assert_eq!(end_of(&Secret::new(text.to_owned())), None, "{text}");
        }
        for claims in [r#"{"exp":"soon"}"#, r#"{"exp":9223372036854775807}"#, "[]"] {
            assert_eq!(end_of(&jwt(claims)), None, "{claims}");
        }
    }
}
