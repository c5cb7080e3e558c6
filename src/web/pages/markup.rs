//! Texts as HTML has them, made once and written often.

use askama::filters::{Html, HtmlSafe, escape};
use askama::{FastWritable, Values};
use std::borrow::Cow;
use std::fmt;

/// A text in which what HTML takes for markup has been escaped. A template writes it as it stands, so that a name
/// that a row of a list says five times is looked through once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup<'a>(Cow<'a, str>);

impl<'a> Markup<'a> {
    /// Escapes `text` where it has to be.
    pub fn of(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if !text.bytes().any(|byte| matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\'')) {
            return Self(text);
        }
        let Ok(escaped) = escape(text, Html);
        Self(Cow::Owned(escaped.to_string()))
    }
}

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FastWritable for Markup<'_> {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

impl HtmlSafe for Markup<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::Template;

    #[derive(Template)]
    #[template(source = "{{ ready }}|{{ raw }}", ext = "html")]
    struct Both<'a> {
        ready: Markup<'a>,
        raw: &'a str,
    }

    #[test]
    fn it_is_what_a_template_would_have_written() {
        for raw in ["Mail", "", "a<b>&\"c\"'d'", "<script>alert(1)</script>", "Größe & Preis", "&amp;"] {
            let drawn = Both { ready: Markup::of(raw), raw }.render().expect("a page");
            let (ready, plain) = drawn.split_once('|').expect("two parts");
            assert_eq!(ready, plain);
            assert_eq!(Markup::of(raw).to_string(), plain);
        }
    }

    #[test]
    fn a_text_without_markup_is_not_copied() {
        assert!(matches!(Markup::of("Mail"), Markup(Cow::Borrowed("Mail"))));
    }
}
