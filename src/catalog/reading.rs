//! Reads a form: typed values in, canonical values or remarks out.

use crate::catalog::condition::Known;
use crate::catalog::destination;
use crate::catalog::form::{Input, Mode, Parsed, Remark, Remarks, Stored};
use crate::catalog::schema::{Edit, Field, FieldKind, FieldScope, FieldSource, Integration, Method, MethodKind};
use crate::catalog::secret_value;
use crate::catalog::value::{self, remark};
use crate::secret::Secret;
use std::collections::BTreeMap;

/// Reads what a person sent for a method: everything canonical, conditions and defaults applied.
///
/// An absent field is what is stored (when editing) or its default; an absent switch is off when editing.
/// The error holds every remark at once, by field; a remark never quotes a secret.
pub fn parse(integration: &Integration, method: &Method, mode: Mode<'_>, input: Input) -> Result<Parsed, Remarks> {
    let mut reading =
        Reading { integration, method, mode, input, parsed: Parsed::default(), errors: Remarks::default() };
    reading.plain_fields();
    reading.secret_fields();
    reading.whole();
    if reading.errors.0.is_empty() { Ok(reading.parsed) } else { Err(reading.errors) }
}

struct Reading<'a> {
    integration: &'a Integration,
    method: &'a Method,
    mode: Mode<'a>,
    input: Input,
    parsed: Parsed,
    errors: Remarks,
}

