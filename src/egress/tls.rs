//! The encrypted connection: always verified, by a known authority or by a confirmed fingerprint.

use super::fault::{Fault, Network, TlsFault, TlsKind};
use super::policy::Policy;
use super::target::Host;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes the connection encrypted and verified; nothing but the handshake is sent.
pub(super) async fn encrypt<S>(
    stream: S,
    host: &Host,
    alpn: &[&[u8]],
    roots: Arc<RootCertStore>,
    policy: &Policy,
) -> Result<TlsStream<S>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Verifier::new(roots, policy.pin, &provider).map_err(|_| other())?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|_| other())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = match host {
        Host::Ip(ip) => ServerName::from(*ip),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| other())?,
    };
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| fault(&error, verifier.seen(), policy))
}

fn other() -> Fault {
    Fault::Tls(TlsFault { kind: TlsKind::Other, fingerprint: None })
}

fn fault(error: &std::io::Error, seen: Option<[u8; 32]>, policy: &Policy) -> Fault {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<RustlsError>()) else {
        return Fault::Network(Network::from(error));
    };
    let kind = sort(error);
    let offered = policy.may_pin && matches!(error, RustlsError::InvalidCertificate(_));
    Fault::Tls(TlsFault { kind, fingerprint: seen.filter(|_| offered) })
}

fn sort(error: &RustlsError) -> TlsKind {
    use CertificateError as C;
    match error {
        RustlsError::InvalidCertificate(certificate) => match certificate {
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => TlsKind::Expired,
            C::NotValidForName | C::NotValidForNameContext { .. } => TlsKind::WrongHost,
            C::ApplicationVerificationFailure => TlsKind::PinMismatch,
            _ => TlsKind::Untrusted,
        },
        RustlsError::NoCertificatesPresented => TlsKind::Untrusted,
        RustlsError::InvalidMessage(_) | RustlsError::PeerIncompatible(_) => TlsKind::WrongVersion,
        RustlsError::InappropriateMessage { .. } | RustlsError::PeerSentOversizedRecord => TlsKind::WrongVersion,
        RustlsError::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure) => {
            TlsKind::WrongVersion
        }
        _ => TlsKind::Other,
    }
}

/// Verifies by the authorities, or by the confirmed fingerprint where there is one; remembers the
/// leaf's fingerprint either way.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    pin: Option<[u8; 32]>,
    seen: Mutex<Option<[u8; 32]>>,
}

impl Verifier {
    fn new(
        roots: Arc<RootCertStore>,
        pin: Option<[u8; 32]>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, rustls::client::VerifierBuilderError> {
        let chain = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build()?;
        Ok(Self { chain, pin, seen: Mutex::new(None) })
    }

    fn seen(&self) -> Option<[u8; 32]> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let fingerprint: [u8; 32] = Sha256::digest(leaf.as_ref()).into();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        match &self.pin {
            None => self.chain.verify_server_cert(leaf, chain, name, ocsp, now),
            Some(pin) if bool::from(pin.ct_eq(&fingerprint)) => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.chain.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        self.chain.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
