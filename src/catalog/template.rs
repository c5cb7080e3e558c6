//! Templates of catalogue files: parsed once at load, rendered for one place with that place's escaping.
//!
//! Syntax: `{name}`; `{name.path}` into a JSON value; `{a ?? b}` takes the first that is not empty;
//! `{name|lower|after_last:-}` applies filters from left to right, each side of `??` its own. Filters
//! are `b64`, `trim`, `lower`, `host` (of an address), `after_last:X`, `before_first:X`; X runs to the next
//! `|`, ` ??` or `}`. `{{` and `}}` are literal braces. There are no expressions.

use crate::catalog::filter::Filter;
use crate::catalog::place::Place;
use crate::secret::Secret;
use serde::Deserialize;
use std::fmt;
use zeroize::Zeroizing;

/// Names that every template may use without a field of that name.
pub const BUILT_IN: [&str; 5] = ["token", "jwt", "code", "redirect_uri", "state"];

/// Where rendered values come from: a name in, its text out; `None` and empty text are alike.
pub type Scope<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// A parsed template. Its `Debug` and `text` are the template as written, never a finished value.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Slot(Slot),
}

#[derive(Clone, PartialEq, Eq)]
struct Slot {
    choices: Vec<Choice>,
    /// Filled by a field of format `path`: its slashes and query are kept as typed.
    path: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Choice {
    name: String,
    path: Vec<String>,
    filters: Vec<Filter>,
}

/// Why a text is not a template; the loader adds file and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{` without its `}`.
    #[error("a `{{` is not closed; write `{{{{` for a brace")]
    Unclosed,
    /// `}` without its `{`.
    #[error("a `}}` stands alone; write `}}}}` for a brace")]
    Stray,
    /// Not a name.
    #[error("`{0}` is not a name: use lower-case letters, digits and `_`, with `.` into JSON")]
    Name(String),
    /// Not one of the filters.
    #[error("`{0}` is not a filter: b64, trim, lower, host, after_last:X or before_first:X")]
    Filter(String),
    /// Not an address.
    #[error("not an address template: {0}")]
    Address(&'static str),
}

/// Why a template could not be rendered. Holds names at most, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A value that the address needs is empty.
    #[error("{0} is needed for the address and is empty")]
    Missing(String),
    /// A value is not one plain label of a host name.
    #[error("{0} may hold only letters, digits and hyphens")]
    NotALabel(String),
    /// A value is not a host or not an http(s) address.
    #[error("{0} is not a host or address")]
    NotAHost(String),
    /// A value holds a control character where none may be.
    #[error("{0} holds a line end or another control character")]
    ControlCharacter(String),
    /// The name of a header or query parameter is not legal.
    #[error("{0} is not a name that may be sent")]
    BadName(String),
    /// The finished address is not what its template promised.
    #[error("the address comes out broken")]
    BadAddress,
}

