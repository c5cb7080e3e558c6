//! From an outcome rule to the answers that it speaks of, made from the rule itself.

use crate::catalog::schema::{
    CheckKind, ExpectFailed, JsonMatch, Method, NetworkFault, PrivateNetworks, Rule, SmtpMatch, SqlEngine, SqlMatch,
    StatusRange, TlsFault,
};
use serde_json::{Value, json};

/// What the other side does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Answers with a status and a JSON body.
    Http(u16, Value),
    /// The same, at the address where the token comes from.
    Token(u16, Value),
    /// Answers 200 with something else than what is expected.
    Lie(Lie),
    /// Answers a mail sign-in with this line.
    Smtp(String),
    /// Refuses a sign-in at a database with this number and SQLSTATE.
    Sql(Option<u16>, String),
    /// Offers no sign-in, as a mail server.
    NoAuth,
    /// Wants another way to sign in, as a database.
    OtherWay,
    /// Wants the password itself although nothing is encrypted.
    ClearPassword,
    /// Spoils the encryption.
    Tls(TlsFault),
    /// Spoils the connection.
    Network(NetworkFault),
}

/// Ways in which a good status can be no good answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Lie {
    /// A page where JSON should be.
    Page,
    /// JSON without what is expected.
    Empty,
}

/// The deeds that a rule speaks of and that can happen to this method. Faults that no server on this
/// machine can cause are left out.
pub fn deeds(rule: &Rule, method: &Method) -> Vec<Deed> {
    let mut out = Vec::new();
    match (method.check.kind, &method.check.sql) {
        (CheckKind::Smtp, _) => out.extend(rule.smtp.0.iter().map(smtp)),
        (_, Some(check)) => out.extend(rule.sql.0.iter().filter_map(|wanted| sql(wanted, check.engine))),
        _ => out.extend(http(rule, method)),
    }
    out.extend(rule.tls.0.iter().filter(|fault| tls_can_happen(**fault, method)).map(|fault| Deed::Tls(*fault)));
    let happens = |fault: &&NetworkFault| network_can_happen(**fault, method);
    out.extend(rule.network.0.iter().filter(happens).map(|fault| Deed::Network(*fault)));
    out
}

fn tls_can_happen(fault: TlsFault, method: &Method) -> bool {
    match fault {
        TlsFault::NoStarttls => method.check.kind == CheckKind::Smtp && method.field("tls").is_some(),
        TlsFault::NotOffered => method.check.kind == CheckKind::Sql,
        TlsFault::PinMismatch => method.field("cert_sha256").is_some(),
        _ => true,
    }
}

fn network_can_happen(fault: NetworkFault, method: &Method) -> bool {
    match fault {
        // Where no operator can allow it, the refusal has words of its own.
        NetworkFault::PrivateRefused => method.egress.private_networks == PrivateNetworks::Operator,
        _ => true,
    }
}

fn smtp(wanted: &SmtpMatch) -> Deed {
    match wanted {
        SmtpMatch::Reply(code, Some(detail)) => Deed::Smtp(format!("{code} {detail} refused for a test")),
        SmtpMatch::Reply(code, None) => Deed::Smtp(format!("{code} {}.7.0 refused for a test", code / 100)),
        // 554 and 454 are the general refusals of RFC 5321 and RFC 4954.
        SmtpMatch::Class(hundreds) => Deed::Smtp(format!("{hundreds}54 {hundreds}.3.0 refused for a test")),
        SmtpMatch::NoAuth => Deed::NoAuth,
    }
}

/// PostgreSQL has no numbers, and MySQL's states say less than its numbers.
fn sql(wanted: &SqlMatch, engine: SqlEngine) -> Option<Deed> {
    match (wanted, engine) {
        (SqlMatch::State(state), SqlEngine::Postgresql) => Some(Deed::Sql(None, state.clone())),
        (SqlMatch::Class(class), SqlEngine::Postgresql) => Some(Deed::Sql(None, format!("{class}999"))),
        (SqlMatch::Class(class), SqlEngine::Mysql) => Some(Deed::Sql(Some(1999), format!("{class}999"))),
        (SqlMatch::Number(number), SqlEngine::Mysql) => Some(Deed::Sql(Some(*number), "HY000".to_owned())),
        (SqlMatch::State(_), SqlEngine::Mysql) | (SqlMatch::Number(_), SqlEngine::Postgresql) => None,
        (SqlMatch::NoAuth, _) => Some(Deed::OtherWay),
        (SqlMatch::ClearPassword, _) => Some(Deed::ClearPassword),
    }
}

