//! How a credential comes to its live token: as it is, by client credentials, or by the method's own requests.

use super::course::Course;
use super::held::{Held, Session};
use super::inject::{Unfit, basic_value, form_body, json_body};
use super::jwt;
use super::plan::Purpose;
use super::policy::is_on;
use super::seen::{Place, Stop};
use crate::catalog::form::Values;
use crate::catalog::place;
use crate::catalog::schema::{
    BodyFormat, ClientAuth, Expect, FieldSource, Grant, Lifetime, Method, OAuth, SaveFrom, TimeUnit,
};
use crate::catalog::template::{RenderError, find};
use crate::clock::At;
use crate::egress::fault::{Refusal, Rule};
use crate::egress::http::{Answer, Headers, Request};
use crate::egress::target::{BadTarget, Target};
use crate::secret::Secret;
use chrono::TimeDelta;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Signs in and gives the live session. A consent method's session comes from its grant, not from here.
///
/// # Errors
/// [`Stop`]: the sign-in was refused or failed.
pub async fn sign_in(course: &mut Course<'_>, method: &Method, values: &Values, now: At) -> Result<Session, Stop> {
    let mut session = Session::default();
    if let Some(signed) = method.jwt.as_ref() {
        let assertion = jwt::sign(signed, &Held { values, session: &session }, now)?;
        session.values.insert("jwt".to_owned(), assertion);
    }
    if let Some(oauth) = &method.oauth {
        match oauth.grant {
            Grant::Code => return Err(Stop::NotConnected),
            Grant::ClientCredentials => client_credentials(course, method, oauth, values, &mut session, now).await?,
        }
    }
    for step in &method.steps {
        let held = Held { values, session: &session };
        let with_credential = false;
        let answer = course.call(method, &step.request, with_credential, &step.expect, Purpose::SignIn, &held).await?;
        let place = call_place(&step.request.url.render(method.inject.base_url.as_ref(), &|name| held.get(name)));
        save(course, method, &step.save, &answer, &mut session, &place)?;
        let life = lifetime(step.lifetime.as_ref(), &answer, &session).or(step.fallback_lifetime_s);
        session.expires_at = life.map(|s| later(now, s)).or(session.expires_at);
    }
    session.values.remove("jwt");
    if let Some(token) = &method.token {
        let held = Held { values, session: &session };
        let token = token.render(&|name| held.get(name), place::Place::Raw).map_err(Unfit::from)?;
        session.values.insert("token".to_owned(), token);
    }
    Ok(session)
}

fn call_place(address: &Result<crate::catalog::address::Address, RenderError>) -> Place {
    let target = address.as_ref().ok().and_then(|address| Target::http(address.origin()).ok());
    target.as_ref().map(Place::from).unwrap_or_default()
}

/// RFC 6749 §4.4.
async fn client_credentials(
    course: &mut Course<'_>,
    method: &Method,
    oauth: &OAuth,
    values: &Values,
    session: &mut Session,
    now: At,
) -> Result<(), Stop> {
    let request = token_request(method, oauth, &Held { values, session })?;
    let place = Place::from(&request.target);
    let expect = Expect { status: None, json: oauth.ok.clone().into_iter().collect() };
    let answer = course.send(request, &expect, Purpose::SignIn).await?;
    let path = oauth.token_path.as_deref().unwrap_or("access_token");
    let token = BTreeMap::from([("token".to_owned(), SaveFrom::Json(path.to_owned()))]);
    save(course, method, &token, &answer, session, &place)?;
    save(course, method, &oauth.save, &answer, session, &place)?;
    let said = || saved(&SaveFrom::Json("expires_in".to_owned()), &answer).and_then(|v| seconds(&v, TimeUnit::Seconds));
    let life = lifetime(oauth.lifetime.as_ref(), &answer, session).or_else(said).or(oauth.fallback_lifetime_s);
    session.expires_at = life.map(|s| later(now, s));
    Ok(())
}

