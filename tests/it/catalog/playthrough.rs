//! Plays every method of every shipped file through: a good check, and an answer for each of its rules
//! and of the defaults, made from the rule itself.

use super::plays::{self, Play};
use super::stage::{self, Seen, Stage};
use super::{shipped, wire};
use credenza::catalog::destination;
use credenza::catalog::schema::{self, CheckKind, Integration, Method, NetworkFault, PrivateNetworks, Rule};
use credenza::check::report::{Outcome, Report, StepResult};
use credenza::demo::deeds::{Deed, deeds, speaks_of};
use futures_util::future::join_all;
use std::collections::BTreeSet;

fn found<'a>(integration: &'a Integration, play: &Play) -> &'a Method {
    integration.method(play.method).unwrap_or_else(|| panic!("{} is missing", play.name()))
}

#[test]
fn every_shipped_method_has_a_play() {
    let played: BTreeSet<String> = plays::all().iter().map(Play::name).collect();
    for integration in shipped().all() {
        for method in &integration.methods {
            let name = format!("{}.{}", integration.id, method.id);
            assert!(played.contains(&name), "{name} is not played through");
        }
    }
}

#[tokio::test]
async fn every_good_check_sends_what_it_should_and_nothing_else() {
    let stage = Stage::new();
    for play in plays::all() {
        let integration = shipped().get(play.integration).expect("an integration");
        let method = found(integration, &play);
        let seen = stage.good(integration, &play).await;
        let place = play.name();
        let report = &seen.report;
        if method.check.kind == CheckKind::Format {
            assert_eq!((report.outcome, seen.dialled), (Outcome::Untested, 0), "{place}: {report:?}");
            assert!(!report.connected && !report.hint.is_empty(), "{place}: {report:?}");
            continue;
        }
        assert_eq!(report.outcome, Outcome::Ok, "{place}: {report:?}");
        assert_eq!(report.identity.as_deref(), play.identity, "{place}");
        assert!(report.connected && report.hint.is_empty(), "{place}: {report:?}");
        assert!(report.steps.iter().all(|step| step.result == StepResult::Ok), "{place}: {report:?}");
        assert!(report.steps.len() >= 3, "{place}: {report:?}");
        if !matches!(method.check.kind, CheckKind::Smtp | CheckKind::Sql) {
            conversation(&place, &play, &seen, play.exchanges.len());
        }
        discreet(&place, &play, method, report);
    }
}

#[tokio::test]
async fn a_mail_check_signs_in_and_hangs_up_without_a_mail() {
    let integration = shipped().get("smtp").expect("an integration");
    let stage = Stage::new();
    for play in plays::all().into_iter().filter(|play| play.integration == "smtp") {
        let seen = stage.good(integration, &play).await;
        let verbs: Vec<&str> = seen.verbs.iter().map(String::as_str).filter(|verb| *verb != "(data)").collect();
        let wanted: &[&str] = match play.value("tls") {
            "starttls" => &["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"],
            _ => &["EHLO", "AUTH", "QUIT"],
        };
        assert_eq!(verbs, wanted);
        let secrets = wire::secrets(&play, &["password".to_owned()]);
        let told = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
        assert!(seen.lines.iter().all(|line| line.encrypted || !told(&line.text)), "{:?}", seen.lines);
        assert!(seen.lines.iter().filter(|line| !line.encrypted).all(|line| !line.text.starts_with("AUTH")));
    }
}

#[tokio::test]
async fn a_relay_that_trusts_us_is_greeted_and_nobody_signs_in() {
    let integration = shipped().get("smtp").expect("an integration");
    let seen = Stage::new().good(integration, &plays::email::smtp_relay()).await;
    assert_eq!(seen.report.outcome, Outcome::Ok, "{:?}", seen.report);
    assert_eq!(seen.verbs, ["EHLO", "QUIT"]);
}

#[tokio::test]
async fn every_rule_of_every_method_gives_its_outcome_and_hint() {
    let stage = Stage::new();
    // A rule at the top of a file need not be for each of its methods, but for one.
    let mut unseen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    for play in plays::all() {
        let integration = shipped().get(play.integration).expect("an integration");
        let method = found(integration, &play);
        for rule in &method.check.on {
            let key = (integration.id.as_str(), rule.hint.text());
            unseen.insert(key);
            for deed in &deeds(rule, method) {
                let first = rules(method).find(|rule| speaks_of(rule, deed)).expect("a rule");
                assert!(std::ptr::eq(first, rule), "{}: {deed:?} never reaches {:?}", play.name(), rule.hint);
                spoil(&stage, integration, &play, deed, rule).await;
                seen.insert(key);
            }
        }
    }
    let silent: Vec<_> = unseen.difference(&seen).collect();
    assert!(silent.is_empty(), "nothing reaches {silent:?}");
    assert!(seen.len() > 50, "only {} rules", seen.len());
}

#[tokio::test]
async fn t086_a_vendor_inside_a_private_network_is_not_called_whatever_the_operator_says() {
    let stage = Stage::new();
    let deed = Deed::Network(NetworkFault::PrivateRefused);
    let never = |play: &Play| {
        let method = found(shipped().get(play.integration).expect("an integration"), play);
        method.egress.private_networks == PrivateNetworks::Never && !play.exchanges.is_empty()
    };
    let plays: Vec<Play> = plays::all().into_iter().filter(never).collect();
    assert!(plays.len() >= 5);
    for play in plays {
        let integration = shipped().get(play.integration).expect("an integration");
        let seen = stage.spoiled(integration, &play, &deed, 0).await;
        let report = &seen.report;
        assert_eq!((report.outcome, report.code.as_str()), (Outcome::Blocked, "target_denied"), "{report:?}");
        assert!(!report.hint.contains("CREDENZA_EGRESS_ALLOW") && !report.hint.contains("perator"), "{report:?}");
        assert_eq!((seen.dialled, report.connected), (0, false), "{}", play.name());
    }
}

