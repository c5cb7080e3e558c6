//! Signs an assertion (RFC 7519, RFC 7515) with the key of a credential.

use super::held::Held;
use super::inject::Unfit;
use crate::catalog::place::Place;
use crate::catalog::schema::{Jwt, JwtAlg};
use crate::clock::At;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value};

const BAD_KEY: Unfit = Unfit::Value(
    "The private key cannot be read. Paste the whole key, from the BEGIN line to the END line, as it was created.",
);

/// The signed assertion; claims that come out empty are left out, `iat` and `exp` are added.
///
/// # Errors
/// [`Unfit`] when the key cannot be read or a template does not render.
pub fn sign(jwt: &Jwt, held: &Held<'_>, now: At) -> Result<Secret, Unfit> {
    let scope = |name: &str| held.get(name);
    let alg = match jwt.alg {
        JwtAlg::Rs256 => "RS256",
        JwtAlg::Es256 => "ES256",
        JwtAlg::Hs256 => "HS256",
    };
    let mut header = Map::from_iter([("alg".to_owned(), alg.into()), ("typ".to_owned(), "JWT".into())]);
    for (name, template) in &jwt.header {
        header.extend(template.render(&scope)?.map(|value| (name.clone(), value)));
    }
    let issued = now.micros().div_euclid(1_000_000);
    let ends = issued.saturating_add_unsigned(jwt.ttl_s);
    let mut claims = Map::from_iter([("iat".to_owned(), issued.into()), ("exp".to_owned(), ends.into())]);
    for (name, template) in &jwt.claims {
        claims.extend(template.render(&scope)?.map(|value| (name.clone(), value)));
    }
    let text = format!("{}.{}", encode(header), encode(claims));
    let key = jwt.key.render(&scope, Place::Raw)?;
    let signature = match jwt.alg {
        JwtAlg::Hs256 => hmac(&key, text.as_bytes()),
        JwtAlg::Rs256 => rsa(&key, text.as_bytes()),
        JwtAlg::Es256 => ecdsa(&key, text.as_bytes()),
    }?;
    Ok(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn encode(map: Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(map).to_string())
}

fn hmac(key: &Secret, text: &[u8]) -> Result<Vec<u8>, Unfit> {
    if key.is_empty() {
        return Err(BAD_KEY);
    }
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.expose().as_bytes());
    Ok(ring::hmac::sign(&key, text).as_ref().to_vec())
}

fn rsa(key: &Secret, text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let pair = match private_key(key)? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(BAD_KEY),
    };
    let pair = pair.map_err(|_| BAD_KEY)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).map_err(|_| BAD_KEY)?;
    Ok(signature)
}

fn ecdsa(key: &Secret, text: &[u8]) -> Result<Vec<u8>, Unfit> {
    let PrivateKeyDer::Pkcs8(der) = private_key(key)? else { return Err(BAD_KEY) };
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der(), &random);
    let signature = pair.map_err(|_| BAD_KEY)?.sign(&random, text).map_err(|_| BAD_KEY)?;
    Ok(signature.as_ref().to_vec())
}

/// Reads a PEM of PKCS#1 or PKCS#8, also where its line ends were written out as `\n`.
fn private_key(key: &Secret) -> Result<PrivateKeyDer<'static>, Unfit> {
    let lines = Secret::new(key.expose().replace("\\n", "\n"));
    PrivateKeyDer::from_pem_slice(lines.expose().as_bytes()).map_err(|_| BAD_KEY)
}

#[cfg(test)]
mod tests {
    use super::sign;
    use crate::catalog::form::Values;
    use crate::catalog::schema::Jwt;
    use crate::check::held::{Held, Session};
    use crate::clock::At;
    use crate::secret::Secret;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject;
    use serde_json::{Value, json};

    const RSA: &str = include_str!("../demo/sample-key.pem");

    /// Signs with a key and gives the signed text and the signature.
    fn signed(alg: &str, key: &str) -> Option<(String, Vec<u8>)> {
        let jwt = format!(
            r#"{{"alg":"{alg}","key":"{{key}}","ttl_s":60,"header":{{"kid":"k1"}},"claims":{{"iss":"{{user}}","sub":"{{none}}"}}}}"#
        );
        let jwt: Jwt = serde_json::from_str(&jwt).unwrap();
        let mut values = Values::default();
        values.plain.insert("user".into(), "joe".into());
        values.secret.insert("key".into(), Secret::new(key.into()));
        let held = Held { values: &values, session: &Session::default() };
        let token = sign(&jwt, &held, At::from_micros(1_700_000_000_900_000).unwrap()).ok()?;
        let (text, signature) = token.expose().rsplit_once('.').unwrap();
        Some((text.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap()))
    }

    fn part(text: &str, at: usize) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.split('.').nth(at).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn header_and_claims_are_those_of_the_file_and_the_clock() {
        let (text, signature) = signed("HS256", "a-shared-key").unwrap();
        assert_eq!(part(&text, 0), json!({"alg": "HS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(part(&text, 1), json!({"iat": 1_700_000_000, "exp": 1_700_000_060, "iss": "joe"}));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a-shared-key");
        ring::hmac::verify(&key, text.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn keys_on_one_line_are_restored() {
        let expected = signed("RS256", RSA).unwrap();
        assert_eq!(signed("RS256", &RSA.replace('\n', "\\n")).unwrap(), expected);
    }

    #[test]
    fn a_key_in_the_older_form_signs_alike() {
        // PKCS#8 wraps PKCS#1 (RFC 5208): the inner key follows the algorithm's fixed 26 octets.
        let der = PrivatePkcs8KeyDer::from_pem_slice(RSA.as_bytes()).unwrap();
        let inner = base64::engine::general_purpose::STANDARD.encode(&der.secret_pkcs8_der()[26..]);
        let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{inner}\n-----END RSA PRIVATE KEY-----\n");
        assert_eq!(signed("RS256", &pem).unwrap(), signed("RS256", RSA).unwrap());
    }

    #[test]
    fn elliptic_signatures_verify() {
        let key = rcgen::KeyPair::generate().unwrap();
        let (text, signature) = signed("ES256", &key.serialize_pem()).unwrap();
        let random = ring::rand::SystemRandom::new();
        let alg = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = ring::signature::EcdsaKeyPair::from_pkcs8(alg, key.serialized_der(), &random).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        public.verify(text.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn keys_of_another_kind_are_refused() {
        let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(signed("RS256", &elliptic).is_none());
        assert!(signed("ES256", RSA).is_none());
        assert!(signed("HS256", "").is_none());
    }
}
