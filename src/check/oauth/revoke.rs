//! The end of tokens at the service.

use super::ask::TokenAsk;
use super::exchange::LIMIT;
use crate::catalog::address::UrlTemplate;
use crate::catalog::form::Values;
use crate::catalog::schema::{Expect, Method, OAuth};
use crate::check::course::Course;
use crate::check::held::{Held, Session};
use crate::check::inject::{Unfit, form_body};
use crate::check::plan::Purpose;
use crate::check::policy;
use crate::check::run::Context;
use crate::check::seen::Stop;
use crate::egress::http::{Headers, Request};
use crate::egress::target::Target;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// Ends tokens at the service (RFC 7009, or as the file says); `None` when it has no address for that, else
/// whether the service took it.
pub async fn revoke(
    context: &Context<'_>,
    method: &Method,
    values: &Values,
    held: &BTreeMap<String, Secret>,
    refresh: Option<&Secret>,
) -> Option<bool> {
    let oauth = method.oauth.as_ref()?;
    let address = oauth.revoke_url.as_ref()?;
    let values_held = held.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect();
    let mut session = Session { values: values_held, ..Session::default() };
    session.values.extend(refresh.map(|token| ("refresh_token".to_owned(), token.duplicate())));
    let policy = policy::of(method, values, None);
    let mut course = Course::new(context.egress, &policy, LIMIT, Vec::new());
    let request = revoke_request(method, oauth, address, values, &session).ok()?;
    let expect = Expect { status: None, json: oauth.ok.clone().into_iter().collect() };
    Some(course.send(request, &expect, Purpose::SignOut).await.is_ok())
}

fn revoke_request(
    method: &Method,
    oauth: &OAuth,
    address: &UrlTemplate,
    values: &Values,
    session: &Session,
) -> Result<Request, Stop> {
    let held = Held { values, session };
    let scope = |name: &str| held.get(name);
    let newest = held.get("refresh_token").or_else(|| held.get("token")).unwrap_or_default();
    let standard = [("token".to_owned(), Secret::new(newest.to_owned()))];
    let pairs = if oauth.revoke_params.0.is_empty() { standard.into() } else { Vec::new() };
    if oauth.revoke_headers.0.is_empty() {
        return Ok(TokenAsk { method, oauth, address, pairs, params: &oauth.revoke_params }.request(&held)?);
    }
    let mut headers = Headers::default();
    for (name, value) in oauth.revoke_headers.headers(&scope)? {
        headers.set(&name, &value).map_err(Unfit::from)?;
    }
    let address = address.render(method.inject.base_url.as_ref(), &scope)?;
    let target = Target::http(address.expose().expose())?;
    let mut pairs = pairs;
    pairs.extend(oauth.revoke_params.pairs(&scope)?);
    Ok(Request { method: hyper::Method::POST, target, headers, body: Some(form_body(&pairs)) })
}
