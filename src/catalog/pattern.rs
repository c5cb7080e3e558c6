//! Small values of catalogue files: patterns compiled at load, scalars of any TOML type, dates.

use chrono::NaiveDate;
use regex::Regex;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A regular expression, compiled once at load with a bound on its size.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether the text fits.
    pub fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether each of its alternatives is tied to the start or the end, so that it cannot fit by accident.
    pub fn is_anchored(&self) -> bool {
        top_alternatives(self.as_str()).iter().all(|a| a.starts_with('^') || a.ends_with('$') && !a.ends_with("\\$"))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        regex::RegexBuilder::new(&text)
            .size_limit(1 << 20)
            .build()
            .map(Self)
            .map_err(|e| format!("`{text}` is not a pattern: {}", e.to_string().lines().last().unwrap_or_default()))
    }
}

/// The alternatives of a pattern outside groups and classes.
fn top_alternatives(pattern: &str) -> Vec<&str> {
    let (mut depth, mut class, mut escaped, mut from) = (0_i32, false, false, 0);
    let mut out = Vec::new();
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if !class => class = true,
            ']' if class => class = false,
            _ if class => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 => {
                out.push(&pattern[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push(&pattern[from..]);
    out
}

/// A text, number or switch of a TOML file, kept as text (`465`, `true`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scalar(pub String);

impl Scalar {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number or a switch")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A TOML date without a time.
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?;
    let date = written.date.filter(|_| written.time.is_none());
    date.and_then(|d| NaiveDate::from_ymd_opt(d.year.into(), d.month.into(), d.day.into()))
        .ok_or_else(|| de::Error::custom("expected a date such as 2026-11-21"))
}

/// A table from pattern to something, as a list.
pub(crate) fn patterns<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<(Pattern, T)>, D::Error> {
    let table = BTreeMap::<String, T>::deserialize(deserializer)?;
    let entries = table.into_iter().map(|(text, value)| Pattern::try_from(text).map(|p| (p, value)));
    entries.collect::<Result<_, _>>().map_err(de::Error::custom)
}
