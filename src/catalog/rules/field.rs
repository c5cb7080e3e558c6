//! Rules for `[[field]]`.

use super::{is_name, link, sentence};
use crate::catalog::fault::{Judged, Within, ensure};
use crate::catalog::host_pattern::is_host_pattern;
use crate::catalog::schema::{Condition, Field, FieldKind, FieldScope, FieldSource, Format, Method};
use crate::catalog::value;
use std::collections::HashSet;

/// Judges the field at a position of its method.
pub(super) fn field(field: &Field, at: usize, method: &Method) -> Judged {
    let long = if field.kind == FieldKind::Notice { 400 } else { 80 };
    sentence(&field.label, long).within("label")?;
    link(field.docs.as_deref()).within("docs")?;
    let app = field.scope == FieldScope::Credential || method.oauth.is_some();
    ensure(app, "only an OAuth client is typed once for the workspace").within("scope")?;
    let hosts = field.hosts.iter().all(|h| is_host_pattern(h));
    ensure(hosts, "neither a host nor *. in front of one").within("hosts")?;
    let address = matches!(field.kind, FieldKind::Host | FieldKind::Url);
    let judged = field.source == FieldSource::User || !address || !field.hosts.is_empty();
    ensure(judged, "say in hosts which hosts the service may put here").within("source")?;
    for pattern in field.pattern.iter().chain(field.reject.iter().map(|r| &r.pattern)) {
        ensure(pattern.is_anchored(), format!("anchor `{}` with ^ or $", pattern.as_str())).within("pattern")?;
    }
    number(field)?;
    options(field, method).within("options")?;
    kind_only(field)?;
    conditions(field, at, method)?;
    default(field).within("default")
}

/// Conditions look at another field; one that decides whether a field is asked at all, at an earlier one.
fn conditions(field: &Field, at: usize, method: &Method) -> Judged {
    if let Some(condition) = &field.show_if {
        let earlier = method.fields.iter().take(at).any(|f| f.name == condition.field);
        ensure(earlier, format!("`{}` is not an earlier field", condition.field)).within("show_if")?;
        self::condition(condition, method).within("show_if")?;
    }
    let skips = field.skip_checks_if.iter().map(|condition| ("skip_checks_if", condition));
    let rejects = field.reject.iter().filter_map(|r| Some(("reject", r.when.as_ref()?)));
    for (key, condition) in skips.chain(rejects) {
        ensure(condition.field != field.name, "a field cannot decide about itself").within(key)?;
        self::condition(condition, method).within(key)?;
    }
    Ok(())
}

fn number(field: &Field) -> Judged {
    let bounded = field.min.is_some() || field.max.is_some();
    ensure(!bounded || field.kind == FieldKind::Number, "min and max are for numbers")?;
    let ordered = field.min.zip(field.max).is_none_or(|(min, max)| min <= max);
    ensure(ordered, "min is greater than max")
}

fn options(field: &Field, method: &Method) -> Judged {
    let select = field.kind == FieldKind::Select;
    ensure(select != field.options.is_empty(), "a select has options, and nothing else has")?;
    let mut values = HashSet::new();
    for option in &field.options {
        let value = option.value.as_str();
        ensure(values.insert(value), format!("`{value}` is there twice"))?;
        for name in option.set.keys() {
            let plain = method.field(name).is_some_and(|f| !f.kind.is_secret() && f.name != field.name);
            ensure(plain, format!("`{value}` sets `{name}`, which is not another field that may be shown"))?;
        }
    }
    Ok(())
}

/// Keys that make sense for some kinds only.
fn kind_only(field: &Field) -> Judged {
    let json = field.kind == FieldKind::JsonSecret;
    let paths = !field.require_paths.is_empty() || !field.check_paths.is_empty() || field.identity_path.is_some();
    ensure(json || !paths, "require_paths, check_paths and identity_path are for kind json_secret")?;
    if let Some(path) = &field.identity_path {
        ensure(field.require_paths.contains(path), "list it in require_paths too").within("identity_path")?;
        let shown = !["private", "secret", "password", "token"].iter().any(|word| path.contains(word));
        ensure(shown, format!("`{path}` sounds like a secret and would be shown")).within("identity_path")?;
    }
    let file = matches!(field.kind, FieldKind::PemSecret | FieldKind::JsonSecret);
    ensure(field.normalise.is_empty() || !file, "a key file is taken as it is").within("normalise")?;
    let format = match field.format {
        None => true,
        Some(Format::HeaderValue) => matches!(field.kind, FieldKind::Text | FieldKind::Secret),
        Some(Format::HeaderName | Format::QueryName | Format::Path) => field.kind == FieldKind::Text,
    };
    ensure(format, "this format does not go with this kind").within("format")
}

fn condition(condition: &Condition, method: &Method) -> Judged {
    let operators = usize::from(condition.equals.is_some())
        + usize::from(!condition.one_of.is_empty())
        + usize::from(condition.filled.is_some());
    ensure(operators == 1, "say one of equals, in and filled")?;
    ensure(is_name(&condition.field), "not the name of a field")?;
    let Some(field) = method.field(&condition.field) else {
        return ensure(false, format!("there is no field `{}`", condition.field));
    };
    ensure(field.kind != FieldKind::Notice, "a notice has no value")?;
    let wanted = || condition.equals.iter().chain(&condition.one_of).map(|w| w.as_str());
    ensure(!field.kind.is_secret() || condition.filled.is_some(), "of a secret only `filled` can be asked")?;
    let known = match field.kind {
        FieldKind::Switch => wanted().all(|w| matches!(w, "true" | "false")),
        FieldKind::Select => wanted().all(|w| field.options.iter().any(|o| o.value.as_str() == w)),
        _ => true,
    };
    ensure(known, format!("`{}` can never have that value", field.name))
}

/// A default passes the field's own rules.
fn default(field: &Field) -> Judged {
    let Some(written) = &field.default else { return Ok(()) };
    ensure(!field.kind.is_secret() && field.kind != FieldKind::Notice, "a secret has no default")?;
    // A browser sends nothing for an unchecked box, so it could never be switched off at creation.
    let off = field.kind != FieldKind::Switch || written.as_str() == "false";
    ensure(off, "a switch starts off; word it the other way round")?;
    match value::plain(field, written.as_str(), false) {
        Err(remark) => ensure(false, remark.text),
        Ok(parsed) => {
            ensure(parsed.text == written.as_str(), format!("write it as it would be stored: {}", parsed.text))
        }
    }
}
