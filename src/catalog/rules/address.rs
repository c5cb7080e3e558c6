//! Rules for addresses: no file may send a credential to a host that its `[egress]` does not name.

use crate::catalog::address::{Origin, UrlTemplate};
use crate::catalog::fault::{Judged, Within, ensure};
use crate::catalog::host_pattern::allows;
use crate::catalog::schema::{FieldKind, Method};
use crate::catalog::template::Template;

/// Judges every address of a method.
pub(super) fn method(method: &Method) -> Judged {
    let based = method.inject.base_url.as_ref().is_some_and(|b| *b.origin() != Origin::Relative);
    for url in method.addresses() {
        let relative = *url.origin() == Origin::Relative;
        let legal = !relative || based && !is_oauth(url, method);
        ensure(legal, "there is no base_url that it could continue")
            .and_then(|()| if is_opened_by_browser(url, method) { Ok(()) } else { origin(url, method) })
            .within(format!("address `{}`", url.text()))?;
    }
    if let Some(smtp) = &method.check.smtp {
        host(&smtp.host, method).within("check.smtp.host")?;
    }
    if let Some(sql) = &method.check.sql {
        host(&sql.host, method).within("check.sql.host")?;
    }
    Ok(())
}

fn is_oauth(url: &UrlTemplate, method: &Method) -> bool {
    method.oauth.iter().flat_map(|o| o.addresses()).any(|one| std::ptr::eq(one, url))
}

/// A consent page whose address a person typed: their browser opens it, we never do.
fn is_opened_by_browser(url: &UrlTemplate, method: &Method) -> bool {
    let page = method.oauth.as_ref().and_then(|o| o.authorize_url.as_ref());
    let typed = matches!(url.origin(), Origin::Field(field)
        if field.names().all(|n| method.field(n).is_some_and(|f| f.kind == FieldKind::Url)));
    typed && page.is_some_and(|page| std::ptr::eq(page, url))
}

fn origin(url: &UrlTemplate, method: &Method) -> Judged {
    match url.origin() {
        Origin::Relative => Ok(()),
        Origin::Field(field) => {
            let fits = field.names().all(|n| method.field(n).is_some_and(|f| f.kind == FieldKind::Url));
            ensure(fits, "only a field of kind url can be a whole address")?;
            field.names().try_for_each(|name| user_host(name, method))
        }
        Origin::Written { secure, host, .. } => {
            ensure(*secure, "https only; the operator can allow plain http for an address that a person types")?;
            self::host(host, method)
        }
    }
}

/// A host: constant and listed, a listed suffix behind labels, or a whole one from a field that may supply it.
fn host(template: &Template, method: &Method) -> Judged {
    let hosts = &method.egress.hosts;
    if let Some(constant) = template.constant() {
        return ensure(allows(hosts, &constant), format!("`{constant}` is not in egress.hosts"));
    }
    if template.is_one_slot() {
        return template.names().try_for_each(|name| whole_host(name, method));
    }
    let tail = template.literal_tail();
    let fixed = tail.starts_with('.') && tail.matches('.').count() >= 2;
    ensure(fixed, "labels stand in front of a fixed suffix such as .example.com")?;
    let sample = format!("x{tail}");
    ensure(allows(hosts, &sample), format!("`*{tail}` is not in egress.hosts"))?;
    let labels = template.names().all(|n| {
        let kind = method.field(n).map(|f| f.kind);
        !matches!(kind, Some(FieldKind::Host | FieldKind::Url | FieldKind::Email))
    });
    ensure(labels, "a field of kind host or url is a whole host, not a label")
}

fn whole_host(name: &str, method: &Method) -> Judged {
    let Some(field) = method.field(name) else {
        return ensure(false, format!("only a field can be a host, not {{{name}}}"));
    };
    ensure(field.kind.may_be_host(), format!("`{name}` is not of kind host, so it cannot be a whole host"))?;
    if field.kind == FieldKind::Select {
        let outside = field.options.iter().map(|o| o.value.as_str()).find(|o| !allows(&method.egress.hosts, o));
        return ensure(outside.is_none(), format!("`{}` is not in egress.hosts", outside.unwrap_or_default()));
    }
    user_host(name, method)
}

/// A host that a person or the service supplies is the `host_field`, or it is held to `hosts`.
fn user_host(name: &str, method: &Method) -> Judged {
    let named = method.egress.host_names().any(|field| field == name) || !method.egress.hosts.is_empty();
    ensure(named, format!("egress.host_field is not `{name}`, and egress.hosts is empty"))
}