fn http(rule: &Rule, method: &Method) -> Vec<Deed> {
    match &rule.expect_failed {
        Some(ExpectFailed::Any(_)) if !method.check.expect.json.is_empty() => {
            return vec![Deed::Lie(Lie::Page), Deed::Lie(Lie::Empty)];
        }
        Some(ExpectFailed::Path(_)) => return vec![Deed::Http(200, json!({}))],
        Some(_) => return Vec::new(),
        None => {}
    }
    let at_token = !rule.oauth_error.0.is_empty();
    if at_token && method.oauth.is_none() && method.jwt.is_none() {
        return Vec::new();
    }
    if rule.status.is_none() && rule.json.is_none() && !at_token {
        return Vec::new();
    }
    let bodies = bodies(rule);
    let each = |status: u16| {
        let deed = move |body: Value| if at_token { Deed::Token(status, body) } else { Deed::Http(status, body) };
        bodies.clone().into_iter().map(deed)
    };
    statuses(rule).into_iter().flat_map(each).collect()
}

fn statuses(rule: &Rule) -> Vec<u16> {
    let Some(wanted) = &rule.status else { return vec![400] };
    let each = |range: &StatusRange| match range {
        StatusRange::One(one) => vec![*one],
        StatusRange::Class(3) => vec![301, 302, 307],
        StatusRange::Class(hundreds) => vec![hundreds * 100, hundreds * 100 + 4],
    };
    wanted.0.iter().flat_map(each).collect()
}

fn bodies(rule: &Rule) -> Vec<Value> {
    if rule.json.as_ref().is_some_and(|wanted| wanted.present == Some(false)) {
        return vec![json!({})];
    }
    if let Some(wanted) = &rule.json {
        return values(wanted).into_iter().map(|value| nested(&wanted.path, value)).collect();
    }
    if !rule.oauth_error.0.is_empty() {
        let text = rule.contains.clone().unwrap_or_else(|| "said for a test".to_owned());
        let body = |error: &String| json!({ "error": error, "error_description": text });
        return rule.oauth_error.0.iter().map(body).collect();
    }
    vec![rule.contains.as_ref().map_or_else(|| json!({}), |text| json!({ "message": text }))]
}

/// Every value that the condition names, and both ends of its range.
pub fn values(wanted: &JsonMatch) -> Vec<Value> {
    let mut out: Vec<Value> = wanted.equals.iter().chain(&wanted.one_of).cloned().collect();
    out.extend(wanted.or_range.iter().flatten().map(|end| json!(end)));
    out.extend(wanted.contains.iter().map(|text| json!(format!("… {text} …"))));
    if out.is_empty() {
        out.push(json!("anything"));
    }
    out
}

/// A document that has the value at the path.
pub fn nested(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, key| json!({ key: inner }))
}

/// Whether a rule speaks of a deed, so that an earlier one is seen to come before a later one.
pub fn speaks_of(rule: &Rule, deed: &Deed) -> bool {
    let empty = json!({});
    let (status, body, at_token) = match deed {
        Deed::Tls(fault) => return rule.tls.0.contains(fault),
        Deed::Network(fault) => return rule.network.0.contains(fault),
        Deed::NoAuth => return rule.smtp.0.contains(&SmtpMatch::NoAuth),
        Deed::OtherWay => return rule.sql.0.contains(&SqlMatch::NoAuth),
        Deed::ClearPassword => return rule.sql.0.contains(&SqlMatch::ClearPassword),
        Deed::Sql(number, state) => return rule.sql.0.iter().any(|wanted| wanted.holds(*number, Some(state))),
        Deed::Smtp(line) => return speaks_of_reply(rule, line),
        Deed::Lie(_) => (200, &empty, false),
        Deed::Http(status, body) => (*status, body, false),
        Deed::Token(status, body) => (*status, body, true),
    };
    let lie = matches!(deed, Deed::Lie(_) | Deed::Http(200..300, _));
    let error = body.get("error").and_then(Value::as_str).unwrap_or_default().to_owned();
    rule.is_conditional()
        && rule.tls.0.is_empty()
        && rule.network.0.is_empty()
        && rule.smtp.0.is_empty()
        && rule.sql.0.is_empty()
        && rule.status.as_ref().is_none_or(|s| s.holds(status))
        && rule.json.as_ref().is_none_or(|j| j.holds(body))
        && rule.contains.as_ref().is_none_or(|text| body.to_string().contains(text.as_str()))
        && (rule.oauth_error.0.is_empty() || at_token && rule.oauth_error.0.contains(&error))
        && (rule.expect_failed.is_none() || lie)
}

fn speaks_of_reply(rule: &Rule, line: &str) -> bool {
    let mut words = line.split(' ');
    let code = words.next().and_then(|c| c.parse().ok()).unwrap_or(0);
    let detail = words.next();
    rule.smtp.0.iter().any(|wanted| wanted.holds(code, detail))
}
