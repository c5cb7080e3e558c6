//! One check from start to report.

use super::course::{Course, Ended};
use super::held::{Held, Session};
use super::inject::{self, Unfit};
use super::plan::Purpose;
use super::report::{Outcome, Report};
use super::rules::{Facts, Verdict, judge};
use super::seen::Stop;
use super::{identity, policy, token};
use crate::catalog::destination;
use crate::catalog::form::Values;
use crate::catalog::place::Place;
use crate::catalog::schema::{CheckKind, Grant, Integration, Method, Rule, SmtpAuth, SmtpCheck};
use crate::catalog::template::Template;
use crate::clock::Clock;
use crate::egress::Egress;
use crate::egress::fault::{Fault, Network};
use crate::egress::http::Answer;
use crate::egress::smtp::{BadLogin, Login, Mechanism};
use crate::egress::target::{Mode, Target};
use crate::secret::Secret;
use chrono::TimeDelta;
use std::time::Duration;

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
    let check = &method.check;
    match check.kind {
        CheckKind::Http | CheckKind::Smtp | CheckKind::Steps => {}
        CheckKind::Format | CheckKind::None | CheckKind::Imap | CheckKind::Sql | CheckKind::Tcp => {
            return untested(method);
        }
    }
    let limit = Duration::from_millis(check.timeout_ms.unwrap_or(LIMIT_MS).min(LIMIT_MS).into());
    let policy = policy::of(method, values, options.pin);
    let mut course = Course::new(context.egress, &policy, limit, upcoming(method, values, options.session.is_some()));
    let mut session = Session::default();
    let result = converse(context, &mut course, method, values, options.session, &mut session).await;
    let ended = course.end(result.is_err());
    let held = Held { values, session: &session };
    match result {
        Ok(answer) => good(method, answer.as_ref(), &held, ended),
        Err(stop) => {
            let facts = facts(context, integration, values, limit, &stop);
            let typed = options.trigger == Trigger::Save && names_host(method, values);
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
    // What a status means at the API says nothing of the token address, which has error words of its own.
    let own: Vec<Rule> = method.check.on.iter().filter(|rule| !rule.is_of_status_only()).cloned().collect();
    bad(stop, judge(stop, &own, context.defaults, &facts), typed, ended)
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

/// Signs in, makes the sample call, signs out. Leaves the session for the report to strip its copies.
async fn converse(
    context: &Context<'_>,
    course: &mut Course<'_>,
    method: &Method,
    values: &Values,
    given: Option<Session>,
    session: &mut Session,
) -> Result<Option<Answer>, Stop> {
    let was_given = given.is_some();
    *session = match given {
        Some(given) => given,
        None => token::sign_in(course, method, values, context.clock.now()).await?,
    };
    let held = Held { values, session };
    let result = prove(course, method, &held).await;
    if !was_given
        && signs_out(method)
        && let Some(logout) = &method.logout
    {
        course.sign_out(inject::request(&logout.request, &method.inject, true, &held)).await;
    }
    result
}

async fn prove(course: &mut Course<'_>, method: &Method, held: &Held<'_>) -> Result<Option<Answer>, Stop> {
    let check = &method.check;
    if let Some(smtp) = &check.smtp {
        let (login, signs_in) = login(smtp, held)?;
        course.mail(&login, signs_in).await?;
        return Ok(None);
    }
    let Some(request) = &check.request else { return Ok(None) };
    let purpose = Purpose::sample(request, &held.values.plain);
    course.call(method, request, check.inject, &check.expect, purpose, held).await.map(Some)
}

fn login(smtp: &SmtpCheck, held: &Held<'_>) -> Result<(Login, bool), Unfit> {
    let text = |template: &Template| template.render(&|name| held.get(name), Place::Raw);
    let optional = |template: &Option<Template>| match template {
        Some(template) => text(template),
        None => Ok(Secret::new(String::new())),
    };
    let mode = match text(&smtp.tls)?.expose() {
        "implicit" => Mode::SmtpTls,
        "starttls" => Mode::SmtpStarttls,
        "none" => Mode::SmtpPlain,
        _ => return Err(Unfit::Value("The encryption is none of those that mail servers have.")),
    };
    let port = text(&smtp.port)?.expose().parse().map_err(|_| Unfit::Value("This is not a valid port."))?;
    let target = Target::smtp(text(&smtp.host)?.expose(), port, mode)?;
    let mechanism = match smtp.auth {
        SmtpAuth::Auto => Mechanism::Auto,
        SmtpAuth::Plain => Mechanism::Plain,
        SmtpAuth::Login => Mechanism::Login,
        SmtpAuth::Xoauth2 => Mechanism::Xoauth2,
    };
    let (helo, user, password) = (optional(&smtp.helo)?, optional(&smtp.user)?, optional(&smtp.pass)?);
    let signs_in = !user.is_empty();
    let login = Login::new(target, helo.expose(), user, password, mechanism).map_err(|error| match error {
        BadLogin::Helo => Unfit::Value("The name for EHLO is not a valid host name."),
        BadLogin::Account => {
            Unfit::Value("User name and password must not hold line breaks or other control characters.")
        }
    })?;
    Ok((login, signs_in))
}

fn facts<'a>(
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

fn good(method: &Method, answer: Option<&Answer>, held: &Held<'_>, ended: Ended) -> Report {
    let body = answer.filter(|answer| !answer.cut).and_then(|answer| std::str::from_utf8(answer.body()).ok());
    let identity = method.check.identity.as_ref().and_then(|template| identity::of(template, body, held));
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
fn bad(stop: &Stop, mut verdict: Verdict, typed: bool, ended: Ended) -> Report {
    if !typed && matches!(stop, Stop::Fault(Fault::Network(Network::Dns), _)) {
        verdict.outcome = Outcome::Unavailable;
    }
    report(verdict, None, ended)
}

fn report(verdict: Verdict, identity: Option<String>, ended: Ended) -> Report {
    let Verdict { outcome, code, hint } = verdict;
    let fingerprint = ended.fingerprint.as_ref().map(policy::write_fingerprint);
    Report { outcome, code, hint, steps: ended.steps, identity, ms: ended.ms, connected: ended.connected, fingerprint }
}