#[tokio::test]
async fn every_default_rule_gives_its_outcome_and_hint() {
    let stage = Stage::new();
    let plays = plays::all();
    let reached = join_all(plays.iter().map(|play| play_defaults(&stage, play))).await;
    let reached: BTreeSet<usize> = reached.into_iter().flatten().collect();
    let missed = (0..shipped().defaults().len()).filter(|at| !reached.contains(at));
    let silent: Vec<_> = missed.map(|at| &shipped().defaults()[at].hint).collect();
    assert!(silent.is_empty(), "no method reaches {silent:?}");
}

/// Plays the default rules through and says which were reached.
async fn play_defaults(stage: &Stage, play: &Play) -> BTreeSet<usize> {
    // Without its own rules, so that none of them stands in front of a default.
    let mut integration = shipped().get(play.integration).expect("an integration").clone();
    integration.methods.iter_mut().for_each(|method| method.check.on.clear());
    let method = found(&integration, play);
    let mut reached = BTreeSet::new();
    if method.check.kind == CheckKind::Format {
        return reached;
    }
    let defaults = shipped().defaults();
    for deed in defaults.iter().flat_map(|rule| deeds(rule, method)) {
        let first = defaults.iter().position(|rule| speaks_of(rule, &deed)).expect("a rule");
        spoil(stage, &integration, play, &deed, &defaults[first]).await;
        reached.insert(first);
    }
    reached
}

fn rules(method: &Method) -> impl Iterator<Item = &Rule> {
    method.check.on.iter().chain(shipped().defaults())
}

/// Whether nobody typed where this play leads: a name that is gone is then an outage, not a mistake.
fn leads_where_the_file_says(play: &Play, method: &Method) -> bool {
    let names = destination::names(method);
    !play.typed.iter().any(|(name, text)| {
        names.contains(name) && method.field(name).is_some_and(|field| field.default_text() != text)
    })
}

async fn spoil(stage: &Stage, integration: &Integration, play: &Play, deed: &Deed, rule: &Rule) {
    let method = found(integration, play);
    let place = format!("{}: {deed:?}", play.name());
    let before = match deed {
        Deed::Http(..) | Deed::Lie(_) if method.check.kind == CheckKind::Http => play.exchanges.len() - 1,
        _ => 0,
    };
    let seen = stage.spoiled(integration, play, deed, before).await;
    let report = &seen.report;
    let outage = *deed == Deed::Network(NetworkFault::Dns) && leads_where_the_file_says(play, method);
    let wanted = if outage { word(Outcome::Unavailable) } else { word_of_rule(rule.outcome) };
    assert_eq!(word(report.outcome), wanted, "{place}: {report:?}");
    assert_eq!(report.code, rule.code(), "{place}");
    said(&place, integration, play, before, rule, report);
    assert_eq!(report.identity, None, "{place}");
    discreet(&place, play, method, report);
    if method.needs_consent() && matches!(deed, Deed::Token(..)) {
        assert_eq!(seen.requests.len(), 1, "{place}: one request to the token address");
    } else if matches!(deed, Deed::Http(..) | Deed::Token(..) | Deed::Lie(_)) {
        conversation(&place, play, &seen, before + 1);
    } else {
        let failed = report.steps.iter().any(|step| step.result == StepResult::Failed);
        assert!(failed, "{place}: no step failed: {report:?}");
    }
}

/// Exactly the first `count` requests of the play were made, each as wanted.
fn conversation(place: &str, play: &Play, seen: &Seen, count: usize) {
    assert_eq!(seen.requests.len(), count, "{place}: {:?}", seen.requests);
    assert_eq!(seen.dialled, count as u64, "{place}: connections");
    for (request, wanted) in seen.requests.iter().zip(&play.exchanges) {
        wire::same(place, request, wanted);
    }
}

/// The hint is the rule's, with values of ours and nothing left open.
fn said(place: &str, integration: &Integration, play: &Play, at: usize, rule: &Rule, report: &Report) {
    let host = play.exchanges.get(at).map_or_else(|| stage::host(play), |exchange| exchange.host);
    let mut pattern = String::from("^");
    let template = rule.hint.text();
    let mut rest = template;
    while let Some((literal, more)) = rest.split_once('{') {
        let (slot, more) = more.split_once('}').expect("a closed slot");
        pattern.push_str(&regex::escape(literal));
        match slot {
            "name" => pattern.push_str(&regex::escape(&integration.name)),
            "host" => pattern.push_str(&regex::escape(host)),
            _ => pattern.push_str("[^{}]+"),
        }
        rest = more;
    }
    pattern.push_str(&regex::escape(rest));
    pattern.push('$');
    let pattern = regex::Regex::new(&pattern).expect("a pattern");
    assert!(pattern.is_match(&report.hint), "{place}: “{}” is not “{template}”", report.hint);
}

/// No secret stands anywhere in the report.
fn discreet(place: &str, play: &Play, method: &Method, report: &Report) {
    let names: Vec<String> = method.secret_fields().map(|field| field.name.clone()).collect();
    let text = format!("{report:?}");
    for secret in wire::secrets(play, &names) {
        assert!(!text.contains(&secret), "{place}: a secret in {text}");
    }
}

fn word(outcome: Outcome) -> String {
    format!("{outcome:?}")
}

fn word_of_rule(outcome: schema::Outcome) -> String {
    format!("{outcome:?}")
}
