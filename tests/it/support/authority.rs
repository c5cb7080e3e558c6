//! A certificate authority made for one test, and servers' certificates in every state of health.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;

/// An authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// What is wrong with a server's certificate, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing.
    Good,
    /// Its time is over.
    Expired,
    /// It was made for another name.
    WrongHost,
    /// There is none: the handshake ends with an alert.
    Missing,
}

impl Authority {
    /// A new authority; nobody trusts it until told to.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        let root = params.self_signed(&key).expect("a root");
        Self { root: root.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// The root certificate, for whoever shall trust it.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// A server's settings that answer to every name with a certificate of that name.
    pub fn server(self: &Arc<Self>, health: Health) -> Arc<ServerConfig> {
        let resolver = Arc::new(Names { authority: self.clone(), health });
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Arc::new(config)
    }

    /// A certificate for this name and its key, as a server of another make reads them (PEM).
    pub fn pem(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        (certificate.pem(), key.serialize_pem())
    }

    fn leaf(&self, name: &str, health: Health) -> CertifiedKey {
        let key = KeyPair::generate().expect("a key");
        let wanted = if health == Health::WrongHost { "somebody-else.example" } else { name };
        let mut params = CertificateParams::new(vec![wanted.to_owned()]).expect("a name");
        if health == Health::Expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key for signing");
        CertifiedKey::new(vec![certificate.der().clone()], key)
    }
}

struct Names {
    authority: Arc<Authority>,
    health: Health,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({:?})", self.health)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if self.health == Health::Missing {
            return None;
        }
        let name = hello.server_name().unwrap_or("127.0.0.1");
        Some(Arc::new(self.authority.leaf(name, self.health)))
    }
}
