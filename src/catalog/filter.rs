//! The closed list of filters that a template may apply to a value.

use crate::catalog::template::TemplateError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One filter of a template, such as the `lower` of `{shop|lower}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Base64 with padding (RFC 4648 §4).
    B64,
    /// Without white space around it.
    Trim,
    /// Lower case.
    Lower,
    /// The host of an address; empty when it is none.
    Host,
    /// What stands behind the last X; empty without X.
    AfterLast(String),
    /// What stands before the first X; all of it without X.
    BeforeFirst(String),
}

impl Filter {
    /// Parses `trim` or `after_last:-`; fails on anything outside the list.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let bare = text.trim();
        match bare.split_once(':') {
            None => match bare {
                "b64" => Ok(Self::B64),
                "trim" => Ok(Self::Trim),
                "lower" => Ok(Self::Lower),
                "host" => Ok(Self::Host),
                _ => Err(TemplateError::Filter(bare.to_owned())),
            },
            Some(("after_last", x)) if !x.is_empty() => Ok(Self::AfterLast(x.to_owned())),
            Some(("before_first", x)) if !x.is_empty() => Ok(Self::BeforeFirst(x.to_owned())),
            Some(_) => Err(TemplateError::Filter(bare.to_owned())),
        }
    }

    /// The value after this filter.
    pub fn apply(&self, value: Zeroizing<String>) -> Zeroizing<String> {
        if value.is_empty() {
            return value;
        }
        Zeroizing::new(match self {
            Self::B64 => STANDARD.encode(value.as_bytes()),
            Self::Trim => value.trim().to_owned(),
            Self::Lower => value.to_lowercase(),
            Self::Host => host_of(&value),
            Self::AfterLast(x) => value.rsplit_once(x.as_str()).map(|(_, tail)| tail.to_owned()).unwrap_or_default(),
            Self::BeforeFirst(x) => {
                value.split_once(x.as_str()).map_or_else(|| value.as_str().to_owned(), |(head, _)| head.to_owned())
            }
        })
    }
}

fn host_of(value: &str) -> String {
    url::Url::parse(value).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}
