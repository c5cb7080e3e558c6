//! One typed value of a field that may be shown: cleaned, judged, canonical.

use crate::catalog::form::Remark;
use crate::catalog::header;
use crate::catalog::host;
use crate::catalog::place::has_dot_segment;
use crate::catalog::schema::{Field, FieldKind, Format, Normalise};
use zeroize::Zeroizing;

/// The largest value of a field, in bytes.
pub const LARGEST_VALUE: usize = 64 * 1024;

/// A value as it is stored, and what to look at although it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// The canonical text; empty when nothing was typed.
    pub text: String,
    /// A warning.
    pub warning: Option<Remark>,
}

/// Makes a typed value canonical, or says what is wrong with it. `skip` leaves out patterns and rejects.
/// Whether an empty value is good enough is the form's question.
pub fn plain(field: &Field, typed: &str, skip: bool) -> Result<Plain, Remark> {
    if typed.len() > LARGEST_VALUE {
        return Err(too_long());
    }
    if typed.chars().any(char::is_control) {
        return Err(remark("control_character", "Enter one line, without line ends or other control characters."));
    }
    let cleaned = normalised(field, typed);
    if cleaned.is_empty() && field.kind != FieldKind::Switch {
        return Ok(Plain { text: String::new(), warning: None });
    }
    if !skip {
        rejected(field, &cleaned)?;
    }
    let text = canonical(field, &cleaned)?;
    format(field, &text)?;
    let warning = if skip { None } else { shaped(field, &text)? };
    Ok(Plain { text, warning })
}

/// A remark from its code and text.
pub(crate) fn remark(code: &'static str, text: impl Into<String>) -> Remark {
    Remark { code, text: text.into() }
}

pub(crate) fn too_long() -> Remark {
    remark("too_long", "This is longer than 64 KiB. Paste only the value itself.")
}

/// Looks for the common mix-ups of a field.
pub(crate) fn rejected(field: &Field, text: &str) -> Result<(), Remark> {
    match field.reject.iter().find(|r| r.pattern.fits(text)) {
        Some(found) => Err(remark("reject", found.hint.clone())),
        None => Ok(()),
    }
}

/// Holds a value to the pattern of its field: an error, or a warning where the pattern is soft.
pub(crate) fn shaped(field: &Field, text: &str) -> Result<Option<Remark>, Remark> {
    rejected(field, text)?;
    let fits = field.pattern.as_ref().is_none_or(|p| p.fits(text));
    if fits {
        return Ok(None);
    }
    let hint = field.pattern_hint.as_deref();
    if field.pattern_soft {
        let text = hint.map_or_else(
            || format!("This does not look like a usual {}. Check it once more.", field.label),
            |hint| format!("This does not look usual: {hint}"),
        );
        return Ok(Some(remark("pattern", text)));
    }
    let example = field.placeholder.as_deref().filter(|_| !field.kind.is_secret());
    let text = match (hint, example) {
        (Some(hint), _) => hint.to_owned(),
        (None, Some(example)) => format!("This does not look like a {}. It looks like {example}", field.label),
        (None, None) => format!("This does not look like a {}. Copy it once more, all of it.", field.label),
    };
    Err(remark("pattern", text))
}

/// The text after the clean-ups of a field, without white space around it.
pub(crate) fn normalised(field: &Field, typed: &str) -> Zeroizing<String> {
    let start = Zeroizing::new(typed.trim().to_owned());
    field.normalise.iter().fold(start, |text, step| Zeroizing::new(cleaned(field, &text, step)))
}

