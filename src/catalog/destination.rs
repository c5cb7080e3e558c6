//! Where a credential is sent, as a person entered it: what must not change while its secrets stay.

use crate::catalog::place::Place;
use crate::catalog::schema::{Field, FieldKind, Method, SqlCheck};
use crate::catalog::template::Template;
use std::collections::{BTreeMap, BTreeSet};

/// The field with the fingerprint of a confirmed certificate.
pub const PINNED: &str = "cert_sha256";

/// The destination of a credential as canonical JSON (sorted keys, no white space): every filled field that
/// decides where it is sent. Constants of the file are not in it, so that a vendor may move its addresses.
pub fn destination(method: &Method, plain: &BTreeMap<String, String>) -> String {
    let fields: BTreeMap<&str, &str> = names(method)
        .into_iter()
        .filter_map(|name| plain.get(name).filter(|v| !v.is_empty()).map(|v| (name, v.as_str())))
        .collect();
    let entries = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    serde_json::Value::Object(entries.collect()).to_string()
}

/// The names of the destination fields whose values differ, in the order of the form. An absent value stands
/// for the default of the file, so that a field added to a file later does not look changed.
pub fn changed<'m>(
    method: &'m Method,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<&'m str> {
    let names = names(method);
    let value = |values: &BTreeMap<String, String>, field: &Field| {
        values.get(&field.name).filter(|v| !v.is_empty()).cloned().unwrap_or_else(|| field.default_text().to_owned())
    };
    let fields = method.fields.iter().filter(|f| names.contains(f.name.as_str()));
    fields.filter(|f| value(before, f) != value(after, f)).map(|f| f.name.as_str()).collect()
}

/// The fields that decide where a credential of this method is sent; only those that a person fills.
pub fn names(method: &Method) -> BTreeSet<&str> {
    let asked = method.fields.iter().filter(|f| f.is_asked() && !f.kind.is_secret());
    let fed = fed_names(method);
    asked
        .filter(|f| {
            matches!(f.kind, FieldKind::Host | FieldKind::Url) || f.name == PINNED || fed.contains(f.name.as_str())
        })
        .map(|f| f.name.as_str())
        .collect()
}

/// Names that feed the authority of an address, the server of a mail or database check, or the host field.
fn fed_names(method: &Method) -> BTreeSet<&str> {
    let addresses = method.addresses().into_iter().flat_map(|url| url.authority_names());
    let smtp = method.check.smtp.iter().flat_map(|s| [&s.host, &s.port, &s.tls]).flat_map(Template::names);
    let sql = method.check.sql.iter().flat_map(SqlCheck::places).flat_map(Template::names);
    addresses.chain(smtp).chain(sql).chain(method.egress.host_names()).collect()
}

/// The host and port that a person's values lead to, for a page (`mail.example.com:465`); `None` where the
/// file's own constants decide.
pub fn shown(method: &Method, plain: &BTreeMap<String, String>) -> Option<String> {
    let scope = |name: &str| plain.get(name).map(String::as_str);
    let smtp = method.check.smtp.as_ref().map(|smtp| (&smtp.host, &smtp.port));
    if let Some((host, port)) = smtp.or_else(|| method.check.sql.as_ref().map(|sql| (&sql.host, &sql.port))) {
        let host = host.render(&scope, Place::WholeHost).ok()?;
        let port = port.render(&scope, Place::Raw).ok()?;
        return Some(format!("{}:{}", host.expose(), port.expose()));
    }
    let base = method.inject.base_url.as_ref().filter(|b| !b.authority_names().is_empty())?;
    base.render(None, &scope).ok().map(|address| address.origin().to_owned())
}
