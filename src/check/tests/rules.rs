use super::super::report::Outcome;
use super::super::rules::{Facts, Verdict, judge};
use super::super::seen::{Missing, Place, Stop, Unexpected};
use crate::catalog::load::Catalog;
use crate::catalog::schema::Rule;
use crate::egress::fault::{Fault, Network, Refusal, Rule as Denial, TlsFault, TlsKind};
use crate::egress::smtp::parse_code;
use std::collections::BTreeMap;

fn rules(json: &str) -> Vec<Rule> {
    serde_json::from_str(json).unwrap()
}

fn answer(status: u16, body: &str, missing: Missing) -> Stop {
    let json = serde_json::from_str(body).ok();
    let unexpected = Unexpected { status, json, text: body.to_owned(), missing, retry_after_s: None };
    Stop::Unexpected(Box::new(unexpected), place())
}

fn place() -> Place {
    Place { host: "api.example.com".into(), port: 443, entry: "api.example.com:443".into() }
}

fn fault(fault: Fault) -> Stop {
    Stop::Fault(fault, place())
}

fn verdict(own: &[Rule], stop: &Stop) -> Verdict {
    let catalog = Catalog::load(None).unwrap();
    let plain = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    let facts = Facts { name: "Acme", seconds: 10, retry_at: "09:00 UTC".into(), plain: &plain };
    judge(stop, own, catalog.defaults(), &facts)
}

#[test]
fn the_methods_own_rules_come_first_and_in_their_order() {
    let own = rules(
        r#"[{"oauth_error":"invalid_grant","contains":"approved","outcome":"forbidden","hint":"a"},
            {"oauth_error":"invalid_grant","outcome":"invalid","hint":"b"}]"#,
    );
    let body = |more: &str| {
        answer(400, &format!(r#"{{"error":"invalid_grant","error_description":"{more}"}}"#), Missing::Status)
    };
    assert_eq!(verdict(&own, &body("not approved yet")).outcome, Outcome::Forbidden);
    assert_eq!(verdict(&own, &body("")).outcome, Outcome::Invalid);
    assert_eq!(verdict(&[], &body("")).outcome, Outcome::Reauthorize);
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    let own = rules(
        r#"[{"status":403,"json":{"path":"error.code","equals":"region"},"outcome":"blocked","hint":"{region} {status} {host}:{port}"}]"#,
    );
    let region = answer(403, r#"{"error":{"code":"region"}}"#, Missing::Status);
    assert_eq!(verdict(&own, &region).hint, "eu 403 api.example.com:443");
    assert_eq!(verdict(&own, &answer(403, "{}", Missing::Status)).outcome, Outcome::Forbidden);
    assert_eq!(
        verdict(&own, &answer(401, r#"{"error":{"code":"region"}}"#, Missing::Status)).outcome,
        Outcome::Invalid
    );
}

#[test]
fn a_missed_expectation_is_named_by_its_path() {
    let own = rules(r#"[{"expect_failed":"scope","outcome":"limited","hint":"tick the box"}]"#);
    assert_eq!(verdict(&own, &answer(200, "{}", Missing::Path("scope".into()))).outcome, Outcome::Limited);
    let other = verdict(&own, &answer(200, "{}", Missing::Path("id".into())));
    assert_eq!((other.outcome, other.code.as_str()), (Outcome::Misconfigured, "unexpected_answer"));
    assert_eq!(verdict(&own, &answer(200, "<p>", Missing::Json)).code, "unexpected_answer");
    assert_eq!(verdict(&own, &answer(204, "", Missing::Status)).code, "unexpected_answer");
    assert_eq!(verdict(&own, &answer(418, "", Missing::Status)).outcome, Outcome::Unknown);
    assert_eq!(verdict(&own, &fault(Fault::Protocol)).code, "unexpected_answer");
}

#[test]
fn smtp_codes_match_whole_in_part_and_by_class() {
    let own = rules(
        r#"[{"smtp":"535 5.7.139","outcome":"forbidden","hint":"a"},{"smtp":"530","outcome":"misconfigured","hint":"b"}]"#,
    );
    let of = |code: &str| verdict(&own, &fault(Fault::Smtp(parse_code(code).unwrap())));
    assert_eq!(of("535 5.7.139").outcome, Outcome::Forbidden);
    assert_eq!((of("535 5.7.8").outcome, of("535").outcome), (Outcome::Invalid, Outcome::Invalid));
    assert_eq!(of("554").hint, "The server refused (554). Check user name, port and encryption.");
    assert_eq!(of("421 4.3.2").outcome, Outcome::Unavailable);
    assert_eq!(verdict(&own, &fault(Fault::NoSignIn)).code, "smtp_no_auth");
}

#[test]
fn tls_and_network_faults_have_words_of_their_own() {
    let kinds = [
        TlsKind::Untrusted,
        TlsKind::PinMismatch,
        TlsKind::Expired,
        TlsKind::WrongHost,
        TlsKind::WrongVersion,
        TlsKind::NoStarttls,
        TlsKind::Other,
    ];
    for kind in kinds {
        let verdict = verdict(&[], &fault(Fault::Tls(TlsFault { kind, fingerprint: None })));
        assert_eq!((verdict.outcome, verdict.code.as_str()), (Outcome::Misconfigured, "tls_error"), "{kind:?}");
        assert!(!verdict.hint.is_empty());
    }
    let network = |network| verdict(&[], &fault(Fault::Network(network)));
    assert_eq!(network(Network::Dns).code, "host_not_found");
    for one in [Network::DnsFailed, Network::Refused, Network::Reset, Network::Unreachable, Network::Timeout] {
        assert_eq!(network(one).outcome, Outcome::Unavailable, "{one:?}");
    }
}

#[test]
fn every_refusal_of_ours_has_one_code_and_says_what_to_do() {
    for rule in [
        Denial::Host,
        Denial::Port,
        Denial::PlainHttp,
        Denial::Private,
        Denial::Metadata,
        Denial::Own,
        Denial::PlainSignIn,
    ] {
        for ask_for in [None, Some("x.example:1".to_owned())] {
            let verdict = verdict(&[], &fault(Fault::Refused(Refusal { rule, ask_for: ask_for.clone() })));
            assert_eq!(verdict.code, "target_denied");
            assert!(matches!(verdict.outcome, Outcome::Blocked | Outcome::Misconfigured));
            assert_eq!(verdict.hint.contains("x.example:1"), ask_for.is_some(), "{}", verdict.hint);
        }
    }
}

#[test]
fn t057_debug_of_an_answer_has_none_of_its_text() {
    assert_eq!(format!("{:?}", answer(401, "<script>hunter2", Missing::Status)).matches("hunter2").count(), 0);
}
