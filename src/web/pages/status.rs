//! How a credential's service and status are drawn: a tile; an icon, a colour and a word.

use super::markup::Markup;
use super::shell::{Tone, initials};
use super::time::When;
use crate::check::report::{Step, StepResult};
use std::borrow::Cow;

/// A service's picture: an icon of the sheet, or letters on one of twelve colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// The icon's name in the sheet (the service's id), if there is one.
    pub icon: Option<String>,
    /// Drawn when there is none.
    pub letters: String,
    /// 0 to 11: a class of the style sheet.
    pub colour: u8,
}

impl Tile {
    /// A tile for the service `id` called `name`; `has_icon` if the sheet holds its icon.
    pub fn new(id: &str, name: &str, has_icon: bool) -> Self {
        let sum = id.bytes().fold(0u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(b)));
        let colour = u8::try_from(sum % 12).unwrap_or_default();
        let letters = if has_icon { String::new() } else { initials(name) };
        Self { icon: has_icon.then(|| id.to_owned()), letters, colour }
    }
}

/// The six statuses of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// The last good check is recent.
    Working,
    /// Refused by the service.
    Broken,
    /// Works, but its time is nearly over.
    Expiring,
    /// Nobody knows.
    Unverified,
    /// Switched off by a person.
    Suspended,
    /// Cannot be decrypted.
    Unreadable,
}

impl StatusKind {
    /// The value of the `status` filter.
    pub fn value(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Broken => "broken",
            Self::Expiring => "expiring",
            Self::Unverified => "unverified",
            Self::Suspended => "suspended",
            Self::Unreadable => "unreadable",
        }
    }

    /// The word beside the icon.
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "Working",
            Self::Broken => "Broken",
            Self::Expiring => "Expiring",
            Self::Unverified => "Unverified",
            Self::Suspended => "Suspended",
            Self::Unreadable => "Unreadable",
        }
    }

    /// The colour family.
    pub fn tone(self) -> Tone {
        match self {
            Self::Working => Tone::Good,
            Self::Broken | Self::Unreadable => Tone::Bad,
            Self::Expiring => Tone::Warn,
            Self::Unverified | Self::Suspended => Tone::Plain,
        }
    }

    /// The icon's symbol in `templates/macros/ui.html`.
    pub fn mark(self) -> Markup<'static> {
        Markup::of(match self {
            Self::Working => "tick",
            Self::Broken => "bang",
            Self::Expiring => "clock",
            Self::Unverified => "question",
            Self::Suspended => "pause",
            Self::Unreadable => "lock",
        })
    }
}

/// A status with what is said beside it.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// Which of the six.
    pub kind: StatusKind,
    /// The word, more precise where known: “Expires in 9 days”, “Broken since 14:02”.
    pub word: Cow<'static, str>,
    /// One short phrase on why; may be empty.
    pub line: Cow<'static, str>,
    /// When that was, with its verb: “verified 3 min ago”.
    pub when: Option<Stamp>,
}

impl StatusView {
    /// A status in its usual word, with nothing beside it.
    pub fn plain(kind: StatusKind) -> Self {
        Self { kind, word: kind.word().into(), line: "".into(), when: None }
    }
}

/// A verb and a time: “verified”, 3 min ago.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// “verified”, “checked”, “last good”.
    pub verb: &'static str,
    /// The time.
    pub at: When,
}

/// A small mark beside a name: “production”, “test”, “live key”.
#[derive(Debug, Clone)]
pub struct Badge {
    /// What it says.
    pub text: &'static str,
    /// Its colour.
    pub tone: Tone,
}

/// The hint of a check: a stable code and the sentence.
#[derive(Debug, Clone)]
pub struct Hint {
    /// Drawn as `data-code`.
    pub code: String,
    /// What it means and what to do.
    pub text: String,
}

/// The steps of one check, “What we tried”.
#[derive(Debug, Clone)]
pub struct StepsView {
    /// In order.
    pub steps: Vec<Step>,
    /// How it began: “by hand”, “when it was saved”, “on schedule”, “when a bot used it”; may be empty.
    pub trigger: String,
    /// When; `None` for one that has just been made.
    pub at: Option<When>,
}

/// The class, the icon and the word of a step's result.
pub fn step_look(result: &StepResult) -> (&'static str, &'static str, &'static str) {
    match result {
        StepResult::Ok => ("ok", "tick", "Done"),
        StepResult::Failed => ("no", "cross", "Failed"),
        StepResult::Skipped => ("idle", "dash", "Not reached"),
    }
}
