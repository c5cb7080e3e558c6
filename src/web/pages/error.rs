//! Error pages: what happened, why it may be, the next step.

use super::shell::{Link, Shell};
use askama::Template;

/// An error as a page.
#[derive(Debug, Clone, Template)]
#[template(path = "errors/error.html")]
pub struct ErrorPage {
    /// The frame; without a person a single card.
    pub shell: Shell,
    /// The HTTP status.
    pub status: u16,
    /// A stable code, drawn as `data-code`.
    pub code: String,
    /// What happened.
    pub title: String,
    /// Why it may be and what to do.
    pub text: String,
    /// Where to go from here.
    pub next: Vec<Link>,
    /// The id under which the log knows it.
    pub incident: Option<String>,
}

impl ErrorPage {
    /// The page for `status` in its usual words; statuses without words of their own read as 500.
    pub fn of(mut shell: Shell, status: u16) -> Self {
        let (code, title, text) = words(status);
        shell.title = title.to_owned();
        let root = shell.root();
        let next = match (root.is_empty(), shell.person.is_some()) {
            (false, _) => Link { label: "Back to the credentials".to_owned(), href: format!("{root}/credentials") },
            (true, false) if status == 401 => Link { label: "Sign in".to_owned(), href: "/sign-in".to_owned() },
            (true, _) => Link { label: "Back to the start".to_owned(), href: "/".to_owned() },
        };
        Self {
            shell,
            status,
            code: code.to_owned(),
            title: title.to_owned(),
            text: text.to_owned(),
            next: vec![next],
            incident: None,
        }
    }

    /// The page for `status` with what an error says of itself, where that is more than the usual words.
    pub fn told(shell: Shell, status: u16, text: &str, incident: Option<String>) -> Self {
        let mut page = Self::of(shell, status);
        match status {
            400 | 409 | 422 | 429 => text.clone_into(&mut page.text),
            403 => {
                page.text =
                    format!("{text} Ask an administrator of the workspace, or go back and use the page's own buttons.")
            }
            _ => {}
        }
        Self { incident, ..page }
    }
}

/// The code, the title and the text of a status.
fn words(status: u16) -> (&'static str, &'static str, &'static str) {
    match status {
        400 => (
            "malformed",
            "This request could not be read",
            "A part of the address or the form is missing or not in the expected shape. Go back, reload the page and try again.",
        ),
        401 => ("signed_out", "You are signed out", "Your session has ended. Sign in to go on."),
        403 => (
            "forbidden",
            "You may not do this",
            "Your role in this workspace does not allow it, or the request came from another site. Ask an administrator of the workspace, or go back and use the page's own buttons.",
        ),
        404 => (
            "not_found",
            "There is nothing here",
            "The page does not exist, was deleted, or belongs to a workspace that you are not in. Check the address, or look for it in the list.",
        ),
        405 => (
            "method_not_allowed",
            "This address does not work that way",
            "The page exists, but not for this kind of request. Open it from the list instead.",
        ),
        408 => (
            "too_slow",
            "That came too slowly",
            "What was sent did not arrive in time. Check the connection and send it again.",
        ),
        409 => (
            "conflict",
            "Someone was faster",
            "This was changed since you opened it. Reload the page to see what it is now, then repeat your change.",
        ),
        413 => (
            "too_large",
            "That is too much at once",
            "What you sent is larger than a form may be. Shorten it and try again.",
        ),
        415 => (
            "unsupported_type",
            "This kind of content is not understood",
            "A form was expected. Send it from the page, or as application/x-www-form-urlencoded.",
        ),
        422 => {
            ("invalid", "Something in the form is not right", "Go back, check what you filled in and send it again.")
        }
        429 => (
            "too_many",
            "Too many attempts",
            "To protect accounts and services, this is slowed down. Wait a few minutes and try again.",
        ),
        431 => (
            "head_too_large",
            "The address of this page is too long",
            "The address and the headers of the request are larger than a page needs. Shorten the address, or remove the cookies of this site and sign in again.",
        ),
        503 => (
            "unavailable",
            "Not available right now",
            "The database or a key cannot be reached. Nothing was changed. Try again in a minute; if it stays, tell whoever runs this server.",
        ),
        _ => (
            "internal",
            "Something went wrong on our side",
            "Nothing you typed was the cause. Try again; if it happens once more, give the number below to whoever runs this server.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorPage;
    use crate::web::pages::shell::Shell;
    use askama::Template;

    #[test]
    fn every_status_has_its_own_words() {
        let all = [400, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503];
        let titles: std::collections::BTreeSet<_> =
            all.iter().map(|s| ErrorPage::of(Shell::default(), *s).title).collect();
        assert_eq!(titles.len(), all.len());
    }

    #[test]
    fn an_error_is_told_where_it_knows_more() {
        let text = |status| ErrorPage::told(Shell::default(), status, "The port is no number.", None).text;
        assert_eq!(text(400), "The port is no number.");
        assert!(text(403).starts_with("The port is no number. Ask"));
        assert!(!text(404).contains("port") && !text(500).contains("port"));
    }

    #[test]
    fn the_incident_is_drawn_escaped() {
        let page = ErrorPage { incident: Some("<b>1</b>".to_owned()), ..ErrorPage::of(Shell::default(), 500) };
        let html = page.render().unwrap();
        assert!(html.contains("&#60;b&#62;1"), "{html}");
    }
}
