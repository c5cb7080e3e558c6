//! How a field of the catalogue is drawn: what the form macros ask of it.

use crate::catalog::form::{Choice, Control, FieldView};

impl FieldView {
    /// The id of its control on the page.
    pub fn box_id(&self) -> String {
        format!("f-{}", self.name)
    }

    /// Which kind of box is drawn: few short choices are radio buttons in a row.
    pub fn look(&self) -> &'static str {
        match self.control {
            Control::Text | Control::Url => "text",
            Control::Number => "number",
            Control::Email => "email",
            Control::Secret => "secret",
            Control::SecretText => "area",
            Control::Switch => "switch",
            Control::Notice => "notice",
            Control::Select if self.in_a_row() => "radio",
            Control::Select => "select",
        }
    }

    fn in_a_row(&self) -> bool {
        let letters: usize = self.choices.iter().map(|c| c.label.chars().count()).sum();
        self.choices.len() <= 4 && letters <= 72
    }

    /// Whether its value is never drawn.
    pub fn is_secret(&self) -> bool {
        matches!(self.control, Control::Secret | Control::SecretText)
    }

    /// Whether it holds an address.
    pub fn is_url(&self) -> bool {
        self.control == Control::Url
    }

    /// Whether the browser may insist on it: never for a field that a condition can switch off.
    pub fn demanded(&self) -> bool {
        self.required && !self.stored && self.only_if.is_none()
    }

    /// Whether it is called optional: not a secret that is kept, nor one that a filled field asks for.
    pub fn optional(&self) -> bool {
        !(self.required || self.stored || self.is_secret() && self.only_if.is_some())
    }

    /// Whether there is a line of help below it.
    pub fn helped(&self) -> bool {
        self.help.is_some() || self.docs.is_some() || self.only_if.is_some() || self.locked
    }

    /// Whether the line of help holds nothing but the condition.
    pub fn only_condition(&self) -> bool {
        self.only_if.is_some() && self.help.is_none() && self.docs.is_none() && !self.locked
    }

    /// Whether anything describes it.
    pub fn described(&self) -> bool {
        self.helped() || self.error.is_some() || self.warning.is_some()
    }
}

impl Choice {
    /// The fields it sets, for `data-set`: `port=465;…`.
    pub fn set_text(&self) -> String {
        self.set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
    }
}
