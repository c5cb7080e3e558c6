//! Rules for the names in templates: each must be known where it stands, and secrets stay out of sentences.

use crate::catalog::body::{Entries, JsonTemplate};
use crate::catalog::fault::{Fault, Judged, Within, ensure};
use crate::catalog::header;
use crate::catalog::schema::{ClientAuth, FieldKind, Format, Method};
use crate::catalog::template::{Template, is_name};

/// What a hint may name besides fields that may be shown.
pub(super) const HINT_NAMES: [&str; 10] =
    ["name", "host", "port", "seconds", "status", "retry_at", "smtp_code", "sql_code", "tls", "allow"];

/// Judges every template of a method.
pub(super) fn method(method: &Method) -> Judged {
    let mut known: Vec<&str> = values(method);
    if let Some(token) = &method.token {
        all_known([token], &known).within("token")?;
        known.push("token");
    }
    if let Some(jwt) = &method.jwt {
        all_known([&jwt.key], &known).within("jwt.key")?;
        let entries = jwt.claims.values().chain(jwt.header.values());
        all_known(entries.flat_map(JsonTemplate::templates), &known).within("jwt.claims")?;
        known.push("jwt");
    }
    oauth(method, &mut known).within("oauth")?;
    for (at, step) in method.steps.iter().enumerate() {
        let key = format!("step {}", at + 1);
        all_known(step.request.templates(), &known).within(&key)?;
        request_names(&step.request.headers, &step.request.query, method).within(&key)?;
        for name in step.save.keys() {
            ensure(is_name(name), format!("`{name}` is not a name")).within("save").within(&key)?;
            known.push(name);
        }
    }
    let inject = &method.inject;
    all_known(inject.templates(), &known).within("inject")?;
    request_names(&inject.headers, &inject.query, method).within("inject")?;
    for entry in &inject.cookies.0 {
        let fits = entry.name.constant().is_some_and(|name| header::is_token(&name));
        ensure(fits, format!("`{}` is not the name of a cookie", entry.name.text())).within("inject.cookies")?;
    }
    if let Some(logout) = &method.logout {
        all_known(logout.request.templates(), &known).within("logout")?;
    }
    if let Some(request) = &method.check.request {
        all_known(request.templates(), &known).within("check.request")?;
        request_names(&request.headers, &request.query, method).within("check.request")?;
    }
    if let Some(smtp) = &method.check.smtp {
        all_known(smtp.templates(), &known).within("check.smtp")?;
    }
    if let Some(sql) = &method.check.sql {
        all_known(sql.templates(), &known).within("check.sql")?;
    }
    shown(method)
}

/// Fields, and what the steps before gave.
fn values(method: &Method) -> Vec<&str> {
    method.fields.iter().filter(|f| f.kind != FieldKind::Notice).map(|f| f.name.as_str()).collect()
}

fn oauth<'m>(method: &'m Method, known: &mut Vec<&'m str>) -> Judged {
    let Some(oauth) = &method.oauth else { return Ok(()) };
    let mut asked = known.clone();
    asked.extend(["code", "redirect_uri", "state", "jwt"]);
    all_known(oauth.addresses().flat_map(|url| url.parts()), &asked)?;
    let tables = [&oauth.authorize_params, &oauth.token_params, &oauth.headers];
    all_known(tables.into_iter().flat_map(Entries::templates), &asked)?;
    all_known(&oauth.issuer, &asked)?;
    request_names(&oauth.headers, &Entries::default(), method)?;
    let mut kept = asked.clone();
    kept.extend(oauth.save.keys().map(String::as_str).chain(["token", "refresh_token"]));
    all_known(oauth.refresh_params.templates(), &kept)?;
    if let Some(revoke) = &oauth.revoke {
        ensure(oauth.revoke_url.is_none(), "it says revoke_url too").within("revoke")?;
        let basic = revoke.basic.iter().flat_map(|b| [&b.user, &b.pass]);
        all_known(revoke.request.templates().into_iter().chain(basic), &kept).within("revoke")?;
        request_names(&revoke.request.headers, &revoke.request.query, method).within("revoke")?;
    }
    for name in oauth.save.keys() {
        ensure(is_name(name), format!("`{name}` is not a name")).within("save")?;
        known.push(name);
    }
    for requirement in &oauth.require {
        let there = method.field(&requirement.field).is_some();
        ensure(there, format!("there is no field `{}`", requirement.field)).within("require")?;
    }
    for needed in ["client_id", "client_secret"] {
        let signs = oauth.client_auth == ClientAuth::PrivateKeyJwt && needed == "client_secret";
        let there = method.field(needed).is_some() || oauth.client_auth == ClientAuth::None || signs;
        ensure(there, format!("there is no field `{needed}`"))?;
    }
    known.push("token");
    Ok(())
}

fn all_known<'t>(templates: impl IntoIterator<Item = &'t Template>, known: &[&str]) -> Judged {
    for template in templates {
        for name in template.names() {
            let fault = || Fault::new(format!("nothing gives {{{name}}} in `{}`", template.text()));
            if !known.contains(&name) {
                return Err(fault());
            }
        }
    }
    Ok(())
}

/// Names of headers and query parameters: constants that may be sent, or a field of the right format.
fn request_names(headers: &Entries, query: &Entries, method: &Method) -> Judged {
    for entry in &headers.0 {
        match entry.name.constant() {
            Some(name) => header::may_be_sent(&name).map_err(|e| Fault::new(format!("`{name}`: {e}"))),
            None => format_of(&entry.name, Format::HeaderName, method),
        }
        .within("headers")?;
    }
    for entry in query.0.iter().filter(|e| e.name.constant().is_none()) {
        format_of(&entry.name, Format::QueryName, method).within("query")?;
    }
    Ok(())
}

fn format_of(name: &Template, format: Format, method: &Method) -> Judged {
    let fits = name.is_one_slot() && name.names().all(|n| method.field(n).is_some_and(|f| f.format == Some(format)));
    ensure(fits, format!("`{}` needs a field of format header_name or query_name", name.text()))
}

/// Sentences for people: `identity`, `hint`, `notes`.
fn shown(method: &Method) -> Judged {
    let mut plain: Vec<&str> = method.fields.iter().filter(|f| !f.kind.is_secret()).map(|f| f.name.as_str()).collect();
    let identities: Vec<String> = method.fields.iter().filter_map(|f| f.identity_name()).collect();
    if let Some(note) = &method.notes.after_save {
        let fits = note.paths().all(|path| plain.contains(&path.as_str()) || identities.contains(&path));
        ensure(fits, "a note names a value that is unknown or secret").within("notes.after_save")?;
    }
    plain.extend(HINT_NAMES);
    for (at, rule) in method.check.on.iter().enumerate() {
        all_known([&rule.hint], &plain).within(format!("on {}", at + 1)).within("check")?;
    }
    if let Some(identity) = &method.check.identity {
        plain.push("json");
        let known = |path: &str| plain.contains(&path.split('.').next().unwrap_or_default());
        for path in identity.paths() {
            let fits = known(&path) || identities.contains(&path);
            ensure(fits, format!("nothing gives {{{path}}} in `{}`", identity.text())).within("check.identity")?;
        }
    }
    Ok(())
}
