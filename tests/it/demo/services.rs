//! Every method of the catalogue but those of databases is played by its file: a good value works, a clear word is refused.

use crate::catalog::plays::{self, Play};
use crate::support::app::catalog;
use credenza::catalog::form::{self, Input, Mode, Values};
use credenza::catalog::schema::{CheckKind, Integration, Method};
use credenza::check::held::Session;
use credenza::check::report::{Outcome, Report};
use credenza::check::{self, Context, Options, Trigger};
use credenza::clock::Clock;
use credenza::demo::stand_in::StandIn;
use credenza::demo::words::Mood;
use credenza::egress::Egress;
use credenza::egress::allow::Allow;
use credenza::secret::Secret;

type Pair = (String, String);
type Typed = Vec<Pair>;

/// The console's way outward in the demo.
struct Stage {
    egress: Egress,
    _services: StandIn,
}

impl Stage {
    async fn new(mood: Option<Mood>) -> Self {
        let services = StandIn::start(&catalog(), mood).await.expect("services");
        let egress = Egress::new(services.dialer().expect("a dialer"), Allow::default());
        Self { egress, _services: services }
    }

    async fn check(&self, integration: &Integration, method: &Method, values: &Values) -> Report {
        self.check_with(integration, method, values, None).await
    }

    /// With what a service gave before, for a method that asks for consent.
    async fn check_with(
        &self,
        integration: &Integration,
        method: &Method,
        values: &Values,
        kept: Option<&Typed>,
    ) -> Report {
        let kept = kept.filter(|_| method.needs_consent()).map(|kept| Session {
            values: kept.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
            expires_at: None,
        });
        let options = Options { session: kept, ..Options::new(Trigger::Later) };
        let catalog = catalog();
        let context = Context { egress: &self.egress, defaults: catalog.defaults(), clock: &Clock::system() };
        check::run(&context, integration, method, values, options).await
    }
}

fn values(integration: &Integration, method: &Method, typed: &Typed) -> Option<Values> {
    let read = |method: &Method| {
        let fields = typed.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect();
        let input = Input { fields, ..Input::default() };
        form::parse(integration, method, Mode::Create, input).ok().map(|parsed| parsed.values)
    };
    let mut values = read(method)?;
    if let Some(client) = method.app_form() {
        let client = read(&client)?;
        values.plain.extend(client.plain);
        values.secret.extend(client.secret);
    }
    Some(values)
}

/// What the service gave, with a word in the token.
fn kept_with_word(play: &Play, words: &[&str]) -> Vec<Typed> {
    let with = |word: &str| {
        let token =
            |(name, value): Pair| if name == "token" { (name, format!("{value}-{word}")) } else { (name, value) };
        kept(play).into_iter().map(token).collect()
    };
    words.iter().map(|word| with(word)).collect()
}

/// What is typed, with a word in one of the values, in every way that the form takes.
fn with_word(play: &Play, integration: &Integration, method: &Method, words: &[&str]) -> Vec<Values> {
    let mut all = Vec::new();
    // As the form keeps them: what a service writes around its secret would cover the word.
    let kept = values(integration, method, &typed(play)).expect("values");
    let secret = kept.secret.iter().map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let typed: Typed = secret.chain(kept.plain.clone()).collect();
    let (mut secrets, others): (Vec<_>, Vec<_>) = (0..typed.len()).partition(|at| *at < kept.secret.len());
    secrets.extend(others);
    for at in secrets {
        for word in words {
            let value = &typed[at].1;
            let kept = value.len().saturating_sub(word.len() + 1);
            let (name, host) = value.split_once('@').unwrap_or((value, ""));
            let tries = [
                value.get(..kept).map(|start| format!("{start}0{word}")),
                (!host.is_empty() && !name.contains(' ')).then(|| format!("{word}@{host}")),
                value.contains("bots@").then(|| value.replace("bots@", &format!("{word}@"))),
            ];
            for tried in tries.into_iter().flatten() {
                let mut other = typed.clone();
                other[at].1 = tried;
                all.extend(values(integration, method, &other));
            }
        }
    }
    all
}