fn cleaned(field: &Field, text: &str, step: &Normalise) -> String {
    match step {
        Normalise::Trim => text.trim().to_owned(),
        Normalise::Lower => text.to_lowercase(),
        Normalise::Upper => text.to_uppercase(),
        Normalise::StripSpaces => text.chars().filter(|c| !c.is_whitespace()).collect(),
        Normalise::StripScheme => {
            let lower = Zeroizing::new(text.to_ascii_lowercase());
            let cut = ["https://", "http://"].iter().find(|s| lower.starts_with(**s)).map_or(0, |s| s.len());
            text[cut..].to_owned()
        }
        Normalise::StripSlash => text.trim_end_matches('/').to_owned(),
        Normalise::StripSuffix(written) => cut_suffix(text, written.as_ref().or(field.suffix.as_ref())).to_owned(),
        Normalise::StripPrefix(written) => {
            let start = written.as_ref().or(field.prefix.as_ref());
            start.and_then(|start| text.strip_prefix(start.as_str())).unwrap_or(text).to_owned()
        }
        Normalise::StripPath => text.split('/').next().unwrap_or_default().to_owned(),
    }
}

/// Cuts a suffix and the path that a person pasted along with it (`shop.example.com/admin`).
fn cut_suffix<'t>(text: &'t str, suffix: Option<&String>) -> &'t str {
    let Some(suffix) = suffix.filter(|s| !s.is_empty()) else { return text };
    match text.find(suffix.as_str()) {
        Some(at) => {
            let rest = &text[at + suffix.len()..];
            let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
            if ends { &text[..at] } else { text }
        }
        None => text,
    }
}

fn canonical(field: &Field, text: &str) -> Result<String, Remark> {
    match field.kind {
        FieldKind::Number => number(field, text),
        FieldKind::Switch => switch(text),
        FieldKind::Select => match field.options.iter().any(|o| o.value.as_str() == text) {
            true => Ok(text.to_owned()),
            false => Err(remark("not_an_option", "Choose one of the options.")),
        },
        FieldKind::Host => host::host(text).map_err(|why| remark("bad_host", why)),
        FieldKind::Url => host::address(text).map_err(|why| remark("bad_url", why)),
        FieldKind::Email => host::email(text).map_err(|why| remark("bad_email", why)),
        _ => Ok(text.to_owned()),
    }
}

fn number(field: &Field, text: &str) -> Result<String, Remark> {
    let Ok(number) = text.parse::<i64>() else { return Err(remark("not_a_number", "Enter a whole number.")) };
    let low = field.min.is_some_and(|min| number < min);
    let high = field.max.is_some_and(|max| number > max);
    if low || high {
        let text = match (field.min, field.max) {
            (Some(min), Some(max)) => format!("Enter a number from {min} to {max}."),
            (Some(min), None) => format!("Enter {min} or more."),
            (_, max) => format!("Enter {} or less.", max.unwrap_or(i64::MAX)),
        };
        return Err(remark("out_of_range", text));
    }
    Ok(number.to_string())
}

fn switch(text: &str) -> Result<String, Remark> {
    match text {
        "on" | "true" | "1" => Ok("true".to_owned()),
        "" | "off" | "false" | "0" => Ok("false".to_owned()),
        _ => Err(remark("not_an_option", "Switch it on or off.")),
    }
}

/// What a value must look like because of where it is put.
pub(crate) fn format(field: &Field, text: &str) -> Result<(), Remark> {
    match field.format {
        None => Ok(()),
        Some(Format::HeaderName) => {
            header::may_be_sent(text).map_err(|why| remark("header_name", sentence(&why.to_string())))
        }
        Some(Format::HeaderValue) => match text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            true => Ok(()),
            false => Err(remark("header_value", "A header can hold only plain letters, digits and signs (ASCII).")),
        },
        Some(Format::QueryName) => {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[]~".contains(&b);
            match text.len() <= 100 && text.bytes().all(plain) {
                true => Ok(()),
                false => Err(remark("query_name", "A parameter name has letters, digits, hyphens, dots and _ only.")),
            }
        }
        Some(Format::Path) => path(text),
    }
}

fn path(text: &str) -> Result<(), Remark> {
    let rooted = text.starts_with('/') && !text.starts_with("//");
    let plain = text.bytes().all(|b| (0x21..0x7f).contains(&b) && !b"\\#\"<>^`{|}".contains(&b));
    match rooted && plain && !has_dot_segment(text) {
        true => Ok(()),
        false => Err(remark("path", "Enter a path that starts with one /, without spaces, # and dots that climb.")),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).chain(std::iter::once('.')).collect()).unwrap_or_default()
}
