//! Makes the request that is sent: a request of the catalogue with the credential put into it.
//!
//! Checks, sign-ins and the calls of bots all come through here.

use super::held::Held;
use crate::catalog::body::JsonTemplate;
use crate::catalog::place::Place;
use crate::catalog::schema::{Inject, Request, Verb};
use crate::catalog::template::RenderError;
use crate::egress::http::{self, BadHeader, Headers};
use crate::egress::target::{BadTarget, Target};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

/// Why a request cannot be made from these values. Names no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A template and its values do not go together.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The address cannot be called.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// A header cannot be sent.
    #[error(transparent)]
    Header(#[from] BadHeader),
    /// A value of the credential cannot be used as it must be; the text says which and why.
    #[error("{0}")]
    Value(&'static str),
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The request with the credential in it; `inject` false sends what the request itself says and nothing else.
///
/// # Errors
/// [`Unfit`] when a value does not fit the place it is put into.
pub fn request(
    request: &Request,
    inject: &Inject,
    with_credential: bool,
    held: &Held<'_>,
) -> Result<http::Request, Unfit> {
    let scope = |name: &str| held.get(name);
    let put = with_credential.then_some(inject);
    let mut address = request.url.render(inject.base_url.as_ref(), &scope)?;
    let mut query = request.query.pairs(&scope)?;
    query.extend(put.map(|inject| inject.query.pairs(&scope)).transpose()?.unwrap_or_default());
    for (name, value) in &query {
        address.push_query(name, value);
    }
    let mut headers = Headers::default();
    if let Some(inject) = put {
        credential_headers(inject, held, &mut headers)?;
    }
    for (name, value) in request.headers.headers(&scope)? {
        headers.set(&name, &value)?;
    }
    let method =
        hyper::Method::from_bytes(request.method.as_str().as_bytes()).map_err(|_| Unfit::Value("Not a verb."))?;
    let target = Target::http(address.expose().expose())?;
    Ok(http::Request { method, target, headers, body: body(request, put, held)? })
}

/// Headers, cookies and Basic of `[inject]`; empty ones are left out.
///
/// # Errors
/// [`Unfit`] when a value does not fit the place it is put into.
pub fn credential_headers(inject: &Inject, held: &Held<'_>, headers: &mut Headers) -> Result<(), Unfit> {
    let scope = |name: &str| held.get(name);
    if let Some(basic) = &inject.basic {
        let user = basic.user.render(&scope, Place::Raw)?;
        let pass = basic.pass.render(&scope, Place::Raw)?;
        if !(user.is_empty() && pass.is_empty()) {
            headers.set("authorization", &basic_value(&user, &pass))?;
        }
    }
    for (name, value) in inject.headers.headers(&scope)? {
        headers.set(&name, &value)?;
    }
    let cookies = inject.cookies.cookies(&scope)?;
    if !cookies.is_empty() {
        let mut line = Zeroizing::new(String::new());
        for (name, value) in &cookies {
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(name);
            line.push('=');
            line.push_str(value.expose());
        }
        headers.set("cookie", &Secret::new(std::mem::take(&mut *line)))?;
    }
    Ok(())
}

/// The value of `Authorization` for HTTP Basic (RFC 7617).
pub fn basic_value(user: &Secret, pass: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{}:{}", user.expose(), pass.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn body(request: &Request, put: Option<&Inject>, held: &Held<'_>) -> Result<Option<(&'static str, Secret)>, Unfit> {
    let scope = |name: &str| held.get(name);
    if let Some(form) = &request.form {
        return Ok(Some(form_body(&form.pairs(&scope)?)));
    }
    let own = request.json.as_ref().map(|json| json.render(&scope)).transpose()?.flatten();
    let takes = !matches!(request.method, Verb::Get | Verb::Head);
    let injected = put.and_then(|inject| inject.body.as_ref()).filter(|_| takes || own.is_some());
    let injected = injected.map(|json: &JsonTemplate| json.render(&scope)).transpose()?.flatten();
    Ok(match (own, injected) {
        (None, None) => None,
        (Some(json), None) | (None, Some(json)) => Some(json_body(&json)),
        (Some(mut json), Some(more)) => {
            merge(&mut json, more);
            Some(json_body(&json))
        }
    })
}

/// A body of a form, encoded.
pub(super) fn form_body(pairs: &[(String, Secret)]) -> (&'static str, Secret) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        form.append_pair(name, value.expose());
    }
    (FORM, Secret::new(form.finish()))
}

/// A body of JSON.
pub(super) fn json_body(value: &Value) -> (&'static str, Secret) {
    (JSON, Secret::new(value.to_string()))
}

/// Puts the entries of `more` into `into`, table into table; what the request itself says stays.
pub fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else { return };
    for (name, value) in more {
        match into.get_mut(&name) {
            None => {
                into.insert(name, value);
            }
            Some(there) => merge(there, value),
        }
    }
}
