//! The overview of a workspace.

use super::audit::Named;
use super::list::Chip;
use super::markup::Markup;
use super::shell::{Link, Shell, Tone};
use super::status::{StatusView, Tile};
use super::time::When;
use askama::Template;

/// `GET …/overview`.
#[derive(Debug, Clone, Template)]
#[template(path = "overview/index.html")]
pub struct Overview {
    /// The frame.
    pub shell: Shell,
    /// Where the workspace's pages begin.
    pub root: String,
    /// How many credentials there are in each status.
    pub chips: Vec<Chip>,
    /// What needs somebody.
    pub troubles: Vec<TroubleRow>,
    /// Where the rest of that is, if there is more.
    pub more: Option<Link>,
    /// Whether the person can do something about it.
    pub manages: bool,
    /// The last checks; none for whoever sees no history.
    pub checks: Option<Vec<CheckLine>>,
    /// Tokens that end soon; none for whoever does not manage them.
    pub tokens: Option<Vec<TokenLine>>,
    /// Keys, audit, mail, backup, support: empty for whoever sees none of it.
    pub health: Vec<HealthLine>,
}

/// A credential that needs somebody.
#[derive(Debug, Clone)]
pub struct TroubleRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// The service's picture.
    pub tile: Tile,
    /// The service's name.
    pub service: String,
    /// What is the matter.
    pub status: StatusView,
    /// Published bots that are hurt.
    pub bots: Vec<Link>,
}

/// A check.
#[derive(Debug, Clone)]
pub struct CheckLine {
    /// What was verified.
    pub target: Named,
    /// What it came to.
    pub outcome: String,
    /// The colour of that.
    pub tone: Tone,
    /// Who asked for it.
    pub by: String,
    /// When.
    pub at: When,
}

/// A token that ends soon.
#[derive(Debug, Clone)]
pub struct TokenLine {
    /// Its name.
    pub name: String,
    /// Its bot and the page of that bot's tokens; none for one that manages the workspace.
    pub bot: Option<Link>,
    /// When it ends.
    pub at: When,
}

/// How one thing is.
#[derive(Debug, Clone)]
pub struct HealthLine {
    /// What.
    pub label: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// Its mark.
    pub mark: Markup<'static>,
    /// How it is, in a word or two.
    pub word: String,
    /// A sentence more; may be empty.
    pub line: String,
    /// Where to look further.
    pub link: Option<Link>,
}
