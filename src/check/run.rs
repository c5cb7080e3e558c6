//! One check from start to report.

use super::course::{Course, Ended};
use super::held::{Held, Session};
use super::inject;
use super::plan::Purpose;
use super::report::{Outcome, Report};
use super::rules::{Facts, Verdict, judge};
use super::seen::{Place, Stop};
use super::{identity, login, policy, token};
use crate::catalog::destination;
use crate::catalog::form::Values;
use crate::catalog::schema::{CheckKind, Grant, Integration, Method, Rule};
use crate::clock::Clock;
use crate::egress::Egress;
use crate::egress::fault::{Fault, Network};
use crate::egress::http::Answer;
use crate::measure;
use crate::secret::Secret;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What every check of this process needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The way outward.
    pub egress: &'a Egress,
    /// The catalogue's default outcome rules.
    pub defaults: &'a [Rule],
    /// The time.
    pub clock: &'a Clock,
}

/// Why a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A person saves: a name that does not exist is a mistake.
    Save,
    /// Later: the same is an outage.
    Later,
}

/// What may differ from check to check.
#[derive(Debug)]
pub struct Options {
    /// Why it is made.
    pub trigger: Trigger,
    /// SHA-256 of a certificate that a person confirmed.
    pub pin: Option<[u8; 32]>,
    /// The session of a consent method, from its grant.
    pub session: Option<Session>,
}

impl Options {
    /// For this trigger, without a confirmed certificate or a session.
    pub fn new(trigger: Trigger) -> Self {
        Self { trigger, pin: None, session: None }
    }
}

/// How long a check may take unless its file says less.
const LIMIT_MS: u32 = 10_000;

/// Runs the live check of a method with these values. Never fails: what went wrong is the report.
///
/// Tokens got on the way are dropped at the end; a session is signed out where the file says so.
pub async fn run(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    options: Options,
) -> Report {
    run_and_keep(context, integration, method, values, options).await.0
}

/// As [`run`], with what the answer gave for keeping with a consent.
pub async fn run_and_keep(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    options: Options,
) -> (Report, BTreeMap<String, Secret>) {
    let began = Instant::now();
    let mut session = Session::default();
    let report = judged(context, integration, method, values, options, &mut session).await;
    measure::check(&integration.id, report.outcome.as_str(), began.elapsed());
    session.values.retain(|name, _| method.check.save.contains_key(name));
    (report, session.values)
}

async fn judged(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    options: Options,
    session: &mut Session,
) -> Report {
    let check = &method.check;
    match check.kind {
        CheckKind::Http | CheckKind::Smtp | CheckKind::Sql | CheckKind::Steps => {}
        CheckKind::Format | CheckKind::None | CheckKind::Imap | CheckKind::Tcp => {
            return untested(method);
        }
    }
    let limit = Duration::from_millis(check.timeout_ms.unwrap_or(LIMIT_MS).min(LIMIT_MS).into());
    let policy = policy::of(method, values, options.pin);
    let mut course = Course::new(context.egress, &policy, limit, upcoming(method, values, options.session.is_some()));
    let later = options.trigger == Trigger::Later;
    let signed = match options.session {
        Some(given) => Ok((given, true)),
        None => token::sign_in(&mut course, method, values, context.clock.now()).await.map(|own| (own, false)),
    };
    let given = match signed {
        Ok((signed, given)) => {
            *session = signed;
            given
        }
        Err(stop) => {
            let ended = course.end(true);
            return stopped(context, integration, method, values, (limit, later), &stop, ended);
        }
    };
    let result = converse(&mut course, method, values, given, session).await;
    let ended = course.end(result.is_err());
    let held = Held { values, session };
    match result {
        Ok(proof) => good(method, &proof, &held, ended),
        Err(stop) => {
            let facts = facts(context, integration, values, limit, &stop);
            let typed = !later && names_host(method, values);
            bad(&stop, judge(&stop, &check.on, context.defaults, &facts), typed, ended)
        }
    }
}

/// The report of a conversation with a token address that stopped, judged by the rules of the method's check.
pub(super) fn stopped(
    context: &Context<'_>,
    integration: &Integration,
    method: &Method,
    values: &Values,
    (limit, later): (Duration, bool),
    stop: &Stop,
    ended: Ended,
) -> Report {
    let facts = facts(context, integration, values, limit, stop);
    let typed = !later && names_host(method, values);
    bad(stop, judge(stop, &of_sign_in(method), context.defaults, &facts), typed, ended)
}

/// The rules that judge a sign-in: all of them where it is the check itself. Else what a status means at the API says
/// nothing of the token address, which has error words of its own.
fn of_sign_in(method: &Method) -> Vec<Rule> {
    let is_the_check = method.check.kind == CheckKind::Steps;
    method.check.on.iter().filter(|rule| is_the_check || !rule.is_of_status_only()).cloned().collect()
}

fn untested(method: &Method) -> Report {
    let why = method.check.why.clone().unwrap_or_else(|| "There is no live test for this kind of service.".to_owned());
    report(Verdict { outcome: Outcome::Untested, code: "no_live_test".to_owned(), hint: why }, None, Ended::nothing())
}

