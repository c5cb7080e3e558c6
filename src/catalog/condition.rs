//! Which fields of a form count: conditions over what was typed, what is stored, and defaults.

use crate::catalog::schema::{Condition, Field, FieldKind, Method, Reject};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is known of a form while it is read: plain values, and which secrets are there.
pub(crate) struct Known<'a> {
    pub method: &'a Method,
    /// Values by name: typed, stored, or defaults.
    pub plain: &'a BTreeMap<String, String>,
    /// Whether a secret field is or stays filled.
    pub filled: &'a dyn Fn(&str) -> bool,
}

impl Known<'_> {
    /// Whether a field is asked: its condition holds, and the field it looks at is itself asked or has a default.
    pub fn shows(&self, field: &Field) -> bool {
        field.show_if.as_ref().is_none_or(|condition| self.holds(condition))
    }

    /// Whether patterns and rejects of a field are left out.
    pub fn skips(&self, field: &Field) -> bool {
        field.skip_checks_if.as_ref().is_some_and(|condition| self.holds(condition))
    }

    /// The field as it counts here: without the mix-ups whose condition does not hold.
    pub fn counting<'f>(&self, field: &'f Field) -> Cow<'f, Field> {
        let counts = |reject: &Reject| reject.when.as_ref().is_none_or(|condition| self.holds(condition));
        if field.reject.iter().all(counts) {
            return Cow::Borrowed(field);
        }
        let mut field = field.clone();
        field.reject.retain(counts);
        Cow::Owned(field)
    }

    fn holds(&self, condition: &Condition) -> bool {
        let Some(other) = self.method.field(&condition.field) else { return false };
        let shown = self.shows(other);
        if other.kind.is_secret() {
            let filled = shown && (self.filled)(&other.name);
            return condition.filled == Some(filled);
        }
        let value = match shown {
            true => self.plain.get(&other.name).map_or(other.default_text(), String::as_str),
            false => other.default_text(),
        };
        match other.kind {
            FieldKind::Switch => condition.holds(if matches!(value, "on" | "true" | "1") { "true" } else { "false" }),
            _ => condition.holds(value.trim()),
        }
    }
}

/// A condition in words: “Only if User name is filled in.”
pub(crate) fn in_words(condition: &Condition, method: &Method) -> Option<String> {
    let other = method.field(&condition.field)?;
    let label = &other.label;
    let read = |value: &str| {
        let option = other.options.iter().find(|o| o.value.as_str() == value);
        option.map_or_else(|| value.to_owned(), |o| o.label.clone())
    };
    Some(match (&condition.equals, condition.filled) {
        (Some(wanted), _) if other.kind == FieldKind::Switch => {
            format!("Only if “{label}” is {}.", if wanted.as_str() == "true" { "on" } else { "off" })
        }
        (Some(wanted), _) => format!("Only if “{label}” is “{}”.", read(wanted.as_str())),
        (None, Some(true)) => format!("Only if “{label}” is filled in."),
        (None, Some(false)) => format!("Only if “{label}” is empty."),
        (None, None) => {
            let all: Vec<String> = condition.one_of.iter().map(|w| format!("“{}”", read(w.as_str()))).collect();
            format!("Only if “{label}” is {}.", all.join(" or "))
        }
    })
}
