//! One credential's page.

use super::change::Staging;
use super::form::{Notice, ServiceHead};
use super::shell::{Link, Shell, Tone};
use super::status::{Badge, Hint, StatusView, StepsView};
use super::time::When;
use super::used::Used;
use askama::Template;

/// `GET …/credentials/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/detail.html")]
pub struct Detail {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Its own address.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its handle.
    pub handle: String,
    /// Its description; empty where the person may not see it.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Environment, live or test key.
    pub badges: Vec<Badge>,
    /// The environment in words: “Production”, “Test”, “Not set”.
    pub environment: String,
    /// Its service and method.
    pub service: ServiceHead,
    /// Whether the person may verify, edit, rename, rotate and delete.
    pub can_manage: bool,
    /// Whether the person may see steps and history.
    pub can_inspect: bool,
    /// Whether the person may see values.
    pub can_see_values: bool,
    /// The status; `word` may say since when.
    pub status: StatusView,
    /// What the last check said and what to do.
    pub hint: Option<Hint>,
    /// Buttons in the status card, the one that mends it first and primary.
    pub actions: Vec<Action>,
    /// The vendor's status page and dashboard, shown when it is broken.
    pub links: Vec<Link>,
    /// Dated notices of the vendor's changes.
    pub notices: Vec<Notice>,
    /// The steps of the last check.
    pub steps: Option<StepsView>,
    /// The last checks, oldest first, at most 30.
    pub strip: Vec<Mark>,
    /// When it last worked.
    pub last_good: Option<When>,
    /// “Connected as”.
    pub identity: Option<String>,
    /// Its values; secrets only as dots.
    pub values: Vec<ValueView>,
    /// Who uses it.
    pub used: Used,
    /// What waits beside the version in use, for who may move it.
    pub staging: Option<Staging>,
    /// Whether it is switched off.
    pub off: bool,
    /// Its versions, newest first.
    pub versions: Vec<VersionView>,
    /// What happened to it, newest first.
    pub history: Vec<EventView>,
    /// Its events in the audit.
    pub audit: String,
    /// What may be edited.
    pub edit: EditRule,
    /// Whether a new secret can be entered.
    pub rotates: bool,
    /// What a person consented to, for a method that asks for it.
    pub connection: Option<ConnectionView>,
}

/// A consent at the service.
#[derive(Debug, Clone, Default)]
pub struct ConnectionView {
    /// Who consented, and when; none while it is not connected.
    pub connected: Option<(When, String)>,
    /// The scopes that were asked for.
    pub asked: Vec<String>,
    /// The scopes that were given; `None` where the service does not say.
    pub granted: Option<Vec<String>>,
    /// Those that were asked for and not given.
    pub missing: Vec<String>,
    /// “Token ends”, “Renewed next”, …
    pub times: Vec<(String, When)>,
    /// What else is known of its end.
    pub limits: Vec<String>,
    /// Scopes that can be asked for in addition, with their numbers in the form.
    pub more: Vec<(usize, String)>,
    /// Where the workspace's client is; none for a method without one.
    pub client: Option<String>,
}

/// What may be edited after creation (`edit` in the catalogue), with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditRule {
    /// Everything.
    Full,
    /// Description, tags, environment and name; the rest is fixed.
    Rename(String),
    /// The name only.
    None(String),
}

impl EditRule {
    /// Why not everything may be edited.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Full => None,
            Self::Rename(reason) | Self::None(reason) => Some(reason),
        }
    }

    /// Whether there is an edit page.
    pub fn editable(&self) -> bool {
        !matches!(self, Self::None(_))
    }
}

/// A button or link of the status card.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it says.
    pub label: String,
    /// Where it leads or what it posts to.
    pub href: String,
    /// Whether it is a form (POST with an empty body) or a link.
    pub post: bool,
    /// Whether it is the one that mends it.
    pub primary: bool,
    /// What the button says while it runs: “Verifying…”; may be empty.
    pub busy: String,
}

/// One past check in the strip.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Green, red or grey.
    pub tone: Tone,
    /// “Working, 3 min ago”, on hover.
    pub text: String,
}

/// A value of the credential.
#[derive(Debug, Clone)]
pub struct ValueView {
    /// The field's label.
    pub label: String,
    /// The value; for a secret nothing.
    pub value: String,
    /// Whether it is a secret: drawn as a fixed number of dots.
    pub secret: bool,
    /// For a secret: when it was set and by whom.
    pub set: Option<(When, String)>,
}

/// A version of the values.
#[derive(Debug, Clone)]
pub struct VersionView {
    /// Its number.
    pub number: i64,
    /// “live”, “previous”, “staged”.
    pub state: String,
    /// When it was made.
    pub at: When,
    /// By whom.
    pub by: String,
    /// What it changed, or that its secret is erased; may be empty.
    pub note: String,
}

/// A line of the history.
#[derive(Debug, Clone)]
pub struct EventView {
    /// Who: a person, “Schedule”, a bot.
    pub actor: String,
    /// What: “renamed it from “Planilha””.
    pub text: String,
    /// Green, red or grey.
    pub tone: Tone,
    /// When.
    pub at: When,
}

impl Detail {
    /// The strip in words: “Last 30 checks: 27 good, 2 failed, 1 could not tell”.
    pub fn strip_label(&self) -> String {
        let count = |tone| self.strip.iter().filter(|m| m.tone == tone).count();
        let (good, bad) = (count(Tone::Good), count(Tone::Bad));
        let rest = self.strip.len() - good - bad;
        format!("Last {} checks: {good} good, {bad} failed, {rest} could not tell", self.strip.len())
    }
}
