//! The audit of a workspace: its lines in sentences, its filters, and how far the chain is proved.

use super::list::Pick;
use super::shell::{Link, Shell, Tone};
use super::time::When;
use askama::Template;

/// `GET …/audit`.
#[derive(Debug, Clone, Template)]
#[template(path = "audit/index.html")]
pub struct Audit {
    /// The frame.
    pub shell: Shell,
    /// The page's address.
    pub base: String,
    /// How far the chain is proved.
    pub proof: ProofView,
    /// What was pruned from its beginning, if anything was.
    pub pruned: Option<PrunedView>,
    /// Choices of `person`, everybody (empty value) first.
    pub people: Vec<Pick>,
    /// Choices of `action`, in two groups: what was done, and what was refused.
    pub done: Vec<Pick>,
    /// See `done`.
    pub tried: Vec<Pick>,
    /// Choices of `outcome`.
    pub outcomes: Vec<Pick>,
    /// `credential` as it was typed, or its name.
    pub credential: String,
    /// What was typed for a credential that there is not.
    pub unknown: Option<String>,
    /// `about`, the person the lines are about, and their name; kept when other filters change.
    pub about: Option<(String, String)>,
    /// `last`, kept when other filters change.
    pub last: String,
    /// Quick choices of time.
    pub spans: Vec<Span>,
    /// `from`, a day.
    pub from: String,
    /// `to`, a day.
    pub to: String,
    /// Whether any filter is on.
    pub filtered: bool,
    /// The lines, newest first.
    pub lines: Vec<Line>,
    /// The newest lines, when this is not the first page.
    pub first: Option<String>,
    /// Older lines.
    pub next: Option<String>,
    /// How far back was looked, where that was not to the end.
    pub looked_to: Option<When>,
    /// The same lines as files.
    pub exports: Vec<Link>,
}

/// A quick choice of time.
#[derive(Debug, Clone)]
pub struct Span {
    /// What it says.
    pub label: String,
    /// The page with it.
    pub href: String,
    /// Whether it is on.
    pub current: bool,
}

/// Events that are gone, since their time was over.
#[derive(Debug, Clone)]
pub struct PrunedView {
    /// The last of them.
    pub last: i64,
    /// The day of the first one.
    pub from: String,
    /// The day of the last one.
    pub to: String,
    /// How many of each act there were, the most frequent first.
    pub actions: Vec<(String, i64)>,
}

/// How far the chain is proved.
#[derive(Debug, Clone)]
pub enum ProofView {
    /// Not at all yet.
    Waiting,
    /// Every line up to this one fits.
    Sound {
        /// The last line that was proved.
        event: i64,
        /// The last line that there is.
        last: i64,
        /// When.
        at: When,
        /// The last walk from the first line on, with the stored credentials: up to which line, and when.
        whole: Option<(i64, When)>,
    },
    /// A line does not fit.
    Broken {
        /// Its number.
        event: i64,
        /// What is wrong.
        why: String,
        /// When that was found.
        at: When,
    },
}

/// Something with a name, and its page if it has one.
#[derive(Debug, Clone)]
pub struct Named {
    /// Its name.
    pub text: String,
    /// Its page.
    pub href: Option<String>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: When,
    /// Who.
    pub actor: Named,
    /// The sentence up to its object.
    pub before: String,
    /// The object, where the sentence has one.
    pub object: Option<Named>,
    /// The rest of the sentence.
    pub after: String,
    /// “Done”, “Refused” or “Failed”.
    pub outcome: &'static str,
    /// The colour of the outcome.
    pub tone: Tone,
    /// The client's address; may be empty.
    pub address: String,
    /// The rest: name and value.
    pub more: Vec<(&'static str, String)>,
}
