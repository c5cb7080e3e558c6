//! Fields of a form as the catalogue describes them.

use crate::catalog::pattern::{Pattern, Scalar};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One field: what is asked, how it is drawn and what it must look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Stable name; the form calls it `f.<name>`.
    pub name: String,
    /// What it is called; for a notice, its text.
    pub label: String,
    /// What kind of value it is.
    pub kind: FieldKind,
    /// Help below the box.
    pub help: Option<String>,
    /// Where a person finds the value, for the guide page.
    #[serde(rename = "where")]
    pub find: Option<String>,
    /// The vendor's page on this value.
    pub docs: Option<String>,
    /// An example inside the empty box.
    pub placeholder: Option<String>,
    /// Folded away until asked for.
    #[serde(default)]
    pub advanced: bool,
    /// Whose it is: of the credential, or typed once for the workspace.
    #[serde(default)]
    pub scope: FieldScope,
    /// Who fills it.
    #[serde(default)]
    pub source: FieldSource,
    /// Hosts that a service may put into it (exact or `*.x`), for a source other than a person.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Whether it must be filled.
    #[serde(default = "yes")]
    pub required: bool,
    /// What it is when nobody says otherwise.
    pub default: Option<Scalar>,
    /// Bounds of a number.
    pub min: Option<i64>,
    /// Bounds of a number.
    pub max: Option<i64>,
    /// Choices of a select.
    #[serde(default)]
    pub options: Vec<FieldOption>,
    /// What it must look like.
    pub pattern: Option<Pattern>,
    /// The pattern in words.
    pub pattern_hint: Option<String>,
    /// The pattern only warns: a shape that is seen, not documented.
    #[serde(default)]
    pub pattern_soft: bool,
    /// Common mix-ups, looked at before the pattern.
    #[serde(default)]
    pub reject: Vec<Reject>,
    /// A further syntax that the value must have because of where it is put.
    pub format: Option<Format>,
    /// Drawn in front of the box.
    pub prefix: Option<String>,
    /// Drawn behind the box.
    pub suffix: Option<String>,
    /// Clean-up before checking; of secrets too, but not of key files.
    #[serde(default)]
    pub normalise: Vec<Normalise>,
    /// Asked only when this holds; otherwise ignored, and its default counts.
    pub show_if: Option<Condition>,
    /// Pattern and rejects are skipped when this holds.
    pub skip_checks_if: Option<Condition>,
    /// Fixed after creation.
    #[serde(default)]
    pub immutable: bool,
    /// Paths that a JSON secret must have (`client_email`).
    #[serde(default)]
    pub require_paths: Vec<String>,
    /// Values that a JSON secret must have at paths.
    #[serde(default)]
    pub check_paths: BTreeMap<String, Scalar>,
    /// The path of a JSON secret whose value may be shown.
    pub identity_path: Option<String>,
}

impl Field {
    /// Whether a person fills it on the form of a credential.
    pub fn is_asked(&self) -> bool {
        self.scope == FieldScope::Credential
            && self.source == FieldSource::User
            && !matches!(self.kind, FieldKind::Notice | FieldKind::Hidden)
    }

    /// The default as text; empty when there is none. A switch is off unless said otherwise.
    pub fn default_text(&self) -> &str {
        match &self.default {
            Some(value) => value.as_str(),
            None if self.kind == FieldKind::Switch => "false",
            None => "",
        }
    }

    /// The name under which the shown value of a JSON secret is kept (`key.client_email`).
    pub fn identity_name(&self) -> Option<String> {
        self.identity_path.as_ref().map(|path| format!("{}.{path}", self.name))
    }
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// A secret of one line.
    Secret,
    /// A private key in PEM (RFC 7468).
    PemSecret,
    /// A JSON document that is secret as a whole.
    JsonSecret,
    /// A whole number.
    Number,
    /// On or off.
    Switch,
    /// One of few.
    Select,
    /// A host name or IP address.
    Host,
    /// An http(s) address.
    Url,
    /// An e-mail address.
    Email,
    /// Not drawn: a constant, or filled by the service.
    Hidden,
    /// A sentence, nothing to fill in.
    Notice,
}

