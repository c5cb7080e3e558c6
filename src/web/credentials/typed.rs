//! What a person typed about a credential, and what of it is acceptable.

use crate::catalog::form::Mode;
use crate::catalog::form::{FieldView, Input, Remark, Remarks, Shown, fields};
use crate::catalog::load::Catalog;
use crate::catalog::schema::{Integration, Method};
use crate::check::report::Report;
use crate::error::Result;
use crate::model::credential::{Environment, checked_name};
use crate::model::credential_change::Details;
use crate::web::body::Fields;
use crate::web::pages::form::{FormView, TextBox};
use std::collections::{BTreeMap, BTreeSet};

/// The most tags of a credential.
const MOST_TAGS: usize = 20;
/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 1000;
/// The most characters of a tag.
const LONGEST_TAG: usize = 40;

/// A posted form of a credential.
pub struct Typed {
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: String,
    /// `environment`.
    pub environment: String,
    /// `tags`.
    pub tags: String,
    /// `revision`.
    pub revision: Option<i64>,
    /// `save_unverified`.
    pub save_unverified: bool,
    /// `f.<field>` and `clear.<field>`.
    pub input: Input,
}

/// What is wrong with the boxes that every credential has.
#[derive(Default, Clone)]
pub struct DetailRemarks {
    /// Of the name.
    pub name: Option<Remark>,
    /// Of the description.
    pub description: Option<Remark>,
    /// Of the environment.
    pub environment: Option<Remark>,
    /// Of the tags.
    pub tags: Option<Remark>,
}

impl DetailRemarks {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.environment.is_none() && self.tags.is_none()
    }

    /// The remark that another credential has the name.
    pub fn name_taken(holder: &str) -> Self {
        let text = format!("“{holder}” exists already. Choose a name that tells the two apart.");
        Self { name: Some(Remark { code: "taken", text }), ..Self::default() }
    }
}

impl Typed {
    /// Takes a form apart.
    pub fn read(form: &mut Fields) -> Result<Self> {
        let clear = form.take_prefixed("clear.");
        Ok(Self {
            name: form.text("name"),
            description: form.text("description"),
            environment: form.text("environment"),
            tags: form.text("tags"),
            revision: form.number("revision")?,
            save_unverified: form.flag("save_unverified"),
            input: Input {
                fields: form.take_prefixed("f."),
                clear: clear.into_iter().filter(|(_, value)| value.expose() == "1").map(|(name, _)| name).collect(),
            },
        })
    }

    /// The details, or what is wrong with them.
    pub fn details(&self, catalog: &Catalog) -> std::result::Result<Details, Box<DetailRemarks>> {
        let mut wrong = DetailRemarks::default();
        let invalid = |text: &str| Some(Remark { code: "invalid", text: text.to_owned() });
        let name = checked_name(&self.name).unwrap_or_else(|text| {
            wrong.name = invalid(text);
            String::new()
        });
        let leaked = |text: &str| {
            catalog.recognise(text.trim()).map(|found| Remark {
                code: "secret_in_plain",
                text: format!(
                    "This looks like a {}. A secret belongs into its own box: everybody can read this one.",
                    found.shape.label
                ),
            })
        };
        wrong.name = wrong.name.or_else(|| leaked(&self.name));
        let description = self.description.trim().to_owned();
        if description.chars().count() > LONGEST_DESCRIPTION || description.chars().any(char::is_control) {
            wrong.description = invalid("A description is one line of at most 1000 characters.");
        }
        wrong.description = wrong.description.or_else(|| leaked(&description));
        let environment = Environment::parse(&self.environment).unwrap_or_else(|| {
            wrong.environment = invalid("Choose Production, Test or None.");
            Environment::None
        });
        let tags: Vec<String> =
            self.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        let long = |tag: &String| tag.chars().count() > LONGEST_TAG || tag.chars().any(char::is_control);
        if tags.len() > MOST_TAGS || tags.iter().any(long) {
            wrong.tags = invalid("At most 20 tags of at most 40 characters each, separated by commas.");
        }
        wrong.tags = wrong.tags.or_else(|| tags.iter().find_map(|tag| leaked(tag)));
        if wrong.is_empty() { Ok(Details { name, environment, description, tags }) } else { Err(Box::new(wrong)) }
    }
}

