//! What several pages of a credential draw alike: tiles, statuses, steps, help.

use crate::catalog::field::{Field, FieldKind};
use crate::catalog::load::Catalog;
use crate::catalog::pattern::Pattern;
use crate::catalog::schema::{Env, Integration, Method};
use crate::check::report::{Outcome, Report};
use crate::clock::At;
use crate::model::check_record::{Cause, CheckRecord};
use crate::model::credential::{Badge as KeyBadge, Environment};
use crate::model::status::Status;
use crate::web::pages::form::{Banner, HelpView, MethodLink, Notice, PatternView, ServiceHead};
use crate::web::pages::shell::{Link, Tone};
use crate::web::pages::status::{Badge, Hint, Stamp, StatusKind, StatusView, StepsView, Tile};
use crate::web::pages::time::{When, until};
use crate::web::static_files;

/// The picture of a service; of one that the catalogue no longer has, its id's letters.
pub fn tile(catalog: &Catalog, id: &str) -> Tile {
    match catalog.get(id) {
        Some(integration) => tile_of(integration),
        None => Tile::new(id, id, false),
    }
}

/// The picture of a service.
pub fn tile_of(integration: &Integration) -> Tile {
    let has_icon = static_files::has_icon(integration.icon.as_deref());
    let mut tile = Tile::new(&integration.id, &integration.name, has_icon);
    if let Some(own) = &integration.tile {
        tile.letters.clone_from(&own.text);
    }
    tile
}

/// The names of a service and a method; their ids where the catalogue no longer has them.
pub fn names(catalog: &Catalog, integration: &str, method: &str) -> (String, String) {
    match catalog.get(integration) {
        None => (integration.to_owned(), method.to_owned()),
        Some(found) => {
            let label = found.method(method).map_or_else(|| method.to_owned(), |m| m.label.clone());
            (found.name.clone(), label)
        }
    }
}

/// A stored value as people read it: the label of a choice, yes or no for a switch.
pub fn readable(field: Option<&Field>, value: &str) -> String {
    match field {
        Some(field) if field.kind == FieldKind::Switch => if value == "true" { "Yes" } else { "No" }.to_owned(),
        Some(field) => {
            let chosen = field.options.iter().find(|option| option.value.as_str() == value);
            chosen.map_or_else(|| value.to_owned(), |option| option.label.clone())
        }
        None => value.to_owned(),
    }
}

/// The service and method at the head of a form.
pub fn head(root: &str, integration: &Integration, method: &Method) -> ServiceHead {
    ServiceHead {
        id: integration.id.clone(),
        name: integration.name.clone(),
        method: method.label.clone(),
        tile: tile_of(integration),
        guide: format!("{root}/integrations/{}", integration.id),
    }
}

/// The switch between the methods of a service.
pub fn methods(list: &str, integration: &Integration, current: &Method) -> Vec<MethodLink> {
    integration
        .methods
        .iter()
        .map(|method| MethodLink {
            label: method.label.clone(),
            href: format!("{list}/new?integration={}&method={}", integration.id, method.id),
            current: method.id == current.id,
        })
        .collect()
}

/// The status of a credential in words, colour and icon.
pub struct Judged<'a> {
    /// The status.
    pub status: Status,
    /// What the last check came to.
    pub outcome: &'a str,
    /// When it was checked.
    pub checked_at: Option<At>,
    /// When it was last good.
    pub good_at: Option<At>,
    /// When it ends.
    pub expires_at: Option<At>,
}

impl Judged<'_> {
    /// How it is drawn.
    pub fn view(&self, now: At) -> StatusView {
        let kind = kind(self.status);
        let word = match (self.status, self.expires_at) {
            (Status::Expiring, Some(end)) => format!("Expires {}", until(end, now)).into(),
            _ => kind.word().into(),
        };
        let line = match (self.status, self.outcome) {
            (Status::Unreadable, key) if key.starts_with("key ") => format!("needs {key}").into(),
            _ => self.line().into(),
        };
        StatusView { kind, word, line, when: self.stamp(now) }
    }

    fn line(&self) -> &'static str {
        match (self.status, self.outcome) {
            (Status::Working | Status::Expiring, "limited") => "lacks a permission",
            (Status::Working | Status::Expiring, "unavailable" | "unknown") => "no answer at the last check",
            (Status::Working | Status::Expiring, "rate_limited") => "the service was limiting calls",
            (Status::Broken, "expired") => "expired",
            (Status::Broken, "reauthorize") => "access was withdrawn",
            (Status::Broken, "unavailable" | "unknown" | "rate_limited") => "no answer at the last check",
            (Status::Broken, "invalid") => "not accepted",
            (Status::Broken, "forbidden") => "refused",
            (Status::Broken, "misconfigured") => "set up wrongly",
            (Status::Broken, "blocked") => "blocked",
            (Status::Unverified, "untested") => "no live test for this service",
            (Status::Unverified, "unavailable" | "unknown") => "no answer at the last check",
            (Status::Unverified, "rate_limited") => "the service was limiting calls",
            _ => "",
        }
    }

    fn stamp(&self, now: At) -> Option<Stamp> {
        let stamp = |verb, at: At| Stamp { verb, at: When::new(at, now) };
        match (self.status, self.good_at, self.checked_at) {
            (Status::Working | Status::Expiring, Some(good), _) => Some(stamp("verified", good)),
            (_, Some(good), _) => Some(stamp("last good", good)),
            (_, None, Some(checked)) if self.outcome != "untested" => Some(stamp("checked", checked)),
            _ => None,
        }
    }
}