impl FieldKind {
    /// Whether its value is never sent back to a browser.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::PemSecret | Self::JsonSecret)
    }

    /// Whether its value may be a whole host of an address. Options of a select are constants of the file.
    pub fn may_be_host(self) -> bool {
        matches!(self, Self::Host | Self::Select)
    }
}

/// Whose a field is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldScope {
    /// Of the credential.
    #[default]
    Credential,
    /// Typed once by an admin for the workspace (an OAuth client).
    App,
}

/// Who fills a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldSource {
    /// A person.
    #[default]
    User,
    /// The answer that brought the token.
    Token,
    /// The redirect of the consent page.
    Redirect,
    /// The check.
    Check,
}

/// One choice of a select.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldOption {
    /// What is stored.
    pub value: Scalar,
    /// What is read.
    pub label: String,
    /// What to know before choosing it.
    pub warn: Option<String>,
    /// Other fields that it sets.
    #[serde(default)]
    pub set: BTreeMap<String, Scalar>,
}

/// A common mix-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// What it looks like.
    pub pattern: Pattern,
    /// What it is and what to take instead.
    pub hint: String,
    /// Only then it is one: a key of the sandbox where production was chosen.
    pub when: Option<Condition>,
}

/// A syntax that a value must have because of where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The name of a header that may carry a credential.
    HeaderName,
    /// The value of a header.
    HeaderValue,
    /// The name of a query parameter.
    QueryName,
    /// A path from the root, with or without a query; slashes are kept.
    Path,
}

/// When a field is asked, its checks are skipped, or a value is a mix-up. Exactly one of `equals`, `in` and `filled` is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The earlier field that decides.
    pub field: String,
    /// It has this value.
    pub equals: Option<Scalar>,
    /// It has one of these values.
    #[serde(default, rename = "in")]
    pub one_of: Vec<Scalar>,
    /// It is filled (or, with `false`, empty).
    pub filled: Option<bool>,
}

impl Condition {
    /// Whether it holds for a value of its field; secrets only tell whether they are filled.
    pub fn holds(&self, value: &str) -> bool {
        match (&self.equals, self.filled) {
            (Some(wanted), _) => wanted.as_str() == value,
            (None, Some(filled)) => filled != value.is_empty(),
            (None, None) => self.one_of.iter().any(|wanted| wanted.as_str() == value),
        }
    }
}

/// A clean-up of what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Normalise {
    /// Without white space around it.
    Trim,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Without any white space.
    StripSpaces,
    /// Without `https://` or `http://`.
    StripScheme,
    /// Without slashes at the end.
    StripSlash,
    /// Without this end and what follows it; the field's own `suffix` when none is written.
    StripSuffix(Option<String>),
    /// Without this start; the field's own `prefix` when none is written.
    StripPrefix(Option<String>),
    /// Without everything from the first slash on.
    StripPath,
}

impl TryFrom<String> for Normalise {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(match text.split_once(':') {
            Some(("strip_suffix", x)) if !x.is_empty() => Self::StripSuffix(Some(x.to_owned())),
            Some(("strip_prefix", x)) if !x.is_empty() => Self::StripPrefix(Some(x.to_owned())),
            Some(_) => return Err(format!("`{text}` is not a clean-up")),
            None => match text.as_str() {
                "trim" => Self::Trim,
                "lower" => Self::Lower,
                "upper" => Self::Upper,
                "strip_spaces" => Self::StripSpaces,
                "strip_scheme" => Self::StripScheme,
                "strip_slash" => Self::StripSlash,
                "strip_suffix" => Self::StripSuffix(None),
                "strip_prefix" => Self::StripPrefix(None),
                "strip_path" => Self::StripPath,
                _ => return Err(format!("`{text}` is not a clean-up")),
            },
        })
    }
}

fn yes() -> bool {
    true
}