impl Reading<'_> {
    fn plain_fields(&mut self) {
        let plain = self.known_values();
        for field in self.method.fields.iter().filter(|f| takes_part(f) && !f.kind.is_secret()) {
            let known = Known { method: self.method, plain: &plain, filled: &|name| self.will_be_filled(name) };
            let (shown, skip, counting) = (known.shows(field), known.skips(field), known.counting(field));
            let result = match shown && field.is_asked() {
                true => self.plain_field(&counting, skip),
                false => Ok(field.default_text().to_owned()),
            };
            match result {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    self.parsed.values.plain.insert(field.name.clone(), text);
                }
                Err(error) => self.error(&field.name, error),
            }
        }
    }

    /// What conditions look at: typed values, else stored ones, else defaults.
    fn known_values(&self) -> BTreeMap<String, String> {
        let fields = self.method.plain_fields();
        fields
            .map(|f| {
                let typed = self.typed(f).filter(|_| !is_locked(f, self.method, self.mode));
                let value = typed.map(str::to_owned).unwrap_or_else(|| self.fallback(f));
                (f.name.clone(), value)
            })
            .collect()
    }

    fn typed(&self, field: &Field) -> Option<&str> {
        if matches!(self.mode, Mode::Rotate(_)) && !field.kind.is_secret() {
            return None;
        }
        self.input.fields.get(&field.name).map(Secret::expose)
    }

    /// What an absent field is.
    fn fallback(&self, field: &Field) -> String {
        match self.mode {
            Mode::Create => self.set_by_choice(field).unwrap_or_else(|| field.default_text().to_owned()),
            Mode::Edit(_) if field.kind == FieldKind::Switch && !is_locked(field, self.method, self.mode) => {
                "false".to_owned()
            }
            Mode::Edit(stored) | Mode::Rotate(stored) => stored.plain.get(&field.name).cloned().unwrap_or_default(),
        }
    }

    /// What the chosen option of another field sets this one to.
    fn set_by_choice(&self, field: &Field) -> Option<String> {
        self.method.plain_fields().filter(|other| other.kind == FieldKind::Select).find_map(|other| {
            let chosen = self.typed(other)?;
            let option = other.options.iter().find(|o| o.value.as_str() == chosen)?;
            option.set.get(&field.name).map(|v| v.as_str().to_owned())
        })
    }

    fn plain_field(&mut self, field: &Field, skip: bool) -> Result<String, Remark> {
        let fallback = self.fallback(field);
        let typed = match self.typed(field) {
            Some(typed) if typed.trim().is_empty() && field.required && field.kind != FieldKind::Switch => {
                self.set_by_choice(field).unwrap_or_else(|| field.default_text().to_owned())
            }
            Some(typed) => typed.to_owned(),
            None => fallback.clone(),
        };
        if is_locked(field, self.method, self.mode) || matches!(self.mode, Mode::Rotate(_)) {
            return self.fixed_field(field, &fallback, skip);
        }
        let parsed = value::plain(field, &typed, skip)?;
        if parsed.text.is_empty() && field.required && field.kind != FieldKind::Switch {
            return Err(remark("required", required_text(field)));
        }
        self.secret_in_plain(field, &parsed.text)?;
        if let Some(warning) = parsed.warning {
            self.parsed.warnings.0.insert(field.name.clone(), warning);
        }
        Ok(parsed.text)
    }

    /// What is stored stays, judged or not; a different or unreadable value is an attempt to change it.
    fn fixed_field(&self, field: &Field, stored: &str, skip: bool) -> Result<String, Remark> {
        let same = self.typed(field).is_none_or(|typed| {
            typed == stored || value::plain(field, typed, skip).is_ok_and(|parsed| parsed.text == stored)
        });
        match same {
            true if stored.is_empty() => Ok(field.default_text().to_owned()),
            true => Ok(stored.to_owned()),
            false => Err(remark("fixed", "This cannot be changed after creation. Make another credential instead.")),
        }
    }

    /// A key in a field that is shown would lie there in clear text.
    fn secret_in_plain(&self, field: &Field, text: &str) -> Result<(), Remark> {
        let expected = field.pattern.as_ref().is_some_and(|p| p.fits(text));
        let free = matches!(field.kind, FieldKind::Text | FieldKind::Url | FieldKind::Email | FieldKind::Host);
        match self.integration.recognise(text).filter(|_| free && !expected) {
            None => Ok(()),
            Some(found) => Err(remark(
                "secret_in_plain",
                format!(
                    "This looks like a {}. It would be readable here: move it to the field that is meant for it.",
                    found.shape.label
                ),
            )),
        }
    }

    fn secret_fields(&mut self) {
        // A value with an error still counts for conditions, so that all errors are told at once.
        let mut plain = self.known_values();
        plain.extend(self.parsed.values.plain.clone());
        for field in self.method.secret_fields() {
            let known = Known { method: self.method, plain: &plain, filled: &|name| self.will_be_filled(name) };
            let (shown, skip, counting) = (known.shows(field), known.skips(field), known.counting(field));
            if !shown {
                continue;
            }
            if let Err(error) = self.secret_field(&counting, skip) {
                self.error(&field.name, error);
            }
        }
    }

    fn secret_field(&mut self, field: &Field, skip: bool) -> Result<(), Remark> {
        let password = matches!(
            self.method.kind,
            MethodKind::Basic | MethodKind::Smtp | MethodKind::Session | MethodKind::Database
        );
        let typed = match self.input.fields.remove(&field.name) {
            Some(typed) => secret_value::secret(field, &typed, password, skip)?,
            None => secret_value::secret(field, &Secret::new(String::new()), password, skip)?,
        };
        let stored = self.mode.stored().is_some_and(|s| s.secrets.contains(&field.name));
        let cleared = self.input.clear.contains(&field.name);
        if typed.text.is_empty() {
            return match (stored, cleared) {
                (true, false) => {
                    self.keep(field);
                    Ok(())
                }
                (true, true) if is_locked(field, self.method, self.mode) => Err(fixed_secret()),
                _ if field.required => Err(remark("required", required_text(field))),
                (true, true) => {
                    self.parsed.removed.insert(field.name.clone());
                    Ok(())
                }
                (false, _) => Ok(()),
            };
        }
        if is_locked(field, self.method, self.mode) {
            return Err(fixed_secret());
        }
        if self.parsed.env.is_none() {
            self.parsed.env = self.integration.recognise(typed.text.expose()).and_then(|found| found.env);
        }
        if let Some(warning) = typed.warning {
            self.parsed.warnings.0.insert(field.name.clone(), warning);
        }
        if let Some((name, shown)) = typed.shown {
            self.parsed.values.plain.insert(name, shown);
        }
        self.parsed.values.secret.insert(field.name.clone(), typed.text);
        Ok(())
    }

    /// A blank box keeps what is stored, and what of it may be shown.
    fn keep(&mut self, field: &Field) {
        self.parsed.kept.insert(field.name.clone());
        let shown = field.identity_name().zip(self.mode.stored());
        if let Some((name, value)) = shown.and_then(|(name, stored)| stored.plain.get(&name).map(|v| (name, v.clone())))
        {
            self.parsed.values.plain.insert(name, value);
        }
    }

    /// Whether a secret will be there after this form.
    fn will_be_filled(&self, name: &str) -> bool {
        let typed = self.input.fields.get(name).is_some_and(|t| !t.expose().trim().is_empty());
        let taken = self.parsed.values.secret.contains_key(name);
        let stored = self.mode.stored().is_some_and(|s| s.secrets.contains(name));
        typed || taken || stored && !self.input.clear.contains(name)
    }

    /// Rules over more than one field.
    fn whole(&mut self) {
        for requirement in self.method.oauth.iter().flat_map(|o| &o.require) {
            let value = self.parsed.values.plain.get(&requirement.field).cloned().unwrap_or_default();
            if !self.errors.0.contains_key(&requirement.field) && !requirement.pattern.fits(&value) {
                self.error(&requirement.field, remark("reject", requirement.hint.clone()));
            }
        }
        match self.mode {
            Mode::Create => {}
            Mode::Edit(stored) => self.moved(stored),
            Mode::Rotate(_) if self.parsed.values.secret.is_empty() && self.errors.0.is_empty() => {
                self.error("", remark("required", "Enter the new secret."));
            }
            Mode::Rotate(_) => {}
        }
    }

    /// A changed destination asks for the secrets again: a stored one must not follow to another place.
    fn moved(&mut self, stored: &Stored) {
        let changed = destination::changed(self.method, &stored.plain, &self.parsed.values.plain);
        if changed.is_empty() {
            return;
        }
        let labels: Vec<&str> =
            changed.iter().filter_map(|name| self.method.field(name)).map(|f| f.label.as_str()).collect();
        let text = format!(
            "You changed {}. Enter this again: a stored secret is not sent to a new place.",
            labels.join(" and ")
        );
        for name in std::mem::take(&mut self.parsed.kept) {
            self.error(&name, remark("secret_required", text.clone()));
        }
    }

    fn error(&mut self, field: &str, error: Remark) {
        self.errors.0.entry(field.to_owned()).or_insert(error);
    }
}

