//! Channel binding: ties a sign-in to the certificate of its connection (`tls-server-end-point`, RFC 5929 §4).

use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio_rustls::client::TlsStream;

/// The hash of the certificate that the other side showed; `None` where its signature names no hash that we
/// know, so that the sign-in is not bound.
pub(super) fn end_point<S>(stream: &TlsStream<S>) -> Option<Vec<u8>> {
    let leaf = stream.get_ref().1.peer_certificates()?.first()?.as_ref();
    hash(leaf)
}

/// The certificate's hash by the function of its own signature; SHA-256 in place of older ones.
fn hash(certificate: &[u8]) -> Option<Vec<u8>> {
    match signature_algorithm(certificate)? {
        // RFC 8017 appendix C: md5, sha1, sha256, sha384 and sha512 with RSA.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last] => match last {
            0x04 | 0x05 | 0x0b => Some(Sha256::digest(certificate).to_vec()),
            0x0c => Some(Sha384::digest(certificate).to_vec()),
            0x0d => Some(Sha512::digest(certificate).to_vec()),
            _ => None,
        },
        // RFC 5758 §3.2: ECDSA with SHA-256, 384 and 512.
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last] => match last {
            0x02 => Some(Sha256::digest(certificate).to_vec()),
            0x03 => Some(Sha384::digest(certificate).to_vec()),
            0x04 => Some(Sha512::digest(certificate).to_vec()),
            _ => None,
        },
        _ => None,
    }
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// `signatureAlgorithm.algorithm` of a certificate in DER (RFC 5280 §4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (_, after_tbs) = element(whole, SEQUENCE)?;
    let (algorithm, _) = element(after_tbs, SEQUENCE)?;
    element(algorithm, OBJECT_IDENTIFIER).map(|(id, _)| id)
}

/// The content of the first element, which must have this tag, and what follows it (X.690 §8.1).
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    let [found, first] = *head;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::{element, hash};
    use rcgen::{CertificateParams, KeyPair};
    use sha2::{Digest, Sha256, Sha384};

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let small = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(hash(&small), Some(Sha256::digest(&small).to_vec()));
        let large = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(hash(&large), Some(Sha384::digest(&large).to_vec()));
        assert_eq!(hash(&certificate(&rcgen::PKCS_ED25519)), None);
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let good = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for end in 0..good.len() {
            let _ = hash(&good[..end]);
        }
        assert_eq!(element(&[0x30, 0x85, 1, 1, 1, 1, 1], 0x30), None);
        assert_eq!(element(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], 0x30), None);
        assert_eq!(element(&[0x30, 0x02, 7, 8, 9], 0x30), Some((&[7_u8, 8][..], &[9_u8][..])));
        assert_eq!(element(&[0x31, 0x00], 0x30), None);
    }
}