impl Template {
    /// Parses a template as it is written in a catalogue file.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '{' | '}' if rest.starts_with(c) => {
                    literal.push(c);
                    rest = &rest[1..];
                }
                '{' => {
                    let end = rest.find('}').ok_or(TemplateError::Unclosed)?;
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Slot(Slot::parse(&rest[..end])?));
                    rest = &rest[end + 1..];
                }
                '}' => return Err(TemplateError::Stray),
                _ => literal.push(c),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The template as written: what logs show instead of a finished value.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every name it asks for, without paths into JSON.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots().flat_map(|slot| slot.choices.iter().map(|c| c.name.as_str()))
    }

    /// Every name it asks for with its path into JSON (`key.client_email`).
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.slots().flat_map(|slot| slot.choices.iter().map(Choice::full_name))
    }

    /// Whether it is nothing but one `{…}`.
    pub fn is_one_slot(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Slot(_)])
    }

    /// The text, when it asks for no name at all.
    pub fn constant(&self) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Slot(_) => return None,
            }
        }
        Some(out)
    }

    /// Its pieces in order: a text as written, `None` for a `{…}`.
    pub fn pieces(&self) -> impl Iterator<Item = Option<&str>> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Some(text.as_str()),
            Piece::Slot(_) => None,
        })
    }

    /// What stands behind the last `{…}`; the whole text when there is none.
    pub fn literal_tail(&self) -> &str {
        match self.pieces.last() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// Marks the slots whose field holds a whole path, for [`Place::Path`].
    pub fn mark_paths(&mut self, is_path: &dyn Fn(&str) -> bool) {
        for piece in &mut self.pieces {
            if let Piece::Slot(slot) = piece {
                slot.path = slot.choices.iter().all(|c| is_path(&c.name));
            }
        }
    }

    /// The finished value for `place`; empty when every `{…}` in it came out empty (rule “empty means absent”).
    ///
    /// Fails when a value does not fit the place, and in [`Place::Path`] and the host places also when
    /// a value is empty: an address with a hole in it is another address.
    pub fn render(&self, scope: &Scope<'_>, place: Place) -> Result<Secret, RenderError> {
        let mut out = Zeroizing::new(String::new());
        let (mut slots, mut filled) = (0, 0);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Slot(slot) => {
                    slots += 1;
                    let value = slot.value(scope);
                    match value.is_empty() {
                        true if place.needs_all() => return Err(RenderError::Missing(slot.label())),
                        true => {}
                        false => {
                            filled += 1;
                            place.escape(&value, slot.path, &slot.label(), &mut out)?;
                        }
                    }
                }
            }
        }
        if slots > 0 && filled == 0 {
            return Ok(Secret::new(String::new()));
        }
        place.judge_whole(&out, &self.text)?;
        Ok(Secret::new(std::mem::take(&mut *out)))
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Literal(_) => None,
        })
    }
}

impl Slot {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let choices = text.split("??").map(|c| Choice::parse(c.trim())).collect::<Result<_, _>>()?;
        Ok(Self { choices, path: false })
    }

    fn label(&self) -> String {
        self.choices.first().map(Choice::full_name).unwrap_or_default()
    }

    fn value(&self, scope: &Scope<'_>) -> Zeroizing<String> {
        self.choices.iter().map(|c| c.value(scope)).find(|v| !v.is_empty()).unwrap_or_default()
    }
}

impl Choice {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = text.split('|');
        let full = parts.next().unwrap_or_default().trim();
        let mut segments = full.split('.').map(str::to_owned);
        let name = segments.next().unwrap_or_default();
        let path: Vec<String> = segments.collect();
        if !is_name(&name) || !path.iter().all(|s| is_path_segment(s)) {
            return Err(TemplateError::Name(full.to_owned()));
        }
        let filters = parts.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Self { name, path, filters })
    }

    fn full_name(&self) -> String {
        let mut out = self.name.clone();
        for segment in &self.path {
            out.push('.');
            out.push_str(segment);
        }
        out
    }

    /// A dotted name is looked up whole first (values derived from a JSON secret), then as a path into JSON.
    fn value(&self, scope: &Scope<'_>) -> Zeroizing<String> {
        let raw = if self.path.is_empty() {
            Zeroizing::new(scope(&self.name).unwrap_or_default().to_owned())
        } else if let Some(whole) = scope(&self.full_name()) {
            Zeroizing::new(whole.to_owned())
        } else {
            json_at(scope(&self.name).unwrap_or_default(), &self.path)
        };
        self.filters.iter().fold(raw, |value, filter| filter.apply(value))
    }
}

/// The text at a path in a JSON document: strings bare, numbers and switches as written, all else empty.
fn json_at(document: &str, path: &[String]) -> Zeroizing<String> {
    let Ok(root) = serde_json::from_str::<serde_json::Value>(document) else { return Zeroizing::default() };
    let text = match find(&root, path.iter().map(String::as_str)) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    };
    Zeroizing::new(text)
}

/// Walks a path of object keys and array positions; `None` where it leads nowhere.
pub fn find<'v, 'p>(
    root: &'v serde_json::Value,
    path: impl IntoIterator<Item = &'p str>,
) -> Option<&'v serde_json::Value> {
    path.into_iter().try_fold(root, |value, key| match value {
        serde_json::Value::Object(map) => map.get(key),
        serde_json::Value::Array(list) => key.parse::<usize>().ok().and_then(|i| list.get(i)),
        _ => None,
    })
}

/// Whether a text may name a field: a lower-case letter, then letters, digits and `_`, at most 40.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && text.len() <= 40
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn is_path_segment(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '@' | '$'))
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({:?})", self.text)
    }
}
