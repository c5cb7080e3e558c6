//! Pages that change a credential: edit, conflict, rename, new secret.

use super::change::Staging;
use super::form::{Banner, FormView, HelpView, PatternView, ServiceHead, TextBox};
use super::shell::Shell;
use super::status::StepsView;
use super::used::Used;
use askama::Template;

/// `GET …/{id}/edit`, and the 422 of `POST …/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/edit.html")]
pub struct Edit {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its stored name.
    pub name: String,
    /// Its service and method.
    pub service: ServiceHead,
    /// The form; locked fields are drawn read-only.
    pub form: FormView,
    /// Why some fields are fixed.
    pub reason: Option<String>,
    /// Who uses it.
    pub used: Used,
    /// Why it was not saved.
    pub banner: Option<Banner>,
    /// What the check tried.
    pub report: Option<StepsView>,
    /// Whether “Save without verifying” is offered.
    pub may_skip: bool,
    /// Where to find the values.
    pub help: HelpView,
    /// Shapes of keys, for hints while pasting.
    pub patterns: Vec<PatternView>,
}

/// The 409 of `POST …/{id}`: someone else changed it meanwhile.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/conflict.html")]
pub struct Conflict {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its stored name.
    pub name: String,
    /// Who changed it; empty if not known.
    pub by: String,
    /// What differs; secrets are never among it.
    pub changes: Vec<Change>,
}

/// A field that differs between what is stored and what was sent.
#[derive(Debug, Clone)]
pub struct Change {
    /// The field's label.
    pub label: String,
    /// What is stored now.
    pub stored: String,
    /// What was sent.
    pub sent: String,
}

/// `GET/POST …/{id}/name`.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/rename.html")]
pub struct Rename {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its stored name.
    pub name: String,
    /// Its handle, which stays.
    pub handle: String,
    /// `revision`, if it shall be judged.
    pub revision: Option<i64>,
    /// `name`, the new one.
    pub new_name: TextBox,
}

/// `GET/POST …/{id}/rotation`: a new secret for the same thing.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/rotation.html")]
pub struct Rotation {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its service and method.
    pub service: ServiceHead,
    /// The form; only its secret fields are drawn.
    pub form: FormView,
    /// Who uses it.
    pub used: Used,
    /// What waits beside the version in use.
    pub staging: Staging,
    /// When the new secret serves, as it was chosen.
    pub schedule: ScheduleView,
    /// Whether a consent at the service follows.
    pub consents: bool,
    /// How the vendor lets one rotate (`rotation.how`); may be empty.
    pub how: String,
    /// Why it was not saved.
    pub banner: Option<Banner>,
    /// What the check tried.
    pub report: Option<StepsView>,
    /// Whether “Save without verifying” is offered.
    pub may_skip: bool,
    /// Where to find the values.
    pub help: HelpView,
    /// Shapes of keys, for hints while pasting.
    pub patterns: Vec<PatternView>,
}

/// When a new secret serves, and for how long the one before is kept.
#[derive(Debug, Clone, Default)]
pub struct ScheduleView {
    /// `serve`: `now`, `at` or `hand`.
    pub serve: String,
    /// `serve_at`, in UTC as a browser writes it.
    pub serve_at: TextBox,
    /// `keep_hours`.
    pub keep_hours: i64,
}

/// Choices of `keep_hours`.
pub const KEEP_HOURS: &[(i64, &str)] = &[
    (0, "not at all: erase it at once"),
    (1, "for 1 hour"),
    (24, "for 1 day"),
    (72, "for 3 days"),
    (168, "for 7 days"),
    (720, "for 30 days"),
];