/// What a play types.
fn typed(play: &Play) -> Typed {
    play.typed.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// What the service gave before.
fn kept(play: &Play) -> Typed {
    // As the token address of the demo makes it: it names the method.
    let token =
        |name: &str, value: &String| if name == "token" { format!("{value}-{}", play.name()) } else { value.clone() };
    play.kept.iter().map(|(name, value)| ((*name).to_owned(), token(name, value))).collect()
}

/// All but databases, which the demo does not imitate.
fn imitated() -> impl Iterator<Item = Play> {
    plays::all().into_iter().filter(|play| found(play).1.check.kind != CheckKind::Sql)
}

fn found(play: &Play) -> (&'static Integration, &'static Method) {
    crate::catalog::shipped().method(play.integration, play.method).expect("a method")
}

#[tokio::test]
async fn a_good_value_of_every_method_works_and_says_whose_it_is() {
    let stage = Stage::new(None).await;
    for play in imitated() {
        let (integration, method) = found(&play);
        let place = play.name();
        let values = values(integration, method, &typed(&play)).expect("values");
        let report = stage.check_with(integration, method, &values, Some(&kept(&play))).await;
        let wanted = if method.has_live_test() { Outcome::Ok } else { Outcome::Untested };
        assert_eq!(report.outcome, wanted, "{place}: {report:?}");
        let names_somebody = method.check.identity.is_some();
        assert_eq!(report.identity.is_some(), names_somebody, "{place}: {report:?}");
    }
}

#[tokio::test]
async fn a_clear_word_is_refused_by_every_method_as_its_file_says() {
    let stage = Stage::new(None).await;
    for play in imitated() {
        let (integration, method) = found(&play);
        if !method.has_live_test() {
            continue;
        }
        let mut refused = None;
        let tried: Vec<(Values, Typed)> = if method.needs_consent() {
            let values = || values(integration, method, &typed(&play)).expect("values");
            kept_with_word(&play, &["wrong", "dead"]).into_iter().map(|kept| (values(), kept)).collect()
        } else {
            let all = with_word(&play, integration, method, &["wrong", "dead"]);
            all.into_iter().map(|values| (values, Typed::new())).collect()
        };
        for (values, kept) in tried {
            let report = stage.check_with(integration, method, &values, Some(&kept)).await;
            if report.outcome != Outcome::Ok {
                refused = Some(report);
                break;
            }
        }
        let report = refused.unwrap_or_else(|| panic!("{}: no word was refused", play.name()));
        let fitting = [Outcome::Invalid, Outcome::Expired, Outcome::Reauthorize, Outcome::Forbidden];
        assert!(fitting.contains(&report.outcome), "{}: {report:?}", play.name());
        assert!(!report.hint.is_empty() && report.connected, "{}: {report:?}", play.name());
    }
}

#[tokio::test]
async fn services_that_are_busy_or_down_say_nothing_of_the_value() {
    for (mood, outcomes) in [
        (Mood::Busy, [Outcome::RateLimited, Outcome::Unavailable]),
        (Mood::Down, [Outcome::Unavailable, Outcome::Unavailable]),
    ] {
        let stage = Stage::new(Some(mood)).await;
        for play in imitated() {
            let (integration, method) = found(&play);
            if method.has_live_test() {
                let values = values(integration, method, &typed(&play)).expect("values");
                let report = stage.check_with(integration, method, &values, Some(&kept(&play))).await;
                let mail = method.check.kind == CheckKind::Smtp;
                assert_eq!(report.outcome, outcomes[usize::from(mail)], "{}: {report:?}", play.name());
            }
        }
    }
}

#[tokio::test]
async fn the_other_words_are_heard_where_the_service_tells_them_apart() {
    let stage = Stage::new(None).await;
    for (integration, method, field, value, outcome) in [
        ("stripe", "api_key", "secret_key", "rk_test_limited000", Outcome::Limited),
        ("whatsapp-cloud", "system_user", "access_token", "EAA0expired0123456789", Outcome::Expired),
        ("stripe", "api_key", "secret_key", "rk_test_busy00000000", Outcome::RateLimited),
        ("openai", "api_key", "api_key", "sk-proj-down-0123456789", Outcome::Unavailable),
        ("smtp", "password", "password", "limited", Outcome::Forbidden),
        ("smtp", "password", "password", "down", Outcome::Unavailable),
    ] {
        let play = plays::all().into_iter().find(|play| (play.integration, play.method) == (integration, method));
        let mut play = play.expect("a play");
        play.typed.iter_mut().filter(|(name, _)| *name == field).for_each(|typed| typed.1 = value.to_owned());
        let (integration, method) = found(&play);
        let values = values(integration, method, &typed(&play)).expect("values");
        let report = stage.check(integration, method, &values).await;
        assert_eq!(report.outcome, outcome, "{value}: {report:?}");
    }
}

#[tokio::test]
async fn a_slow_service_is_given_up_in_time() {
    let stage = Stage::new(None).await;
    let play = plays::all().into_iter().find(|play| play.integration == "stripe").expect("a play");
    let (integration, method) = found(&play);
    let mut method = method.clone();
    method.check.timeout_ms = Some(500);
    let typed = vec![("secret_key".to_owned(), "rk_test_slow00000000".to_owned())];
    let values = values(integration, &method, &typed).expect("values");
    let report = stage.check(integration, &method, &values).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Unavailable, "timeout"), "{report:?}");
}

#[tokio::test]
async fn names_that_cannot_exist_do_not_and_nobody_else_is_reached() {
    let stage = Stage::new(None).await;
    let play = plays::all().into_iter().find(|play| play.integration == "smtp").expect("a play");
    let (integration, method) = found(&play);
    for (host, code) in
        [("mail.example.invalid", "host_not_found"), ("10.1.2.3", "target_denied"), ("localhost", "target_denied")]
    {
        let mut typed = play.typed.clone();
        typed.iter_mut().filter(|(name, _)| *name == "host").for_each(|typed| typed.1 = host.to_owned());
        let typed = typed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let values = values(integration, method, &typed).expect("values");
        let report = stage.check(integration, method, &values).await;
        assert_eq!(report.code, code, "{host}: {report:?}");
    }
}
