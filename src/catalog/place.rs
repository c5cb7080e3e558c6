//! The places a template is rendered for, and what each does to the values put into it.

use crate::catalog::header;
use crate::catalog::template::RenderError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As [`VALUE`], for a value that is itself a path with a query: delimiters and escapes stay.
const WHOLE_PATH: &AsciiSet = &VALUE
    .remove(b'/')
    .remove(b'?')
    .remove(b'&')
    .remove(b'=')
    .remove(b'%')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';');

/// Where a rendered template goes; it decides how values are escaped or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A path of an address: percent-encoded, slashes too.
    Path,
    /// The name or value of a query parameter inside an address: percent-encoded.
    Query,
    /// One label of a host name in front of a fixed suffix.
    HostLabel,
    /// A whole host; only for fields that the loader lets supply one.
    WholeHost,
    /// The name of a header: an RFC 9110 token that is not reserved.
    HeaderName,
    /// The value of a header: no control characters.
    Header,
    /// The value of a cookie: RFC 6265 octets.
    Cookie,
    /// A value that is encoded later as a whole: form, JSON, SMTP argument. Taken as it is.
    Raw,
    /// A sentence for a person: control characters become spaces.
    Text,
}

impl Place {
    /// Whether an empty value breaks the whole.
    pub(crate) fn needs_all(self) -> bool {
        matches!(self, Self::Path | Self::HostLabel | Self::WholeHost)
    }

    /// Appends `value` as this place wants it; `name` is for the error.
    pub(crate) fn escape(self, value: &str, path: bool, name: &str, out: &mut String) -> Result<(), RenderError> {
        match self {
            Self::Path if path => out.extend(utf8_percent_encode(value, WHOLE_PATH)),
            Self::Path | Self::Query => out.extend(utf8_percent_encode(value, VALUE)),
            Self::HostLabel if is_label(value) => out.push_str(&value.to_ascii_lowercase()),
            Self::HostLabel => return Err(RenderError::NotALabel(name.to_owned())),
            Self::WholeHost => {
                let host = url::Host::parse(value).map_err(|_| RenderError::NotAHost(name.to_owned()))?;
                out.push_str(&host.to_string());
            }
            Self::Header | Self::HeaderName if value.chars().any(char::is_control) => {
                return Err(RenderError::ControlCharacter(name.to_owned()));
            }
            Self::Cookie if !value.bytes().all(is_cookie_octet) => {
                return Err(RenderError::ControlCharacter(name.to_owned()));
            }
            Self::Header | Self::HeaderName | Self::Cookie | Self::Raw => out.push_str(value),
            Self::Text => out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c })),
        }
        Ok(())
    }

    /// Judges the finished text; `template` is for the error.
    pub(crate) fn judge_whole(self, text: &str, template: &str) -> Result<(), RenderError> {
        match self {
            Self::HeaderName if header::may_be_sent(text).is_err() => Err(RenderError::BadName(template.to_owned())),
            Self::Path if has_dot_segment(text) => Err(RenderError::BadAddress),
            _ => Ok(()),
        }
    }
}

/// Whether a text is one label of a host name (RFC 1123 §2.1): letters, digits, inner hyphens, at most 63.
pub fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether a path climbs: `.` and `..`, also written with `%2e`, would be resolved away by a client.
pub fn has_dot_segment(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    path.split(['/', '\\']).any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

/// RFC 6265 §4.1.1, `cookie-octet`.
fn is_cookie_octet(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
