//! Code for tokens, and tokens for fresh ones.

use super::ask::TokenAsk;
use crate::catalog::address::UrlTemplate;
use crate::catalog::form::Values;
use crate::catalog::schema::{Expect, Integration, Method, OAuth, Pkce, Refresh};
use crate::check::course::Course;
use crate::check::held::{Held, Session};
use crate::check::plan::Purpose;
use crate::check::report::{Outcome, Report};
use crate::check::run::{Context, stopped};
use crate::check::seen::Stop;
use crate::check::{identity, jwt, policy, token};
use crate::egress::http::{Answer, Request};
use crate::secret::Secret;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shorter texts are no secrets that could be told from the names of permissions.
const SHORTEST: usize = 8;
/// How long a token address may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// What came back of a consent.
pub struct Code<'a> {
    /// The query of the redirect, `code` among it.
    pub redirect: &'a BTreeMap<String, Secret>,
    /// Where the service sent the person back to.
    pub redirect_uri: &'a str,
    /// The key of RFC 7636.
    pub verifier: &'a Secret,
}

/// What a token address gave.
#[derive(Debug, Default)]
pub struct Obtained {
    /// `token` and whatever the file saves.
    pub values: BTreeMap<String, Secret>,
    /// What renews it, where something came.
    pub refresh: Option<Secret>,
    /// The scopes that were given, where the answer says.
    pub granted: Option<Vec<String>>,
    /// Seconds that the token lives, where that is known.
    pub life_s: Option<u64>,
}

/// Exchanges a code. Where the file says that access tokens themselves are exchanged, the short-lived one is
/// exchanged at once.
///
/// # Errors
/// A report of what went wrong.
pub async fn exchange(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    code: &Code<'_>,
) -> Result<Obtained, Box<Report>> {
    converse(context, integration, method, values, false, async |course, oauth, session| {
        for (name, text) in [("code", code.redirect.get("code")), ("state", code.redirect.get("state"))] {
            session.values.extend(text.map(|text| (name.to_owned(), text.duplicate())));
        }
        session.values.insert("redirect_uri".to_owned(), Secret::new(code.redirect_uri.to_owned()));
        let request = code_request(method, oauth, values, code, session)?;
        let answer = token::token_answer(course, method, oauth, request, Some(code.redirect), session).await?;
        for asked in ["code", "state", "redirect_uri"] {
            session.values.remove(asked);
        }
        let asked = code.redirect.values().chain([code.verifier]);
        if oauth.refresh != Refresh::ExchangeAccessToken {
            let mut got = obtained(course, context, method, oauth, values, session, &answer).await?;
            got.granted = got.granted.map(|scopes| showable(scopes, asked));
            return Ok(got);
        }
        let first = granted(oauth, &answer).map(|scopes| showable(scopes, asked.chain(session.values.get("token"))));
        let request = refresh_request(method, oauth, values, None, session)?;
        let longer = token::token_answer(course, method, oauth, request, None, session).await?;
        let mut got = obtained(course, context, method, oauth, values, session, &longer).await?;
        got.granted = got.granted.or(first);
        Ok(got)
    })
    .await
}

/// Renews tokens. What the answer does not mention stays as it was.
///
/// # Errors
/// A report of what went wrong; a refused refresh token is always [`Outcome::Reauthorize`].
pub async fn refresh(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    before: &BTreeMap<String, Secret>,
    with: Option<&Secret>,
) -> Result<Obtained, Box<Report>> {
    converse(context, integration, method, values, true, async |course, oauth, session| {
        session.values.extend(before.iter().map(|(name, value)| (name.clone(), value.duplicate())));
        let request = refresh_request(method, oauth, values, with, session)?;
        let answer = token::token_answer(course, method, oauth, request, None, session).await?;
        obtained(course, context, method, oauth, values, session, &answer).await
    })
    .await
}

