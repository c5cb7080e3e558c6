//! How a credential comes to its live token: as it is, by client credentials, or by the method's own requests.

use super::course::Course;
use super::held::{Held, Session};
use super::inject::Unfit;
use super::jwt;
use super::oauth::TokenAsk;
use super::plan::Purpose;
use super::policy::is_on;
use super::seen::{Place, Stop};
use crate::catalog::form::Values;
use crate::catalog::place;
use crate::catalog::schema::{Expect, FieldSource, Grant, Lifetime, Method, OAuth, SaveFrom, TimeUnit};
use crate::catalog::template::{RenderError, find};
use crate::clock::At;
use crate::egress::fault::{Refusal, Rule};
use crate::egress::http::{Answer, Request};
use crate::egress::target::{BadTarget, Target};
use crate::secret::Secret;
use chrono::TimeDelta;
use serde_json::Value;
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
    let pair = |name: &str, value: String| (name.to_owned(), Secret::new(value));
    let pairs =
        vec![pair("grant_type", "client_credentials".to_owned()), pair("scope", oauth.scopes.join(&oauth.scope_sep))];
    let ask = TokenAsk { method, oauth, address: &oauth.token_url, pairs, params: &oauth.token_params };
    let request = ask.request(&Held { values, session })?;
    let answer = token_answer(course, method, oauth, request, None, session).await?;
    session.expires_at = life(oauth, &answer, session).or(oauth.fallback_lifetime_s).map(|s| later(now, s));
    Ok(())
}

/// Sends a token request and keeps what its answer is to be kept of; `redirect` is the query of the redirect
/// that came before, of a consent.
pub(super) async fn token_answer(
    course: &mut Course<'_>,
    method: &Method,
    oauth: &OAuth,
    request: Request,
    redirect: Option<&BTreeMap<String, Secret>>,
    session: &mut Session,
) -> Result<Answer, Stop> {
    let place = Place::from(&request.target);
    let expect = Expect { status: None, json: oauth.ok.clone().into_iter().collect() };
    let answer = course.send(request, &expect, Purpose::SignIn).await?;
    let path = oauth.token_path.as_deref().unwrap_or("access_token");
    let token = BTreeMap::from([("token".to_owned(), SaveFrom::Json(path.to_owned()))]);
    save(course, method, &token, &answer, session, &place)?;
    save(course, method, &oauth.save, &answer, session, &place)?;
    let Some(redirect) = redirect else { return Ok(answer) };
    for (name, from) in &oauth.save {
        let SaveFrom::Query(parameter) = from else { continue };
        let Some(value) = redirect.get(parameter).filter(|value| !value.is_empty()) else { continue };
        keep(method, name, value.duplicate(), session, &place)?;
    }
    Ok(answer)
}

/// How long the token of an answer lives, in seconds, where it says.
pub(super) fn life(oauth: &OAuth, answer: &Answer, session: &Session) -> Option<u64> {
    let said = || beside(oauth, answer, "expires_in").and_then(|v| seconds(&v, TimeUnit::Seconds));
    lifetime(oauth.lifetime.as_ref(), answer, session).or_else(said)
}

/// A value that stands beside the token, where that is nested, or else at the top of the answer.
pub(super) fn beside(oauth: &OAuth, answer: &Answer, name: &str) -> Option<Secret> {
    let nested = oauth.token_path.as_deref().and_then(|path| path.rsplit_once('.')).map(|(table, _)| table);
    nested
        .and_then(|table| saved(&SaveFrom::Json(format!("{table}.{name}")), answer))
        .or_else(|| saved(&SaveFrom::Json(name.to_owned()), answer))
}

/// Keeps values of an answer. A value that decides where the next call goes must lie on the field's hosts.
pub(super) fn save(
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
        keep(method, name, value, session, place)?;
    }
    Ok(())
}

fn keep(method: &Method, name: &str, value: Secret, session: &mut Session, place: &Place) -> Result<(), Stop> {
    let field = method.field(name).filter(|field| field.source != FieldSource::User && !field.hosts.is_empty());
    if field.is_some_and(|field| !is_on(value.expose(), &field.hosts)) {
        return Err(Stop::Returned(Refusal { rule: Rule::Host, ask_for: None }, place.clone()));
    }
    session.values.insert(name.to_owned(), value);
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

/// Services write 0 where a token does not end: a life of no time is none that was said.
fn seconds(text: &Secret, unit: TimeUnit) -> Option<u64> {
    let number: u64 = text.expose().split('.').next()?.parse().ok()?;
    let seconds = match unit {
        TimeUnit::Milliseconds => number / 1000,
        TimeUnit::Seconds => number,
        TimeUnit::Minutes => number.saturating_mul(60),
        TimeUnit::Hours => number.saturating_mul(3600),
    };
    (seconds > 0).then_some(seconds)
}

pub(super) fn later(now: At, seconds: u64) -> At {
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

#[cfg(test)]
mod tests {
    use super::seconds;
    use crate::catalog::schema::TimeUnit;
    use crate::secret::Secret;

    #[test]
    fn a_life_of_no_time_is_not_said() {
        let said = |text: &str, unit| seconds(&Secret::new(text.to_owned()), unit);
        assert_eq!((said("3599.5", TimeUnit::Seconds), said("2", TimeUnit::Hours)), (Some(3599), Some(7200)));
        for text in ["0", "0.9", "-1", "", "never"] {
            assert_eq!(said(text, TimeUnit::Seconds), None, "{text}");
        }
        assert_eq!(said("999", TimeUnit::Milliseconds), None);
    }
}
