//! What mails say: a subject and a text for each occasion, drawn from `templates/mail`.

use crate::error::{Error, Result};
use askama::Template;

/// A mail's subject and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: String,
    /// The text, in lines.
    pub text: String,
}

fn letter(subject: impl Into<String>, template: &impl Template) -> Result<Letter> {
    let text = template.render().map_err(Error::internal)?;
    Ok(Letter { subject: subject.into(), text: text.trim_start().to_owned() })
}

/// Asks whether mails arrive.
#[derive(Template)]
#[template(path = "mail/test.txt")]
struct Test<'a> {
    workspace: &'a str,
    by: &'a str,
}

/// The mail that somebody sends to themselves.
///
/// # Errors
/// A fault of ours.
pub fn test(workspace: &str, by: &str) -> Result<Letter> {
    letter("Mail from Credenza works", &Test { workspace, by })
}

/// Asks somebody into a workspace.
#[derive(Template)]
#[template(path = "mail/invitation.txt")]
struct Invitation<'a> {
    workspace: &'a str,
    by: &'a str,
    by_email: &'a str,
    link: &'a str,
}

/// The mail with the link of an invitation.
///
/// # Errors
/// A fault of ours.
pub fn invitation(workspace: &str, by: &str, by_email: &str, link: &str) -> Result<Letter> {
    letter(format!("{by} invites you to {workspace} on Credenza"), &Invitation { workspace, by, by_email, link })
}
