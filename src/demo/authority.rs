//! A throw-away certificate authority, and servers' certificates of it in every state of health.

use crate::error::{Error, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// So many certificates are kept; then they are made anew.
const KEPT: usize = 500;

/// An authority with its key, and one key for all servers. Neither ever leaves the process.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    key: KeyPair,
    signing: Arc<dyn SigningKey>,
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
    ///
    /// # Errors
    /// When keys cannot be made on this machine.
    pub fn new() -> Result<Self> {
        let authority_key = KeyPair::generate().map_err(Error::internal)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(Error::internal)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Throw-away authority");
        let root = params.self_signed(&authority_key).map_err(Error::internal)?.der().clone();
        let key = KeyPair::generate().map_err(Error::internal)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = rustls::crypto::ring::sign::any_supported_type(&der).map_err(Error::internal)?;
        Ok(Self { issuer: Issuer::new(params, authority_key), root, key, signing })
    }

    /// The root certificate, for whoever shall trust it.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// A server's settings that answer to every name with a certificate of that name.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn server(self: &Arc<Self>, health: Health) -> Result<Arc<ServerConfig>> {
        let resolver = Arc::new(Names { authority: self.clone(), health, made: Mutex::default() });
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Ok(Arc::new(config))
    }

    /// A certificate for this name and its key, as a server of another make reads them (PEM).
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn pem(&self, name: &str) -> Result<(String, String)> {
        let made = || {
            let key = KeyPair::generate()?;
            let params = CertificateParams::new(vec![name.to_owned()])?;
            let certificate = params.signed_by(&key, &self.issuer)?;
            Ok::<_, rcgen::Error>((certificate.pem(), key.serialize_pem()))
        };
        made().map_err(Error::internal)
    }

    fn leaf(&self, name: &str, health: Health) -> std::result::Result<CertifiedKey, rcgen::Error> {
        let wanted = if health == Health::WrongHost { "somebody-else.example" } else { name };
        let mut params = CertificateParams::new(vec![wanted.to_owned()])?;
        if health == Health::Expired {
            params.not_before = rcgen::date_time_ymd(2019, 1, 1);
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&self.key, &self.issuer)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], self.signing.clone()))
    }
}

struct Names {
    authority: Arc<Authority>,
    health: Health,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
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
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(name) {
            return Some(known.clone());
        }
        let leaf = Arc::new(self.authority.leaf(name, self.health).ok()?);
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(name.to_owned(), leaf.clone());
        Some(leaf)
    }
}
