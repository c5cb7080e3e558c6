//! What a file must satisfy: the program does not start with one that breaks a rule.

mod address;
mod check;
mod field;
mod names;
mod oauth;

use crate::catalog::fault::{Judged, Within, ensure};
use crate::catalog::host_pattern::is_host_pattern;
use crate::catalog::schema::{ClientAuth, Edit, FieldKind, Integration, Method, MethodKind, Rule, SecretShape};
use std::collections::HashSet;

/// Ids that addresses of the console use for something else.
const RESERVED_IDS: [&str; 3] = ["new", "defaults", "apps"];

/// Names of fields that templates fill themselves.
const RESERVED_FIELDS: [&str; 5] = ["jwt", "code", "redirect_uri", "state", "json"];

/// Judges one integration; the fault names the place.
pub(crate) fn integration(one: &Integration) -> Judged {
    ensure(is_id(&one.id), "an id has lower-case letters, digits and single hyphens, at most 40").within("id")?;
    ensure(!RESERVED_IDS.contains(&one.id.as_str()), format!("`{}` is reserved", one.id)).within("id")?;
    sentence(&one.name, 60).within("name")?;
    ensure(is_id(&one.category), "a category is written like an id").within("category")?;
    let icon = one.icon.as_deref().is_none_or(|i| i.strip_suffix(".svg").is_some_and(is_id));
    ensure(icon, "an icon is the name of an .svg file in static/icons").within("icon")?;
    if let Some(tile) = &one.tile {
        let colour = tile.color.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && is_hex(hex));
        ensure((1..=3).contains(&tile.text.chars().count()), "one to three characters").within("tile.text")?;
        ensure(colour, "a colour is written #rrggbb").within("tile.color")?;
    }
    let links = [
        ("docs", &one.docs),
        ("dashboard", &one.dashboard),
        ("manage", &one.manage),
        ("status_page", &one.status_page),
    ];
    for (key, value) in links {
        link(value.as_deref()).within(key)?;
    }
    if let Some(notice) = &one.notice {
        link(notice.link.as_deref()).within("notice.link")?;
    }
    one.secrets.iter().try_for_each(|s| shape(s).within(format!("secret \"{}\"", s.label)))?;
    let mut ids = HashSet::new();
    for method in &one.methods {
        let unique = ensure(ids.insert(&method.id), "two methods have this id");
        unique.and_then(|()| self::method(method)).within(format!("method \"{}\"", method.id))?;
    }
    Ok(())
}

/// Judges a rule of `_defaults.toml`.
pub(crate) fn default_rule(rule: &Rule) -> Judged {
    let known = rule.hint.names().all(|n| names::HINT_NAMES.contains(&n));
    ensure(known, "the hint names something unknown").within("hint")?;
    check::rule(rule, &[])
}

fn method(method: &Method) -> Judged {
    ensure(is_name(&method.id), "an id of a method is written like the name of a field").within("id")?;
    sentence(&method.label, 80).within("label")?;
    link(method.docs.as_deref()).within("docs")?;
    let reason = method.edit == Edit::Full || method.edit_reason.is_some();
    ensure(reason, "say in edit_reason why not everything can be edited").within("edit")?;
    tables(method)?;
    egress(method).within("egress")?;
    for (at, one) in method.fields.iter().enumerate() {
        let taken = method.fields.iter().take(at).any(|earlier| earlier.name == one.name);
        let reserved = RESERVED_FIELDS.contains(&one.name.as_str()) || one.name == "token" && has_live_token(method);
        let named = ensure(is_name(&one.name), "a name has lower-case letters, digits and _, at most 40")
            .and_then(|()| ensure(!reserved, "this name is built in; choose another"))
            .and_then(|()| ensure(!taken, "two fields have this name"));
        named.and_then(|()| field::field(one, at, method)).within(format!("field \"{}\"", one.name))?;
    }
    names::method(method)?;
    oauth::oauth(method).within("oauth")?;
    oauth::found(method).within("check.save")?;
    address::method(method)?;
    check::check(method).within("check")
}

/// Whether `{token}` is got from somewhere, so that no field may be called so.
fn has_live_token(method: &Method) -> bool {
    method.token.is_some() || method.oauth.is_some() || !method.steps.is_empty()
}

/// Which tables go with which family.
fn tables(method: &Method) -> Judged {
    let (oauth, jwt, steps) = (method.oauth.is_some(), method.jwt.is_some(), !method.steps.is_empty());
    let signs = method.oauth.as_ref().is_some_and(|o| o.client_auth == ClientAuth::PrivateKeyJwt);
    let (needed, legal) = match method.kind {
        MethodKind::Oauth2 => (oauth, !jwt || signs),
        MethodKind::Jwt => (jwt, !oauth),
        MethodKind::Session => (steps, !oauth && !jwt),
        MethodKind::Smtp => (true, !jwt && !steps),
        MethodKind::ApiKey | MethodKind::Basic | MethodKind::Webhook | MethodKind::Database => {
            (true, !oauth && !jwt && !steps)
        }
        MethodKind::Custom => (true, true),
    };
    ensure(needed, "a method of this kind needs its table: oauth, jwt or step").within("kind")?;
    ensure(legal, "a method of this kind has no such table: oauth, jwt or step").within("kind")?;
    let token = method.token.is_none() || !(oauth || steps);
    ensure(token, "the token comes from the sign-in; `token` is for methods without one").within("token")?;
    ensure(method.logout.is_none() || steps, "only a method with steps can sign out").within("logout")?;
    ensure(method.retry.is_none() || steps || oauth, "only a method with a sign-in can repeat it").within("retry")?;
    ensure(method.inject.sign.is_none(), "this version cannot sign requests").within("inject.sign")
}

fn egress(method: &Method) -> Judged {
    let egress = &method.egress;
    ensure(!egress.hosts.is_empty() || egress.host_names().next().is_some(), "name hosts or a host_field")?;
    for host in &egress.hosts {
        ensure(is_host_pattern(host), format!("`{host}` is neither a host nor *. in front of one")).within("hosts")?;
    }
    ensure(egress.ports.iter().all(|p| *p > 0), "a port is from 1 to 65535").within("ports")?;
    for name in egress.host_names() {
        let kind = method.field(name).map(|f| f.kind);
        let fits = matches!(kind, Some(FieldKind::Host | FieldKind::Url));
        ensure(fits, format!("`{name}` is not a field of kind host or url")).within("host_field")?;
    }
    Ok(())
}

fn shape(shape: &SecretShape) -> Judged {
    sentence(&shape.label, 80).within("label")?;
    ensure(shape.pattern.is_anchored(), "anchor the pattern with ^").within("pattern")?;
    shape.env.iter().try_for_each(|(p, _)| ensure(p.is_anchored(), "anchor the pattern with ^")).within("env")
}

/// An https address of a vendor, or none.
fn link(value: Option<&str>) -> Judged {
    let fits = value.is_none_or(|v| v.starts_with("https://") && url::Url::parse(v).is_ok());
    ensure(fits, "a link is an https:// address")
}

/// A text of one line that is there.
fn sentence(text: &str, most: usize) -> Judged {
    let fits = !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    ensure(fits, format!("one line of text, at most {most} characters"))
}

fn is_id(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn is_name(text: &str) -> bool {
    crate::catalog::template::is_name(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}
