//! What a person typed about a credential, and what of it is acceptable.

use crate::catalog::form::Mode;
use crate::catalog::form::{FieldView, Input, Remark, Remarks, Shown, fields};
use crate::catalog::schema::{Integration, Method};
use crate::change::Refused;
use crate::change::details::{DetailRemarks, Written};
use crate::check::report::Report;
use crate::error::Result;
use crate::web::body::Fields;
use crate::web::pages::form::{FormView, TextBox};
use std::collections::{BTreeMap, BTreeSet};

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

    /// What was written about the credential.
    pub fn written(&self) -> Written {
        Written {
            name: self.name.clone(),
            description: self.description.clone(),
            environment: self.environment.clone(),
            tags: self.tags.split(',').map(str::to_owned).collect(),
        }
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

impl<'a> Filled<'a> {
    /// A form that was sent and not saved, as it was typed.
    pub fn refused(
        typed: &'a Typed,
        shown: &BTreeMap<String, String>,
        secrets: &[String],
        refused: &'a Refused,
    ) -> Self {
        Self {
            typed: Some(typed),
            wrong: refused.wrong.clone(),
            shown: shown.clone(),
            secrets: secrets.to_vec(),
            warnings: enter_again(refused.warnings.clone(), &refused.errors, secrets),
            errors: refused.errors.clone(),
            report: refused.report.as_ref(),
        }
    }

    /// A form that asks for a proof before it is judged on, as it was typed.
    pub fn held(typed: &'a Typed, shown: &BTreeMap<String, String>, secrets: &[String]) -> Self {
        Self {
            typed: Some(typed),
            shown: shown.clone(),
            secrets: secrets.to_vec(),
            warnings: enter_again(Remarks::default(), &Remarks::default(), secrets),
            ..Self::default()
        }
    }

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

/// Says beside each secret box that what was in it is gone.
pub fn enter_again(mut warnings: Remarks, errors: &Remarks, secrets: &[String]) -> Remarks {
    for name in secrets.iter().filter(|name| !errors.0.contains_key(*name)) {
        let text = "Enter it again: a secret that was not saved is not kept either.".to_owned();
        warnings.0.insert(name.clone(), Remark { code: "enter_again", text });
    }
    warnings
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
        Self {
            name: TextBox { warning: vague(&typed.name), ..TextBox::judged(&typed.name, wrong.name) },
            description: TextBox::judged(&typed.description, wrong.description),
            environment: TextBox::judged(&typed.environment, wrong.environment),
            tags: TextBox::judged(&typed.tags, wrong.tags),
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