fn token_request(method: &Method, oauth: &OAuth, held: &Held<'_>) -> Result<Request, Unfit> {
    let scope = |name: &str| held.get(name);
    let value = |name: &str| Secret::new(held.get(name).unwrap_or_default().to_owned());
    let mut pairs = vec![("grant_type".to_owned(), Secret::new("client_credentials".to_owned()))];
    pairs.push(("scope".to_owned(), Secret::new(oauth.scopes.join(&oauth.scope_sep))));
    let mut headers = Headers::default();
    match oauth.client_auth {
        ClientAuth::Body => pairs.extend(["client_id", "client_secret"].map(|name| (name.to_owned(), value(name)))),
        ClientAuth::None => pairs.push(("client_id".to_owned(), value("client_id"))),
        ClientAuth::Basic => {
            let encoded = |name: &str| {
                Secret::new(url::form_urlencoded::byte_serialize(value(name).expose().as_bytes()).collect())
            };
            headers.set("authorization", &basic_value(&encoded("client_id"), &encoded("client_secret")))?;
        }
        ClientAuth::PrivateKeyJwt => {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            pairs.push(("client_assertion_type".to_owned(), Secret::new(kind.to_owned())));
            pairs.push(("client_assertion".to_owned(), value("jwt")));
        }
    }
    pairs.extend(oauth.token_params.pairs(&scope)?);
    pairs.retain(|(name, value)| !value.is_empty() && !oauth.omit.contains(name));
    for (name, value) in oauth.headers.headers(&scope)? {
        headers.set(&name, &value)?;
    }
    let address = oauth.token_url.render(method.inject.base_url.as_ref(), &scope)?;
    let body = match oauth.body {
        BodyFormat::Form => form_body(&pairs),
        BodyFormat::Json => {
            let entries = pairs.into_iter().map(|(name, value)| (name, Value::String(value.expose().to_owned())));
            json_body(&Value::Object(Map::from_iter(entries)))
        }
    };
    Ok(Request {
        method: hyper::Method::POST,
        target: Target::http(address.expose().expose())?,
        headers,
        body: Some(body),
    })
}

/// Keeps values of an answer. A value that decides where the next call goes must lie on the field's hosts.
fn save(
    course: &mut Course<'_>,
    method: &Method,
    wanted: &BTreeMap<String, SaveFrom>,
    answer: &Answer,
    session: &mut Session,
    place: &Place,
) -> Result<(), Stop> {
    for (name, from) in wanted {
        let Some(value) = saved(from, answer).filter(|value| !value.is_empty()) else {
            if name != "token" {
                continue;
            }
            let path = match from {
                SaveFrom::Json(path) | SaveFrom::Query(path) | SaveFrom::Header(path) | SaveFrom::Cookie(path) => path,
            };
            return Err(course.lacks(answer, path, place.clone()));
        };
        let field = method.field(name).filter(|field| field.source != FieldSource::User && !field.hosts.is_empty());
        if field.is_some_and(|field| !is_on(value.expose(), &field.hosts)) {
            return Err(Stop::Returned(Refusal { rule: Rule::Host, ask_for: None }, place.clone()));
        }
        session.values.insert(name.clone(), value);
    }
    Ok(())
}

fn saved(from: &SaveFrom, answer: &Answer) -> Option<Secret> {
    match from {
        SaveFrom::Json(path) => match find(&answer.json()?, path.split('.'))? {
            Value::String(text) => Some(Secret::new(text.clone())),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(Secret::new(value.to_string())),
            _ => None,
        },
        SaveFrom::Header(name) => answer.header(name),
        SaveFrom::Cookie(name) => answer.cookie(name),
        SaveFrom::Query(_) => None,
    }
}

fn lifetime(lifetime: Option<&Lifetime>, answer: &Answer, session: &Session) -> Option<u64> {
    let own = lifetime.and_then(|life| {
        let said = life.from.as_ref().and_then(|from| saved(from, answer)).and_then(|v| seconds(&v, life.unit));
        said.or(life.fallback_s)
    });
    own.or_else(|| session.values.get("expires_in_s").and_then(|v| seconds(v, TimeUnit::Seconds)))
}

fn seconds(text: &Secret, unit: TimeUnit) -> Option<u64> {
    let number: u64 = text.expose().split('.').next()?.parse().ok()?;
    Some(match unit {
        TimeUnit::Milliseconds => number / 1000,
        TimeUnit::Seconds => number,
        TimeUnit::Minutes => number.saturating_mul(60),
        TimeUnit::Hours => number.saturating_mul(3600),
    })
}

fn later(now: At, seconds: u64) -> At {
    let bounded = i64::try_from(seconds).unwrap_or(i64::MAX).min(100 * 366 * 86_400);
    now.plus(TimeDelta::seconds(bounded))
}

impl From<RenderError> for Stop {
    fn from(error: RenderError) -> Self {
        Self::Unfit(error.into())
    }
}

impl From<BadTarget> for Stop {
    fn from(error: BadTarget) -> Self {
        Self::Unfit(error.into())
    }
}
