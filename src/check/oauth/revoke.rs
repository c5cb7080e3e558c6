//! The end of tokens at the service.

use super::ask::TokenAsk;
use super::exchange::LIMIT;
use crate::catalog::body::Entries;
use crate::catalog::form::Values;
use crate::catalog::schema::{Expect, Inject, Method, OAuth, Revoke};
use crate::check::course::Course;
use crate::check::held::{Held, Session};
use crate::check::inject::{self, Unfit};
use crate::check::plan::Purpose;
use crate::check::policy;
use crate::check::run::Context;
use crate::egress::http::Request;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// Ends tokens at the service (RFC 7009, or as the file says); `None` when the file knows no way, else whether the
/// service took it.
pub async fn revoke(
    context: &Context<'_>,
    method: &Method,
    values: &Values,
    held: &BTreeMap<String, Secret>,
    refresh: Option<&Secret>,
) -> Option<bool> {
    let oauth = method.oauth.as_ref()?;
    let values_held = held.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect();
    let mut session = Session { values: values_held, ..Session::default() };
    session.values.extend(refresh.map(|token| ("refresh_token".to_owned(), token.duplicate())));
    let held = Held { values, session: &session };
    let request = match &oauth.revoke {
        Some(own) => own_request(method, own, &held),
        None => standard_request(method, oauth, &held)?,
    };
    let policy = policy::of(method, values, None);
    let mut course = Course::new(context.egress, &policy, LIMIT, Vec::new());
    let expect = Expect { status: None, json: oauth.ok.clone().into_iter().collect() };
    Some(course.send(request.ok()?, &expect, Purpose::SignOut).await.is_ok())
}

/// RFC 7009 §2.1: the refresh token, with which the whole grant ends, or the access token where there is none.
fn standard_request(method: &Method, oauth: &OAuth, held: &Held<'_>) -> Option<Result<Request, Unfit>> {
    let address = oauth.revoke_url.as_ref()?;
    let newest = held.get("refresh_token").or_else(|| held.get("token")).unwrap_or_default();
    let pairs = vec![("token".to_owned(), Secret::new(newest.to_owned()))];
    Some(TokenAsk { method, oauth, address, pairs, params: &Entries::default() }.request(held))
}

fn own_request(method: &Method, own: &Revoke, held: &Held<'_>) -> Result<Request, Unfit> {
    let client = Inject { base_url: method.inject.base_url.clone(), basic: own.basic.clone(), ..Inject::default() };
    inject::request(&own.request, &client, true, held)
}
