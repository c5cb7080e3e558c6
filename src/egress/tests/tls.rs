use super::super::fault::{Fault, Network, TlsFault, TlsKind};
use super::super::lead::Lead;
use super::super::stage::{Authority, Heard, acceptor, caller, json, serve, serve_http};
use super::{get, policy, two_seconds};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

async fn kind(tls: TlsAcceptor, authority: &Authority) -> TlsKind {
    let heard = Heard::default();
    let listener = serve_http(Some(tls), heard.clone(), |_| json(200, "{}")).await;
    let egress = caller(Lead::to(listener), authority, "");
    let fault = get(&egress, "https://a.example/", &policy(&["a.example"]), &mut two_seconds()).await.unwrap_err();
    assert!(heard.all().is_empty(), "something was sent");
    match fault {
        Fault::Tls(TlsFault { kind, fingerprint: None }) => kind,
        other => panic!("{other:?}"),
    }
}

fn self_signed() -> (TlsAcceptor, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    (acceptor(leaf.der().clone(), &key), leaf.der().to_vec())
}

#[tokio::test]
async fn t099_bad_certificates_are_told_apart_and_nothing_is_sent() {
    let authority = Authority::new();
    let past = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let future = |params: &mut CertificateParams| params.not_before = date_time_ymd(2090, 1, 1);
    assert_eq!(kind(authority.acceptor_with(&["a.example"], past).0, &authority).await, TlsKind::Expired);
    assert_eq!(kind(authority.acceptor_with(&["a.example"], future).0, &authority).await, TlsKind::Expired);
    assert_eq!(kind(authority.acceptor(&["b.example"]), &authority).await, TlsKind::WrongHost);
    assert_eq!(kind(Authority::new().acceptor(&["a.example"]), &authority).await, TlsKind::Untrusted);
    assert_eq!(kind(self_signed().0, &authority).await, TlsKind::Untrusted);
}

#[tokio::test]
async fn t099_a_plain_text_port_is_the_wrong_version() {
    let listener = serve(None, |mut stream| async move {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    })
    .await;
    let egress = caller(Lead::to(listener), &Authority::new(), "");
    let fault = get(&egress, "https://a.example/", &policy(&["a.example"]), &mut two_seconds()).await.unwrap_err();
    assert!(matches!(fault, Fault::Tls(TlsFault { kind: TlsKind::WrongVersion, .. })), "{fault:?}");
}

#[tokio::test]
async fn t099_tls_1_1_is_the_wrong_version() {
    // A server of before 1.2 answers our hello with the alert protocol_version (70).
    let listener = serve(None, |mut stream| async move {
        let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]).await;
        let _ = super::super::stage::read_request(&mut stream).await;
    })
    .await;
    let egress = caller(Lead::to(listener), &Authority::new(), "");
    let fault = get(&egress, "https://a.example/", &policy(&["a.example"]), &mut two_seconds()).await.unwrap_err();
    assert!(matches!(fault, Fault::Tls(TlsFault { kind: TlsKind::WrongVersion, .. })), "{fault:?}");
}

#[tokio::test]
async fn t099_a_confirmed_fingerprint_counts_and_no_other() {
    let authority = Authority::new();
    let (tls, leaf) = self_signed();
    let expected: [u8; 32] = Sha256::digest(&leaf).into();
    let heard = Heard::default();
    let listener = serve_http(Some(tls), heard.clone(), |_| json(200, "{}")).await;
    let egress = caller(Lead::to(listener), &authority, "");
    let mut policy = policy(&["a.example"]);
    policy.may_pin = true;
    let fault = |kind| Fault::Tls(TlsFault { kind, fingerprint: Some(expected) });
    let first = get(&egress, "https://a.example/", &policy, &mut two_seconds()).await.unwrap_err();
    assert_eq!(first, fault(TlsKind::Untrusted));
    policy.pin = Some([7; 32]);
    let second = get(&egress, "https://a.example/", &policy, &mut two_seconds()).await.unwrap_err();
    assert_eq!(second, fault(TlsKind::PinMismatch));
    assert!(heard.all().is_empty(), "something was sent");
    policy.pin = Some(expected);
    assert_eq!(get(&egress, "https://a.example/", &policy, &mut two_seconds()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_pin_does_not_fall_back_to_the_authorities() {
    let authority = Authority::new();
    let heard = Heard::default();
    let listener = serve_http(Some(authority.acceptor(&["a.example"])), heard.clone(), |_| json(200, "{}")).await;
    let egress = Arc::new(caller(Lead::to(listener), &authority, ""));
    let mut policy = policy(&["a.example"]);
    policy.pin = Some([7; 32]);
    assert!(get(&egress, "https://a.example/", &policy, &mut two_seconds()).await.is_err());
    assert!(heard.all().is_empty());
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_handshake_is_a_reset() {
    let listener = serve(None, |stream| async move { drop(stream) }).await;
    let egress = caller(Lead::to(listener), &Authority::new(), "");
    let fault = get(&egress, "https://a.example/", &policy(&["a.example"]), &mut two_seconds()).await.unwrap_err();
    assert_eq!(fault, Fault::Network(Network::Reset));
}

#[test]
fn t099_sha_1_is_not_a_signature() {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let schemes = algorithms.supported_schemes();
    assert!(!schemes.is_empty());
    assert!(schemes.iter().all(|scheme| !format!("{scheme:?}").contains("SHA1")), "{schemes:?}");
}
