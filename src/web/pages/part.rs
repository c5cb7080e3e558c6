//! Parts of pages that are templates of their own: each is compiled once, and not into every page that shows it.

use super::shell::Shell;
use crate::catalog::form::FieldView;
use askama::Template;
use askama::filters::HtmlSafe;

/// Declares parts of the frame, each drawn from the frame alone.
macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident $method:ident $path:literal)*) => {
        $(
            $(#[$doc])*
            #[derive(Template)]
            #[template(path = $path)]
            pub struct $part<'a> {
                shell: &'a Shell,
            }

            impl HtmlSafe for $part<'_> {}
        )*

        impl Shell {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> $part<'_> {
                    $part { shell: self }
                }
            )*
        }
    };
}

parts! {
    /// What a browser must know before it draws: title, style sheet, scripts.
    Head head "layout/_head.html"
    /// The bar with the workspace's places and the person's own.
    Side side "layout/_side.html"
    /// What stands above the content: a full disk, support that may look in, the result of the last act.
    Notes notes "layout/_notes.html"
    /// The window of help.
    Help help "layout/_help.html"
    /// The line that says that this is a demo.
    DemoNote demo_note "layout/_demo.html"
    /// Whom to ask, for pages without a person.
    Contact contact "layout/_contact.html"
}

/// A field of the catalogue.
#[derive(Template)]
#[template(path = "credentials/_field.html")]
pub struct Field<'a> {
    f: &'a FieldView,
}

impl HtmlSafe for Field<'_> {}

impl FieldView {
    /// Its boxes, with label, help and remarks.
    pub fn drawn(&self) -> Field<'_> {
        Field { f: self }
    }
}