fn kind(status: Status) -> StatusKind {
    match status {
        Status::Broken => StatusKind::Broken,
        Status::Expiring => StatusKind::Expiring,
        Status::Suspended => StatusKind::Suspended,
        Status::Unreadable => StatusKind::Unreadable,
        Status::Unverified => StatusKind::Unverified,
        Status::Working => StatusKind::Working,
    }
}

/// The colour of a check in the strip.
pub fn tone(outcome: &str) -> Tone {
    match outcome {
        "ok" | "limited" => Tone::Good,
        "unavailable" | "unknown" | "rate_limited" | "untested" => Tone::Plain,
        _ => Tone::Bad,
    }
}

/// Environment and what the key says of itself.
pub fn badges(environment: Environment, badge: KeyBadge) -> Vec<Badge> {
    let mark = |text, tone| Badge { text, tone };
    let mut badges = Vec::new();
    match environment {
        Environment::Production => badges.push(mark("production", Tone::Warn)),
        Environment::Test => badges.push(mark("test", Tone::Plain)),
        Environment::None => {}
    }
    match badge {
        KeyBadge::Live => badges.push(mark("live key", Tone::Warn)),
        KeyBadge::Test => badges.push(mark("test key", Tone::Plain)),
        KeyBadge::None => {}
    }
    badges
}

/// The steps of a check that has just run.
pub fn steps_now(report: &Report) -> Option<StepsView> {
    (!report.steps.is_empty()).then(|| StepsView { steps: report.steps.clone(), trigger: String::new(), at: None })
}

/// The steps of a stored check.
pub fn steps_of(record: &CheckRecord, now: At) -> Option<StepsView> {
    let trigger = match record.cause {
        Cause::Save => "when it was saved",
        Cause::Manual => "by hand",
        Cause::Schedule => "on schedule",
        Cause::Use => "when a bot used it",
    };
    (!record.steps.0.is_empty()).then(|| StepsView {
        steps: record.steps.0.clone(),
        trigger: trigger.to_owned(),
        at: Some(When::new(record.at, now)),
    })
}

/// Why a check kept a form from being saved.
pub fn banner(integration: &Integration, report: &Report) -> Banner {
    let name = &integration.name;
    let title = match report.outcome {
        Outcome::Invalid => format!("{name} did not accept it."),
        Outcome::Forbidden => format!("{name} refused."),
        Outcome::Misconfigured => "Something in the form does not lead there.".into(),
        Outcome::Blocked => "This address may not be reached.".into(),
        Outcome::Expired => "It has expired.".into(),
        Outcome::Reauthorize => format!("{name} asks for consent again."),
        Outcome::RateLimited => format!("{name} is limiting calls right now."),
        Outcome::Unavailable | Outcome::Unknown => format!("{name} could not be asked."),
        Outcome::Ok | Outcome::Limited | Outcome::Untested => "It was not saved.".into(),
    };
    let seen = report.fingerprint.as_ref().map(|seen| {
        format!(
            " The certificate that was seen has the SHA-256 fingerprint {seen}. If its owner confirms it, enter it under “Certificate fingerprint”."
        )
    });
    let text = format!("{}{} Nothing was saved.", report.hint, seen.unwrap_or_default());
    Banner { title, hint: Hint { code: report.code.clone(), text }, links: vendor_links(integration) }
}

/// The vendor's pages that help when something is broken.
pub fn vendor_links(integration: &Integration) -> Vec<Link> {
    let link = |label: &str, href: &Option<String>| {
        href.as_ref().map(|href| Link { label: label.to_owned(), href: href.clone() })
    };
    [
        link("Where keys are managed", &integration.manage),
        link("Dashboard", &integration.dashboard),
        link("Status page", &integration.status_page),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// “Where do I find this?” beside a form.
pub fn help(integration: &Integration, method: &Method) -> HelpView {
    let notes = [&integration.banner, &method.banner, &method.permissions].into_iter().flatten().cloned().collect();
    let docs = method.docs.as_ref().or(integration.docs.as_ref());
    let mut links: Vec<Link> = docs
        .map(|href| Link { label: format!("{} documentation", integration.name), href: href.clone() })
        .into_iter()
        .collect();
    links.extend(vendor_links(integration));
    HelpView { notes, links, notices: notices(integration) }
}

/// Dated notices of the vendor's changes.
pub fn notices(integration: &Integration) -> Vec<Notice> {
    integration
        .notice
        .iter()
        .map(|notice| Notice { text: notice.text.clone(), date: notice.date.format("%-d %B %Y").to_string() })
        .collect()
}

/// The shapes of keys, for hints while pasting.
pub fn patterns(catalog: &Catalog, own: &Integration) -> Vec<PatternView> {
    catalog
        .all()
        .iter()
        .flat_map(|integration| integration.secrets.iter().map(move |shape| (integration, shape)))
        .flat_map(|(integration, shape)| {
            let view = |pattern: &Pattern, env: &str| PatternView {
                label: shape.label.clone(),
                pattern: pattern.as_str().to_owned(),
                env: env.to_owned(),
                own: integration.id == own.id,
            };
            // Those that tell live from test come first: the first one that fits is the one that speaks.
            let told = shape.env.iter().map(|(pattern, env)| match env {
                Env::Live => view(pattern, "live"),
                Env::Test => view(pattern, "test"),
            });
            told.chain(std::iter::once(view(&shape.pattern, ""))).collect::<Vec<_>>()
        })
        .collect()
}