/// The labels of the calls that a check makes.
fn upcoming(method: &Method, values: &Values, connected: bool) -> Vec<String> {
    let mut labels = Vec::new();
    if !connected {
        let grants = method.oauth.iter().filter(|oauth| oauth.grant == Grant::ClientCredentials).count();
        labels.extend((0..grants + method.steps.len()).map(|_| Purpose::SignIn.wish()));
    }
    labels.extend(method.check.request.iter().map(|request| Purpose::sample(request, &values.plain).wish()));
    if signs_out(method) {
        labels.push(Purpose::SignOut.wish());
    }
    labels
}

fn signs_out(method: &Method) -> bool {
    method.check.logout_after && method.logout.is_some() && !method.steps.is_empty()
}

/// Makes the sample call, and signs out of a session that was not given. Leaves the session for the report to strip
/// its copies.
async fn converse(
    course: &mut Course<'_>,
    method: &Method,
    values: &Values,
    was_given: bool,
    session: &mut Session,
) -> Result<Proof, Stop> {
    let result = prove(course, method, &Held { values, session }).await.and_then(|proof| {
        if let Proof::Answer(answer) = &proof {
            token::save(course, method, &method.check.save, answer, session, &Place::default())?;
        }
        Ok(proof)
    });
    let held = Held { values, session };
    if !was_given
        && signs_out(method)
        && let Some(logout) = &method.logout
    {
        course.sign_out(inject::request(&logout.request, &method.inject, true, &held)).await;
    }
    result
}

/// What a check brought home, for “connected as”.
enum Proof {
    /// That it worked, and nothing to read.
    Done,
    /// An HTTP answer.
    Answer(Answer),
    /// What a database server is, as JSON.
    Served(String),
}

impl Proof {
    /// The JSON that names may come from.
    fn json(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Answer(answer) => std::str::from_utf8(answer.body()).ok().filter(|_| !answer.cut),
            Self::Served(json) => Some(json),
        }
    }
}

async fn prove(course: &mut Course<'_>, method: &Method, held: &Held<'_>) -> Result<Proof, Stop> {
    let check = &method.check;
    if let Some(smtp) = &check.smtp {
        let (login, signs_in) = login::mail(smtp, held)?;
        course.mail(&login, signs_in).await?;
        return Ok(Proof::Done);
    }
    if let Some(sql) = &check.sql {
        let served = course.database(&login::database(sql, held)?).await?;
        return Ok(Proof::Served(json!({ "server": served.to_string() }).to_string()));
    }
    let Some(request) = &check.request else { return Ok(Proof::Done) };
    let purpose = Purpose::sample(request, &held.values.plain);
    course.call(method, request, check.inject, &check.expect, purpose, held).await.map(Proof::Answer)
}

pub(super) fn facts<'a>(
    context: &Context<'_>,
    integration: &'a Integration,
    values: &'a Values,
    limit: Duration,
    stop: &Stop,
) -> Facts<'a> {
    let asked = match stop {
        Stop::Unexpected(answer, _) => answer.retry_after_s.unwrap_or(0).clamp(60, 86_400),
        _ => 60,
    };
    let retry = context.clock.now().plus(TimeDelta::seconds(asked.cast_signed()));
    let retry_at = retry.utc().format("%H:%M UTC").to_string();
    Facts { name: &integration.name, seconds: limit.as_secs().max(1), retry_at, plain: &values.plain }
}

fn good(method: &Method, proof: &Proof, held: &Held<'_>, ended: Ended) -> Report {
    let identity = method.check.identity.as_ref().and_then(|template| identity::of(template, proof.json(), held));
    let verdict = Verdict { outcome: Outcome::Ok, code: "ok".to_owned(), hint: String::new() };
    report(verdict, identity, ended)
}

/// Whether a person chose where the calls go, rather than the catalogue's constants and defaults.
fn names_host(method: &Method, values: &Values) -> bool {
    destination::names(method)
        .into_iter()
        .filter_map(|name| method.field(name))
        .any(|field| values.plain.get(&field.name).is_some_and(|value| value != field.default_text()))
}

/// A name that does not exist is a mistake only where a person has just typed it; one that stands in the
/// catalogue, or was found before, is an outage.
pub(super) fn bad(stop: &Stop, mut verdict: Verdict, typed: bool, ended: Ended) -> Report {
    if !typed && matches!(stop, Stop::Fault(Fault::Network(Network::Dns), _)) {
        verdict.outcome = Outcome::Unavailable;
    }
    report(verdict, None, ended)
}

pub(super) fn report(verdict: Verdict, identity: Option<String>, ended: Ended) -> Report {
    let Verdict { outcome, code, hint } = verdict;
    let fingerprint = ended.fingerprint.as_ref().map(policy::write_fingerprint);
    Report { outcome, code, hint, steps: ended.steps, identity, ms: ended.ms, connected: ended.connected, fingerprint }
}
