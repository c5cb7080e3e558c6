//! What is needed to draw a form; nothing in it is secret.

use crate::catalog::condition::{Known, in_words};
use crate::catalog::form::{Choice, Control, FieldView, Mode, Remarks};
use crate::catalog::reading::is_locked;
use crate::catalog::schema::{Field, FieldKind, FieldScope, FieldSource, Method};
use std::collections::BTreeMap;

/// In the box of a secret that is stored.
const STORED: &str = "Stored. Leave blank to keep it.";

/// What a form shows besides what is stored: what was typed, and what to say about it.
#[derive(Debug, Default)]
pub struct Shown<'a> {
    /// Typed values that may be shown, by field name.
    pub typed: BTreeMap<String, String>,
    /// Names of secret fields that are filled in the browser, where the page said so.
    pub typed_secrets: Vec<String>,
    /// What is wrong.
    pub errors: Option<&'a Remarks>,
    /// What to look at.
    pub warnings: Option<&'a Remarks>,
}

/// The fields of a method's form, in order. In [`Mode::Rotate`] only the secret ones.
pub fn fields(method: &Method, mode: Mode<'_>, shown: &Shown<'_>) -> Vec<FieldView> {
    let plain = values(method, mode, shown);
    let filled = |name: &str| {
        shown.typed_secrets.iter().any(|n| n == name) || mode.stored().is_some_and(|s| s.secrets.contains(name))
    };
    let known = Known { method, plain: &plain, filled: &filled };
    let drawn = method.fields.iter().filter(|f| {
        let ours = f.scope == FieldScope::Credential && f.source == FieldSource::User && f.kind != FieldKind::Hidden;
        ours && (f.kind.is_secret() || !matches!(mode, Mode::Rotate(_)))
    });
    drawn.map(|field| view(field, method, mode, shown, &known)).collect()
}

/// The value of each field as it is drawn: typed, else stored, else the default.
fn values(method: &Method, mode: Mode<'_>, shown: &Shown<'_>) -> BTreeMap<String, String> {
    let value = |field: &Field| {
        let locked = is_locked(field, method, mode);
        let typed = shown.typed.get(&field.name).filter(|_| !locked);
        let stored = mode.stored().map(|s| s.plain.get(&field.name).cloned().unwrap_or_default());
        let value = typed.cloned().or(stored).unwrap_or_else(|| field.default_text().to_owned());
        match field.kind {
            FieldKind::Switch => matches!(value.as_str(), "on" | "true" | "1").to_string(),
            _ => value,
        }
    };
    method.plain_fields().map(|f| (f.name.clone(), value(f))).collect()
}

fn view(field: &Field, method: &Method, mode: Mode<'_>, shown: &Shown<'_>, known: &Known<'_>) -> FieldView {
    let value = match field.kind.is_secret() {
        true => String::new(),
        false => known.plain.get(&field.name).cloned().unwrap_or_default(),
    };
    let stored = field.kind.is_secret() && mode.stored().is_some_and(|s| s.secrets.contains(&field.name));
    let locked = is_locked(field, method, mode);
    let remark = |remarks: Option<&Remarks>| remarks.and_then(|r| r.0.get(&field.name)).cloned();
    FieldView {
        name: field.name.clone(),
        label: field.label.clone(),
        control: control(field.kind),
        help: field.help.clone().or_else(|| field.find.clone()),
        docs: field.docs.clone(),
        placeholder: match (stored, mode) {
            (true, Mode::Edit(_)) => STORED.to_owned(),
            _ => field.placeholder.clone().unwrap_or_default(),
        },
        prefix: field.prefix.clone(),
        suffix: field.suffix.clone(),
        choices: choices(field, &value),
        value,
        min: field.min,
        max: field.max,
        required: field.required
            && !matches!(field.kind, FieldKind::Switch | FieldKind::Notice)
            && (!stored || matches!(mode, Mode::Rotate(_)) && method.secret_fields().count() == 1),
        advanced: field.advanced,
        locked,
        visible: known.shows(field),
        only_if: field.show_if.as_ref().and_then(|condition| in_words(condition, method)),
        steers: steers(field, method),
        stored,
        clearable: stored && !field.required && !locked && matches!(mode, Mode::Edit(_)),
        error: remark(shown.errors),
        warning: remark(shown.warnings),
    }
}

/// Whether other fields' conditions look at this one.
fn steers(field: &Field, method: &Method) -> bool {
    method.fields.iter().any(|other| other.show_if.as_ref().is_some_and(|c| c.field == field.name))
}

fn control(kind: FieldKind) -> Control {
    match kind {
        FieldKind::Text | FieldKind::Host | FieldKind::Hidden => Control::Text,
        FieldKind::Secret => Control::Secret,
        FieldKind::PemSecret | FieldKind::JsonSecret => Control::SecretText,
        FieldKind::Number => Control::Number,
        FieldKind::Switch => Control::Switch,
        FieldKind::Select => Control::Select,
        FieldKind::Url => Control::Url,
        FieldKind::Email => Control::Email,
        FieldKind::Notice => Control::Notice,
    }
}

fn choices(field: &Field, value: &str) -> Vec<Choice> {
    let choice = |option: &crate::catalog::schema::FieldOption| Choice {
        value: option.value.0.clone(),
        label: option.label.clone(),
        selected: option.value.as_str() == value,
        warn: option.warn.clone(),
        set: option.set.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect(),
    };
    field.options.iter().map(choice).collect()
}
