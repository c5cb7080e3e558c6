//! How names are looked up, connections opened and authorities trusted.

use super::fault::Network;
use super::lead::Lead;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// Looks names up, opens connections, knows the trusted authorities, and counts both.
pub struct Dialer {
    ways: Ways,
    roots: Arc<RootCertStore>,
    lookups: AtomicU64,
    connections: AtomicU64,
}

enum Ways {
    Network(Box<TokioResolver>),
    Led(Lead),
}

/// Why a [`Dialer`] cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BadDialer {
    /// The file of further authorities holds none.
    #[error("CREDENZA_EGRESS_CA_FILE: {0} holds no certificate that can be read (PEM).")]
    CaFile(String),
    /// The resolver cannot be made.
    #[error("Names cannot be looked up on this machine: {0}")]
    Resolver(String),
}

impl Dialer {
    /// The real one: the machine's name servers and hosts file, its authorities (or the built-in ones
    /// where it has none), and those of `CREDENZA_EGRESS_CA_FILE`. It uses no proxy of the environment.
    ///
    /// # Errors
    /// [`BadDialer`] when the file cannot be read or the resolver cannot be made.
    pub fn system(ca_file: Option<&Path>) -> Result<Self, BadDialer> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(path) = ca_file {
            add_authorities(&mut roots, path)?;
        }
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "the name servers of this machine cannot be read: only its hosts file is used");
            let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            TokioResolver::builder_with_config(none, TokioRuntimeProvider::default())
        });
        Ok(Self::new(Ways::Network(Box::new(resolver(builder)?)), roots))
    }

    /// One that never leaves this machine: every name and connection follows the lead, and only the
    /// given authority is trusted. For tests and demonstrations; nothing at run time selects it.
    ///
    /// # Errors
    /// [`BadDialer::CaFile`] when the authority is not a certificate (DER).
    pub fn leading_to(lead: Lead, authority: &[u8]) -> Result<Self, BadDialer> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.to_vec()))
            .map_err(|_| BadDialer::CaFile("the authority".to_owned()))?;
        Ok(Self::new(Ways::Led(lead), roots))
    }

    fn new(ways: Ways, roots: RootCertStore) -> Self {
        Self { ways, roots: Arc::new(roots), lookups: AtomicU64::new(0), connections: AtomicU64::new(0) }
    }

    /// The trusted authorities.
    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    /// How many names were looked up so far.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::SeqCst)
    }

    /// How many connections were tried so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// The addresses that a led dialer was told to dial, as the rules saw them; empty for the real one.
    pub fn dialled(&self) -> Vec<SocketAddr> {
        match &self.ways {
            Ways::Led(lead) => lead.dialled(),
            Ways::Network(_) => Vec::new(),
        }
    }

    /// Every address of a name.
    pub(super) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Network> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        match &self.ways {
            Ways::Led(lead) => lead.resolve(name),
            Ways::Network(resolver) => {
                // A name with a dot is complete: the machine's search domains must not lengthen it.
                let asked = if name.contains('.') { format!("{name}.") } else { name.to_owned() };
                match resolver.lookup_ip(asked).await {
                    Ok(found) => Some(found.iter().collect::<Vec<_>>()).filter(|a| !a.is_empty()).ok_or(Network::Dns),
                    Err(error) if error.is_no_records_found() => Err(Network::Dns),
                    Err(_) => Err(Network::DnsFailed),
                }
            }
        }
    }

    /// Opens a connection to an address that was judged.
    pub(super) async fn connect(&self, ip: IpAddr, port: u16) -> std::io::Result<TcpStream> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let address = SocketAddr::new(ip, port);
        let stream = match &self.ways {
            Ways::Led(lead) => TcpStream::connect(lead.route(address)?).await?,
            Ways::Network(_) => TcpStream::connect(address).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Asks for both families, so that all addresses are judged, and keeps no answers: a name that was
/// mended a moment ago is seen.
fn resolver(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, BadDialer> {
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    options.cache_size = 0;
    builder.build().map_err(|error| BadDialer::Resolver(error.to_string()))
}

fn add_authorities(roots: &mut RootCertStore, path: &Path) -> Result<(), BadDialer> {
    let bad = || BadDialer::CaFile(path.display().to_string());
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| bad())? {
        roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
        found = true;
    }
    if found { Ok(()) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::{Dialer, Ways, resolver};
    use crate::egress::fault::Network;
    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use rustls::RootCertStore;
    use std::net::{IpAddr, SocketAddr};
    use tokio::net::UdpSocket;

    /// A name server that answers every A question with `code` and these addresses, every other with none.
    async fn name_server(code: u8, addresses: &'static [[u8; 4]]) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                // RFC 1035 §4.1: twelve octets of header, then the name in labels, type and class.
                let end = 12 + packet[12..length].iter().position(|b| *b == 0).unwrap() + 5;
                let records = if packet[end - 3] == 1 { addresses } else { &[] };
                let mut reply = packet[..2].to_vec();
                reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
                reply.extend(&packet[12..end]);
                for record in records {
                    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                    reply.extend(record);
                }
                let _ = socket.send_to(&reply, from).await;
            }
        });
        address
    }

    async fn ask(code: u8, addresses: &'static [[u8; 4]]) -> Result<Vec<IpAddr>, Network> {
        let server = name_server(code, addresses).await;
        let mut one = NameServerConfig::udp(server.ip());
        one.connections.iter_mut().for_each(|connection| connection.port = server.port());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![one]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let dialer = Dialer::new(Ways::Network(Box::new(resolver(builder).unwrap())), RootCertStore::empty());
        dialer.resolve("mail.example.com").await
    }

    #[tokio::test]
    async fn without_name_servers_the_hosts_file_is_left() {
        let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let builder = TokioResolver::builder_with_config(none, TokioRuntimeProvider::default());
        let dialer = Dialer::new(Ways::Network(Box::new(resolver(builder).unwrap())), RootCertStore::empty());
        assert!(dialer.resolve("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
        assert_eq!(dialer.resolve("mail.example.com").await, Err(Network::DnsFailed));
    }

    #[tokio::test]
    async fn answers_of_name_servers_are_told_apart() {
        let both: Vec<IpAddr> = vec!["9.9.9.9".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let mut found = ask(0, &[[9, 9, 9, 9], [10, 0, 0, 1]]).await.unwrap();
        found.sort_by_key(|ip| *ip != both[0]);
        assert_eq!(found, both);
        assert_eq!(ask(3, &[]).await, Err(Network::Dns));
        assert_eq!(ask(0, &[]).await, Err(Network::Dns));
        assert_eq!(ask(2, &[]).await, Err(Network::DnsFailed));
    }
}