async fn converse(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    renews: bool,
    talk: impl AsyncFnOnce(&mut Course<'_>, &OAuth, &mut Session) -> Result<Obtained, Stop>,
) -> Result<Obtained, Box<Report>> {
    let policy = policy::of(method, values, None);
    let mut course = Course::new(context.egress, &policy, LIMIT, vec![Purpose::SignIn.wish()]);
    let mut session = Session::default();
    let result = match &method.oauth {
        None => Err(Stop::NotConnected),
        Some(oauth) => match signed(context, method, values, &mut session) {
            Ok(()) => talk(&mut course, oauth, &mut session).await,
            Err(stop) => Err(stop),
        },
    };
    let ended = course.end(result.is_err());
    result.map_err(|stop| {
        let refused = renews && is_refused(&stop);
        let mut report = stopped(context, integration, method, values, (LIMIT, renews), &stop, ended);
        if refused {
            report.outcome = Outcome::Reauthorize;
        }
        Box::new(report)
    })
}

/// The assertion of a client that signs (RFC 7523), for the requests of this session.
fn signed(context: &Context<'_>, method: &Method, values: &Values, session: &mut Session) -> Result<(), Stop> {
    if let Some(jwt) = &method.jwt {
        let assertion = jwt::sign(jwt, &Held { values, session }, context.clock.now())?;
        session.values.insert("jwt".to_owned(), assertion);
    }
    Ok(())
}

/// A refresh token that is over, whatever the file says of the same error at a sign-in.
fn is_refused(stop: &Stop) -> bool {
    matches!(stop, Stop::Unexpected(answer, _) if answer.oauth_error() == Some("invalid_grant"))
}

fn code_request(
    method: &Method,
    oauth: &OAuth,
    values: &Values,
    code: &Code<'_>,
    session: &mut Session,
) -> Result<Request, Stop> {
    let text = |name: &str, value: &str| (name.to_owned(), Secret::new(value.to_owned()));
    let mut pairs = vec![
        text("grant_type", "authorization_code"),
        text("code", code.redirect.get("code").map(Secret::expose).unwrap_or_default()),
        text("redirect_uri", code.redirect_uri),
    ];
    if oauth.pkce == Pkce::S256 {
        pairs.push(("code_verifier".to_owned(), code.verifier.duplicate()));
    }
    let ask = TokenAsk { method, oauth, address: &oauth.token_url, pairs, params: &oauth.token_params };
    Ok(ask.request(&Held { values, session })?)
}

fn refresh_request(
    method: &Method,
    oauth: &OAuth,
    values: &Values,
    with: Option<&Secret>,
    session: &mut Session,
) -> Result<Request, Stop> {
    let mut pairs = Vec::new();
    if let Some(with) = with {
        pairs.push(("grant_type".to_owned(), Secret::new("refresh_token".to_owned())));
        pairs.push(("refresh_token".to_owned(), with.duplicate()));
        session.values.insert("refresh_token".to_owned(), with.duplicate());
    }
    let address = oauth.refresh_url.as_ref().unwrap_or(&oauth.token_url);
    let ask = TokenAsk { method, oauth, address, pairs, params: &oauth.refresh_params };
    let request = ask.request(&Held { values, session })?;
    session.values.remove("refresh_token");
    Ok(request)
}

/// What an answer gave, the session's values among it.
async fn obtained(
    course: &mut Course<'_>,
    context: &Context<'_>,
    method: &Method,
    oauth: &OAuth,
    values: &Values,
    session: &mut Session,
    answer: &Answer,
) -> Result<Obtained, Stop> {
    let mut life_s = token::life(oauth, answer, session);
    if life_s.is_none()
        && let Some(address) = &oauth.introspect_url
    {
        life_s = introspect(course, context, method, oauth, address, values, session).await;
    }
    for passing in ["expires_in_s", "jwt"] {
        session.values.remove(passing);
    }
    let refresh = token::beside(oauth, answer, "refresh_token").filter(|token| !token.is_empty());
    let secrets = || values.secret.values().chain(session.values.get("token")).chain(&refresh);
    let granted = granted(oauth, answer).map(|scopes| showable(scopes, secrets()));
    Ok(Obtained {
        values: std::mem::take(&mut session.values),
        refresh,
        granted,
        life_s: life_s.or(oauth.fallback_lifetime_s),
    })
}

/// Asks how long a token lives (RFC 7662); a service that does not say leaves it open.
async fn introspect(
    course: &mut Course<'_>,
    context: &Context<'_>,
    method: &Method,
    oauth: &OAuth,
    address: &UrlTemplate,
    values: &Values,
    session: &Session,
) -> Option<u64> {
    let held = Held { values, session };
    let pairs = vec![("token".to_owned(), Secret::new(held.get("token")?.to_owned()))];
    let params = crate::catalog::body::Entries::default();
    let request = TokenAsk { method, oauth, address, pairs, params: &params }.request(&held).ok()?;
    let answer = course.send(request, &Expect::default(), Purpose::SignIn).await.ok()?;
    let end = answer.json()?.get("exp")?.as_i64()?;
    let now = context.clock.now().micros().div_euclid(1_000_000);
    u64::try_from(end.saturating_sub(now)).ok().filter(|left| *left > 0)
}

/// Scopes as people may see them: in the signs of RFC 6749 §3.3, not too many, not too long, and none that holds a
/// copy of a secret. The rest is left out.
fn showable<'s>(scopes: Vec<String>, secrets: impl Iterator<Item = &'s Secret>) -> Vec<String> {
    let secrets: Vec<&str> = secrets.map(Secret::expose).filter(|secret| secret.len() >= SHORTEST).collect();
    let fits = |scope: &String| {
        let plain = scope.len() <= 200 && scope.bytes().all(|byte| byte.is_ascii_graphic());
        plain && !secrets.iter().any(|secret| identity::quotes(scope, secret))
    };
    scopes.into_iter().filter(fits).take(100).collect()
}

/// `scope` of an answer: a text with the file's separator, commas or white space, or a list.
fn granted(oauth: &OAuth, answer: &Answer) -> Option<Vec<String>> {
    let json = answer.json()?;
    let list = match json.get("scope")? {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => {
            let cut = |c: char| c.is_whitespace() || c == ',' || oauth.scope_sep.contains(c);
            text.split(cut).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        }
        _ => return None,
    };
    Some(list)
}
