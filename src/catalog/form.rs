//! A method's form: values in, errors or parsed values out, and what is needed to draw it.

use crate::catalog::schema::{Env, Field, FieldKind, Method};
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};

pub use crate::catalog::drawing::{Shown, fields};
pub use crate::catalog::reading::parse;

/// What a form is for.
#[derive(Debug, Clone, Copy)]
pub enum Mode<'a> {
    /// A new credential.
    Create,
    /// A change of one that is stored.
    Edit(&'a Stored),
    /// A new secret for the same thing: everything else stays.
    Rotate(&'a Stored),
}

/// What is stored of a credential, as far as a form may know it.
#[derive(Debug, Default, Clone)]
pub struct Stored {
    /// Values that may be shown, by field name.
    pub plain: BTreeMap<String, String>,
    /// Names of the secret fields that are filled.
    pub secrets: BTreeSet<String>,
}

/// What a form came to.
#[derive(Debug, Default)]
pub struct Parsed {
    /// All plain values, and the secrets that were typed now.
    pub values: Values,
    /// Secret fields left blank: what is stored stays.
    pub kept: BTreeSet<String>,
    /// Secret fields that are to be removed.
    pub removed: BTreeSet<String>,
    /// What to look at although it is accepted.
    pub warnings: Remarks,
    /// Live or test system, where a typed secret tells.
    pub env: Option<Env>,
}

/// What a form came to after parsing: every value canonical, conditions and defaults applied.
#[derive(Debug, Default)]
pub struct Values {
    /// Values that may be shown, by field name; switches are `"true"` or `"false"`.
    pub plain: BTreeMap<String, String>,
    /// Values that may not, by field name.
    pub secret: BTreeMap<String, Secret>,
}

impl Values {
    /// A second holder of the same values.
    pub fn duplicate(&self) -> Self {
        let secret = self.secret.iter().map(|(name, secret)| (name.clone(), secret.duplicate())).collect();
        Self { plain: self.plain.clone(), secret }
    }
}

/// What a person sent: `f.<field>` entries without their prefix, and the names of `clear.<field>=1`.
#[derive(Debug, Default)]
pub struct Input {
    /// Typed values by field name; secret fields are moved out of here at once.
    pub fields: BTreeMap<String, Secret>,
    /// Optional secrets to remove.
    pub clear: BTreeSet<String>,
}

impl<'a> Mode<'a> {
    /// What is stored, when there is something.
    pub fn stored(self) -> Option<&'a Stored> {
        match self {
            Self::Create => None,
            Self::Edit(stored) | Self::Rotate(stored) => Some(stored),
        }
    }
}

impl Input {
    /// The typed values that may be shown, to draw the form again; a switch that was not sent is off.
    pub fn shown(&self, method: &Method) -> BTreeMap<String, String> {
        let typed = |field: &Field| match self.fields.get(&field.name) {
            Some(text) => Some(text.expose().to_owned()),
            None if field.kind == FieldKind::Switch => Some("false".to_owned()),
            None => None,
        };
        method.plain_fields().filter_map(|f| typed(f).map(|text| (f.name.clone(), text))).collect()
    }
}

impl Parsed {
    /// All values: the kept secrets are taken from `stored` (the opened old version), the rest of it is dropped.
    pub fn complete(self, mut stored: BTreeMap<String, Secret>) -> Values {
        let mut values = self.values;
        for name in self.kept {
            if let Some(secret) = stored.remove(&name) {
                values.secret.insert(name, secret);
            }
        }
        values
    }
}

/// Errors and warnings of a form, by field name (`""` for the form as a whole).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Remarks(pub BTreeMap<String, Remark>);

/// One remark beside a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// A stable code, drawn as `data-code` (`required`, `pattern`, `secret_required`, …).
    pub code: &'static str,
    /// What is wrong and what to do, for a person.
    pub text: String,
}

/// How a field is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// One line of text.
    Text,
    /// A number box.
    Number,
    /// An e-mail box.
    Email,
    /// An address box (`https://…`).
    Url,
    /// A password box, never filled.
    Secret,
    /// A text area for a key or a JSON document, never filled.
    SecretText,
    /// A check box.
    Switch,
    /// A choice of few.
    Select,
    /// A sentence, nothing to fill in.
    Notice,
}

/// One choice of a [`Control::Select`].
#[derive(Debug, Clone)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is the current one.
    pub selected: bool,
    /// What to know before choosing it.
    pub warn: Option<String>,
    /// Other fields that it sets, as `name=value`, for the page to follow.
    pub set: Vec<(String, String)>,
}

/// One field as it is drawn; never holds a secret.
#[derive(Debug, Clone)]
pub struct FieldView {
    /// Name in the catalogue; the control is called `f.<name>`.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// How it is drawn.
    pub control: Control,
    /// Help below the box.
    pub help: Option<String>,
    /// The vendor's page on this value.
    pub docs: Option<String>,
    /// An example inside the empty box; for a secret that is stored, a fixed text.
    pub placeholder: String,
    /// Drawn in front of the box, such as `https://`.
    pub prefix: Option<String>,
    /// Drawn behind the box, such as `.myshopify.com`.
    pub suffix: Option<String>,
    /// The current value; always empty for secrets. Switches: `"true"` or `"false"`.
    pub value: String,
    /// Choices of a select.
    pub choices: Vec<Choice>,
    /// Bounds of a number.
    pub min: Option<i64>,
    /// Bounds of a number.
    pub max: Option<i64>,
    /// Whether it must be filled (a stored secret may stay blank).
    pub required: bool,
    /// Folded away until asked for.
    pub advanced: bool,
    /// Fixed after creation: drawn read-only.
    pub locked: bool,
    /// Whether its condition holds now; where JavaScript is off every field is drawn.
    pub visible: bool,
    /// The condition in words: “only if User name is filled”.
    pub only_if: Option<String>,
    /// Whether other fields' conditions depend on this one.
    pub steers: bool,
    /// Whether a secret is stored for it (a blank box keeps it).
    pub stored: bool,
    /// Whether a stored secret may be removed.
    pub clearable: bool,
    /// What is wrong with it.
    pub error: Option<Remark>,
    /// What to look at although it is accepted.
    pub warning: Option<Remark>,
}
