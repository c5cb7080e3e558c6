//! Loopback servers and an authority of their own, for tests.

use super::Egress;
use super::allow::Allow;
use super::dial::Dialer;
use super::lead::Lead;
use super::line::Stream;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) type Boxed = Box<dyn Stream>;

/// An authority that signs the certificates of a test.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's side of TLS for these names.
    pub fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        self.acceptor_with(names, |_| {}).0
    }

    /// The same with a change to the certificate; also gives the certificate.
    pub fn acceptor_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (TlsAcceptor, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        change(&mut params);
        let leaf = params.signed_by(&key, &self.0).unwrap();
        (acceptor(leaf.der().clone(), &key), leaf.der().to_vec())
    }
}

/// A server's side of TLS from one certificate.
pub(crate) fn acceptor(leaf: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// What a loopback server was told, in clear text.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Serves each connection with `talk`, encrypted where an acceptor is given.
pub(crate) async fn serve<F>(tls: Option<TlsAcceptor>, talk: impl Fn(Boxed) -> F + Send + Sync + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let stream: Boxed = match &tls {
                None => Box::new(socket),
                Some(tls) => match tls.accept(socket).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => continue,
                },
            };
            tokio::spawn(talk(stream));
        }
    });
    address
}

/// Serves HTTP: hears each request (head and body as text) and answers with raw bytes made from it.
pub(crate) async fn serve_http(
    tls: Option<TlsAcceptor>,
    heard: Heard,
    answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let answer = Arc::new(answer);
    serve(tls, move |mut stream| {
        let (heard, answer) = (heard.clone(), Arc::clone(&answer));
        async move {
            let Some(request) = read_request(&mut stream).await else { return };
            let bytes = answer(&request);
            heard.add(request);
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// Reads one request with its body.
pub(crate) async fn read_request(stream: &mut Boxed) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|l| l.to_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&more[..n]),
            _ => return None,
        }
    }
}

/// A JSON answer with a status.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Echo\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A caller whose connections all follow the lead.
pub(crate) fn caller(lead: Lead, authority: &Authority, allow: &str) -> Egress {
    Egress::new(Dialer::leading_to(lead, &authority.der()).unwrap(), Allow::parse(allow).unwrap())
}

/// How a staged mail server behaves.
#[derive(Clone, Default)]
pub(crate) struct MailScript {
    /// Whether STARTTLS is offered, and with what.
    pub starttls: Option<TlsAcceptor>,
    /// The line after EHLO that offers sign-in, such as `AUTH PLAIN LOGIN`.
    pub auth: &'static str,
    /// The reply to a finished sign-in.
    pub verdict: &'static str,
    /// Said together with the answer to STARTTLS.
    pub early: &'static str,
}

/// Serves SMTP as far as a sign-in needs it.
pub(crate) async fn serve_mail(tls: Option<TlsAcceptor>, heard: Heard, script: MailScript) -> SocketAddr {
    serve(tls, move |stream| mail(stream, heard.clone(), script.clone())).await
}

async fn mail(mut stream: Boxed, heard: Heard, script: MailScript) {
    let mut encrypted = false;
    let _ = stream.write_all(b"220 mx ESMTP \x1b[2J<script>\r\n").await;
    while let Some(line) = read_line(&mut stream).await {
        heard.add(format!("{}{line}", if encrypted { "tls:" } else { "" }));
        let offer = if encrypted || script.starttls.is_none() { script.auth } else { "STARTTLS" };
        let verb = line.split(' ').next().unwrap_or_default();
        let reply = match verb {
            "EHLO" => format!("250-mx\r\n250-PIPELINING\r\n250 {offer}\r\n"),
            "STARTTLS" => format!("220 go\r\n{}", script.early),
            "AUTH" if line == "AUTH LOGIN" => {
                let _ = stream.write_all(b"334 VXNlcm5hbWU6\r\n").await;
                let user = read_line(&mut stream).await.unwrap_or_default();
                let _ = stream.write_all(b"334 UGFzc3dvcmQ6\r\n").await;
                let password = read_line(&mut stream).await.unwrap_or_default();
                heard.add(format!("{user}/{password}"));
                format!("{}\r\n", script.verdict)
            }
            "AUTH" if line.starts_with("AUTH XOAUTH2") && script.verdict.starts_with('5') => {
                let _ = stream.write_all(b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n").await;
                let _ = read_line(&mut stream).await;
                format!("{}\r\n", script.verdict)
            }
            "AUTH" => format!("{}\r\n", script.verdict),
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "502 no\r\n".to_owned(),
        };
        let _ = stream.write_all(reply.as_bytes()).await;
        if verb == "STARTTLS"
            && let Some(tls) = &script.starttls
        {
            match tls.accept(stream).await {
                Ok(wrapped) => stream = Box::new(wrapped),
                Err(_) => return,
            }
            encrypted = true;
        }
    }
}

async fn read_line(stream: &mut Boxed) -> Option<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}