/// What a form is drawn from.
pub struct Draw<'a> {
    /// The service.
    pub integration: &'a Integration,
    /// The method.
    pub method: &'a Method,
    /// What the form is for.
    pub mode: Mode<'a>,
    /// Where it is sent.
    pub action: String,
    /// Where its conditional fields are drawn anew.
    pub redraw: String,
    /// `revision`.
    pub revision: Option<i64>,
}

impl Draw<'_> {
    /// The form with values, errors and warnings; secrets are never in it.
    pub fn form(&self, boxes: Boxes, shown: &Shown<'_>) -> FormView {
        FormView {
            action: self.action.clone(),
            redraw: self.redraw.clone(),
            integration: self.integration.id.clone(),
            method: self.method.id.clone(),
            revision: self.revision,
            name: boxes.name,
            name_example: format!("Production {}", self.integration.name),
            description: boxes.description,
            environment: boxes.environment,
            tags: boxes.tags,
            fields: self.fields(shown),
            ask_password: None,
        }
    }
}

impl Draw<'_> {
    /// A secret of a consent method is entered with the next consent, so that an edit does not show its box.
    fn fields(&self, shown: &Shown<'_>) -> Vec<FieldView> {
        let mut all = fields(self.method, self.mode, shown);
        if self.method.needs_consent() && matches!(self.mode, Mode::Edit(_)) {
            all.retain(|field| !field.is_secret());
        }
        all
    }
}

/// What a form is filled with when it is drawn again.
#[derive(Default)]
pub struct Filled<'a> {
    /// What was typed; none for a form that is drawn for the first time.
    pub typed: Option<&'a Typed>,
    /// What is wrong with the boxes that every credential has.
    pub wrong: DetailRemarks,
    /// Typed values that may be shown.
    pub shown: BTreeMap<String, String>,
    /// Names of the secret boxes that held something.
    pub secrets: Vec<String>,
    /// What is wrong with the catalogue's fields.
    pub errors: Remarks,
    /// What to look at.
    pub warnings: Remarks,
    /// What the check came to.
    pub report: Option<&'a Report>,
}

impl Filled<'_> {
    /// The boxes as they were typed, or those of `untyped`.
    pub fn boxes(&self, untyped: impl FnOnce() -> Boxes) -> Boxes {
        self.typed.map_or_else(untyped, |typed| Boxes::typed(typed, self.wrong.clone()))
    }

    /// The catalogue's fields as they were typed.
    pub fn shown(&self) -> Shown<'_> {
        Shown {
            typed: self.shown.clone(),
            typed_secrets: self.secrets.clone(),
            errors: Some(&self.errors),
            warnings: Some(&self.warnings),
        }
    }
}

/// The names of secret boxes that hold something.
pub fn typed_secrets(method: &Method, input: &Input) -> Vec<String> {
    let filled: BTreeSet<&String> =
        input.fields.iter().filter(|(_, text)| !text.is_empty()).map(|(name, _)| name).collect();
    filled.into_iter().filter(|name| method.field(name).is_some_and(|field| field.kind.is_secret())).cloned().collect()
}

/// The boxes that every credential has.
#[derive(Default)]
pub struct Boxes {
    /// `name`.
    pub name: TextBox,
    /// `description`.
    pub description: TextBox,
    /// `environment`.
    pub environment: TextBox,
    /// `tags`.
    pub tags: TextBox,
}

impl Boxes {
    /// As they were typed, with what is wrong.
    pub fn typed(typed: &Typed, wrong: DetailRemarks) -> Self {
        let text = |value: &str, error: Option<Remark>| TextBox { error, ..TextBox::of(value) };
        Self {
            name: TextBox { warning: vague(&typed.name), ..text(&typed.name, wrong.name) },
            description: text(&typed.description, wrong.description),
            environment: text(&typed.environment, wrong.environment),
            tags: text(&typed.tags, wrong.tags),
        }
    }
}

/// Advice on a name that tells nobody anything.
fn vague(name: &str) -> Option<Remark> {
    let folded = crate::fold::fold(name);
    let vague = ["credential", "credentials", "my api key", "api key", "key", "token", "test", "new", "my credential"];
    let bare = folded.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ' || c == '#');
    vague.contains(&bare).then(|| Remark {
        code: "vague_name",
        text: "Nobody will know what this is. Say what it is for, such as “Production Gmail SMTP”.".into(),
    })
}

/// Nothing wrong with any field.
pub fn no_remarks() -> Remarks {
    Remarks::default()
}