/// Whether a field has a value of this credential that is not filled by the service.
fn takes_part(field: &Field) -> bool {
    field.scope == FieldScope::Credential && field.source == FieldSource::User && field.kind != FieldKind::Notice
}

/// Whether a field is fixed in this mode.
pub(crate) fn is_locked(field: &Field, method: &Method, mode: Mode<'_>) -> bool {
    match mode {
        Mode::Create => false,
        // What a consent was given for changes only with another consent.
        Mode::Edit(_) if method.needs_consent() => true,
        Mode::Edit(_) | Mode::Rotate(_) => match method.edit {
            Edit::None => true,
            Edit::Rename => !field.kind.is_secret() || field.immutable,
            Edit::Full => field.immutable,
        },
    }
}

fn fixed_secret() -> Remark {
    remark("fixed", "This cannot be changed here. Make another credential instead.")
}

fn required_text(field: &Field) -> String {
    match field.kind {
        FieldKind::Select => "Choose one.".to_owned(),
        FieldKind::PemSecret | FieldKind::JsonSecret => format!("Paste the {}.", lower_first(&field.label)),
        _ => format!("Enter the {}.", lower_first(&field.label)),
    }
}

/// The label inside a sentence: “Server” becomes “server”, “API key” stays.
fn lower_first(label: &str) -> String {
    let mut chars = label.chars();
    match (chars.next(), label.chars().nth(1)) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => label.to_owned(),
    }
}
