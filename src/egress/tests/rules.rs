use super::super::dial::Dialer;
use super::super::fault::{Fault, Network, Rule};
use super::super::lead::{Found, Lead};
use super::super::stage::{Authority, Heard, caller, json, serve_http};
use super::super::trace::Phase;
use super::{get, policy, two_seconds};
use crate::egress::Egress;
use crate::egress::allow::Allow;

fn addresses(ips: &[&str]) -> Found {
    Found::Addresses(ips.iter().map(|ip| ip.parse().unwrap()).collect())
}

async fn refused(egress: &Egress, address: &str, host: &str) -> Rule {
    match get(egress, address, &policy(&[host]), &mut two_seconds()).await {
        Err(Fault::Refused(refusal)) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn t086_t088_t089_no_connection_to_addresses_that_are_not_public() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "");
    for ip in [
        "127.0.0.2",
        "10.1.2.3",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "[::1]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
    ] {
        assert_eq!(refused(&egress, &format!("https://{ip}/"), ip).await, Rule::Private, "{ip}");
    }
    assert_eq!(refused(&egress, "https://169.254.169.254/latest", "169.254.169.254").await, Rule::Metadata);
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (0, 0));
}

#[tokio::test]
async fn t093_mixed_answers_are_denied_before_a_connection() {
    let mixed = ["9.9.9.9", "127.0.0.1"];
    let lead =
        Lead::nowhere().name("a.example", [addresses(&mixed)]).name("b.example", [addresses(&["fd00::1", "9.9.9.9"])]);
    let egress = caller(lead, &Authority::new(), "");
    assert_eq!(refused(&egress, "https://a.example/", "a.example").await, Rule::Private);
    assert_eq!(refused(&egress, "https://b.example/", "b.example").await, Rule::Private);
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (2, 0));
}

#[tokio::test]
async fn t093_a_name_is_looked_up_once_and_its_judged_address_dialled() {
    let authority = Authority::new();
    let heard = Heard::default();
    let listener = serve_http(Some(authority.acceptor(&["a.example"])), heard.clone(), |_| json(200, "{}")).await;
    let lead = Lead::to(listener).name("a.example", [addresses(&["9.9.9.9"]), addresses(&["127.0.0.1"])]);
    let egress = caller(lead, &authority, "");
    let mut trace = two_seconds();
    assert_eq!(get(&egress, "https://a.example/", &policy(&["a.example"]), &mut trace).await.unwrap().status, 200);
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (1, 1));
    assert_eq!(egress.dialer().dialled(), ["9.9.9.9:443".parse().unwrap()]);
    assert_eq!(
        trace.timed().iter().map(|t| t.phase).collect::<Vec<_>>(),
        [Phase::Lookup, Phase::Connect, Phase::Tls, Phase::Request]
    );
    assert_eq!(refused(&egress, "https://a.example/", "a.example").await, Rule::Private);
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn both_families_of_addresses_are_tried() {
    let many = ["9.9.9.9", "9.9.9.10", "9.9.9.11", "9.9.9.12", "2620:fe::9", "2620:fe::10"];
    let two = ["2620:fe::9", "2620:fe::10", "9.9.9.9"];
    for (found, tried) in [
        (&many[..], &["9.9.9.9:443", "[2620:fe::9]:443", "9.9.9.10:443", "[2620:fe::10]:443"][..]),
        (&many[..4], &["9.9.9.9:443", "9.9.9.10:443", "9.9.9.11:443", "9.9.9.12:443"][..]),
        (&two[..], &["[2620:fe::9]:443", "9.9.9.9:443", "[2620:fe::10]:443"][..]),
    ] {
        let egress = caller(Lead::cut_off().name("a.example", [addresses(found)]), &Authority::new(), "");
        let fault = get(&egress, "https://a.example/", &policy(&["a.example"]), &mut two_seconds()).await.unwrap_err();
        assert_eq!(fault, Fault::Network(Network::Unreachable));
        let dialled: Vec<String> = egress.dialer().dialled().iter().map(ToString::to_string).collect();
        assert_eq!(dialled, tried);
    }
}

