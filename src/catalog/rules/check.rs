//! Rules for `[check]`: free, harmless, and every answer with a meaning.

use super::{is_name, sentence};
use crate::catalog::address::Origin;
use crate::catalog::fault::{Judged, Within, ensure};
use crate::catalog::schema::{
    Check, CheckKind, Cost, Effect, ExpectFailed, Field, FieldKind, JsonMatch, Method, MethodKind, Rule, Verb,
};
use crate::catalog::template::Template;

/// Judges the check of a method.
pub(super) fn check(method: &Method) -> Judged {
    let check = &method.check;
    kind(check, method)?;
    harmless(check, method)?;
    let timeout = check.timeout_ms.is_none_or(|ms| (500..=10_000).contains(&ms));
    ensure(timeout, "from 500 to 10000").within("timeout_ms")?;
    for one in &check.expect.json {
        json_match(one).within("expect.json")?;
    }
    ensure(!check.logout_after || method.logout.is_some(), "there is no [method.logout]").within("logout_after")?;
    let paths: Vec<&str> = check.expect.json.iter().map(|m| m.path.as_str()).collect();
    for (at, one) in check.on.iter().enumerate() {
        rule(one, &paths).within(format!("on {}", at + 1))?;
    }
    Ok(())
}

fn kind(check: &Check, method: &Method) -> Judged {
    let silent = matches!(check.kind, CheckKind::Format | CheckKind::None);
    ensure(!silent || check.why.is_some(), "say in why nothing is sent").within("kind")?;
    ensure(silent || check.cost != Cost::NoCall, "say what it costs: free, or counts").within("cost")?;
    if let Some(why) = &check.why {
        sentence(why, 300).within("why")?;
    }
    let tables = (check.request.is_some(), check.smtp.is_some(), check.sql.is_some());
    match check.kind {
        CheckKind::Http => {
            ensure(tables == (true, false, false), "a check by http has a request").within("kind")?;
            let relative = check.request.as_ref().is_some_and(|r| *r.url.origin() == Origin::Relative);
            ensure(check.inject || !relative, "without injection the address must be whole").within("request.url")
        }
        CheckKind::Smtp => {
            ensure(tables == (false, true, false), "a check by smtp has an smtp table").within("kind")?;
            ensure(method.kind == MethodKind::Smtp, "only a method of kind smtp").within("kind")?;
            tls_modes(check.smtp.as_ref().map(|s| &s.tls), method, &["implicit", "starttls", "none"]).within("smtp.tls")
        }
        CheckKind::Sql => {
            ensure(tables == (false, false, true), "a check by sql has an sql table").within("kind")?;
            ensure(method.kind == MethodKind::Database, "only a method of kind database").within("kind")?;
            tls_modes(check.sql.as_ref().map(|s| &s.tls), method, &["verify", "none"]).within("sql.tls")
        }
        CheckKind::Steps => {
            let signs_in = !method.steps.is_empty() || method.oauth.is_some();
            ensure(signs_in, "there are no steps and no oauth").within("kind")?;
            ensure(!tables.1 && !tables.2, "a check by steps has no smtp or sql table").within("kind")
        }
        CheckKind::Format | CheckKind::None => {
            ensure(tables == (false, false, false), "this kind sends nothing").within("kind")
        }
        CheckKind::Imap | CheckKind::Tcp => ensure(false, "this version cannot check by imap or tcp").within("kind"),
    }
}

/// The mode of encryption is a constant, or a select with known options.
fn tls_modes(template: Option<&Template>, method: &Method, modes: &[&str]) -> Judged {
    let known = |mode: &str| modes.contains(&mode);
    let offers =
        |field: &Field| field.kind == FieldKind::Select && field.options.iter().all(|o| known(o.value.as_str()));
    let fits = template.is_some_and(|template| match template.constant() {
        Some(mode) => known(&mode),
        None => template.is_one_slot() && template.names().filter_map(|name| method.field(name)).all(offers),
    });
    ensure(fits, format!("one of {}", modes.join(", ")))
}

/// A check reads; only a sign-in may leave something behind, and it is signed out.
fn harmless(check: &Check, method: &Method) -> Judged {
    let reads = check.request.as_ref().is_none_or(|r| matches!(r.method, Verb::Get | Verb::Head | Verb::Post));
    ensure(reads, "a check must not change anything at the service").within("request.method")?;
    let session = check.effect == Effect::None || check.logout_after || method.logout.is_none();
    ensure(session, "end the session: logout_after = true").within("effect")
}

fn json_match(one: &JsonMatch) -> Judged {
    ensure(!one.path.is_empty(), "path is empty")?;
    let compared = one.equals.is_some() || !one.one_of.is_empty() || one.or_range.is_some() || one.contains.is_some();
    ensure(one.present.is_none() || !compared, "either present or a comparison")?;
    ensure(one.or_range.is_none_or(|[low, high]| low <= high), "the range runs backwards")
}

/// Judges one outcome rule; `paths` are those that the check expects something of.
pub(super) fn rule(rule: &Rule, paths: &[&str]) -> Judged {
    ensure(rule.is_conditional(), "say when it applies: status, json, smtp, sql, tls, network, …")?;
    sentence(rule.hint.text(), 300).within("hint")?;
    let code = rule.code.as_deref().is_none_or(is_name);
    ensure(code, "a code has lower-case letters, digits and _").within("code")?;
    if let Some(one) = &rule.json {
        json_match(one).within("json")?;
    }
    match &rule.expect_failed {
        Some(ExpectFailed::Any(false)) => ensure(false, "true, or a path").within("expect_failed"),
        Some(ExpectFailed::Path(path)) => {
            let expected = paths.contains(&path.as_str());
            ensure(expected, format!("nothing is expected at `{path}`")).within("expect_failed")
        }
        _ => Ok(()),
    }
}