#[tokio::test]
async fn t094_names_that_lead_inside_are_denied() {
    let egress = caller(Lead::nowhere().name("localtest.me", [addresses(&["127.0.0.1"])]), &Authority::new(), "");
    assert_eq!(refused(&egress, "https://localtest.me/", "localtest.me").await, Rule::Private);
    assert_eq!(egress.dialer().lookups(), 1);
    for name in ["localhost", "a.localhost"] {
        assert_eq!(refused(&egress, &format!("https://{name}/"), name).await, Rule::Private);
    }
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (1, 0));
}

#[tokio::test]
async fn t097_t100_t101_refusals_cost_no_lookup_and_no_connection() {
    let egress = caller(Lead::nowhere(), &Authority::new(), "").keeping_from(8443);
    assert_eq!(refused(&egress, "https://evilexample.com/", "*.example.com").await, Rule::Host);
    assert_eq!(refused(&egress, "https://a.example.com.evil.tld/", "*.example.com").await, Rule::Host);
    assert_eq!(refused(&egress, "https://a.example.com:22/", "*.example.com").await, Rule::Port);
    assert_eq!(refused(&egress, "https://a.example.com:8443/", "*.example.com").await, Rule::Own);
    assert_eq!(refused(&egress, "http://a.example.com/", "*.example.com").await, Rule::PlainHttp);
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (0, 0));
}

#[tokio::test]
async fn look_ups_that_fail_are_told_apart() {
    let lead = Lead::nowhere().name("a.example", [Found::Nothing]).name("b.example", [Found::Failure]);
    let egress = caller(lead, &Authority::new(), "");
    for (name, expected) in
        [("a.example", Network::Dns), ("b.example", Network::DnsFailed), ("c.example", Network::Refused)]
    {
        let mut trace = two_seconds();
        let fault = get(&egress, &format!("https://{name}/"), &policy(&[name]), &mut trace).await.unwrap_err();
        assert_eq!(fault, Fault::Network(expected));
        assert_eq!(trace.connected(), expected == Network::Refused);
        assert!(!trace.timed().last().unwrap().ok);
    }
}

#[tokio::test]
async fn plain_http_goes_only_where_the_operator_wrote_it() {
    let heard = Heard::default();
    let listener = serve_http(None, heard.clone(), |_| json(200, "{}")).await;
    let egress =
        caller(Lead::to(listener).name("erp.lan", [addresses(&["10.0.0.1"])]), &Authority::new(), "http://erp.lan:80");
    assert_eq!(get(&egress, "http://erp.lan/", &policy(&["erp.lan"]), &mut two_seconds()).await.unwrap().status, 200);
    assert_eq!(refused(&egress, "http://other.lan/", "other.lan").await, Rule::PlainHttp);
    assert_eq!(heard.all().len(), 1);
}

#[tokio::test]
async fn the_real_dialer_reads_the_hosts_file_and_is_judged_alike() {
    let egress = Egress::new(Dialer::system(None).unwrap(), Allow::parse("localhost:443").unwrap());
    let never = super::Policy { private: crate::egress::policy::Private::Never, ..policy(&["localhost"]) };
    let fault = get(&egress, "https://localhost/", &never, &mut two_seconds()).await.unwrap_err();
    assert!(matches!(fault, Fault::Refused(_)), "{fault:?}");
    // Nothing listens on 443 here, so that an allowed name comes as far as the connection.
    let fault = get(&egress, "https://localhost/", &policy(&["localhost"]), &mut two_seconds()).await.unwrap_err();
    assert_eq!(fault, Fault::Network(Network::Refused));
    assert_eq!(egress.dialer().lookups(), 1);
}

#[tokio::test]
async fn an_authority_of_the_operators_file_is_trusted() {
    let (authority, heard) = (Authority::new(), Heard::default());
    let listener = serve_http(Some(authority.acceptor(&["localhost"])), heard.clone(), |_| json(200, "{}")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    let allow = || Allow::parse(&format!("localhost:{}", listener.port())).unwrap();
    let to = format!("https://localhost:{}/", listener.port());
    for (file, trusted) in [(None, false), (Some(file.path()), true)] {
        let egress = Egress::new(Dialer::system(file).unwrap(), allow());
        let result = get(&egress, &to, &policy(&["localhost"]), &mut two_seconds()).await;
        assert_eq!(result.is_ok(), trusted, "{result:?}");
    }
    assert_eq!(heard.all().len(), 1);
}

#[test]
fn a_file_of_authorities_must_hold_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Dialer::system(Some(file.path())).is_err());
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(Dialer::system(Some(file.path())).is_err());
}
