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
#[template(path = "mail/test.txt", whitespace = "preserve")]
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

/// Asks whether a credential can send.
#[derive(Template)]
#[template(path = "mail/credential_test.txt", whitespace = "preserve")]
struct CredentialTest<'a> {
    workspace: &'a str,
    by: &'a str,
    credential: &'a str,
}

/// The mail that somebody sends to themselves with a credential.
///
/// # Errors
/// A fault of ours.
pub fn credential_test(workspace: &str, by: &str, credential: &str) -> Result<Letter> {
    letter(format!("“{credential}” can send mail"), &CredentialTest { workspace, by, credential })
}

/// A token that ends soon.
#[derive(Debug, Clone)]
pub struct TokenEnd {
    /// What people call it.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// Its bot; none for one that manages the workspace.
    pub of: Option<String>,
    /// When it ends, in words.
    pub ends: String,
    /// Where it can be rotated.
    pub link: String,
}

/// Tells an admin of tokens that end soon.
#[derive(Template)]
#[template(path = "mail/token_ends.txt", whitespace = "preserve")]
struct TokenEnds<'a> {
    workspace: &'a str,
    name: &'a str,
    tokens: &'a [TokenEnd],
}

/// The mail to an admin about tokens that end soon.
///
/// # Errors
/// A fault of ours.
pub fn token_ends(workspace: &str, name: &str, tokens: &[TokenEnd]) -> Result<Letter> {
    let subject = match tokens {
        [token] => format!("The token “{}” ends soon", token.name),
        tokens => format!("{} tokens end soon", tokens.len()),
    };
    letter(subject, &TokenEnds { workspace, name, tokens })
}

/// Asks somebody into a workspace.
#[derive(Template)]
#[template(path = "mail/invitation.txt", whitespace = "preserve")]
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

/// Lets somebody choose a new password.
#[derive(Template)]
#[template(path = "mail/reset.txt", whitespace = "preserve")]
struct Reset<'a> {
    link: &'a str,
}

/// The mail with the link for a new password.
///
/// # Errors
/// A fault of ours.
pub fn reset(link: &str) -> Result<Letter> {
    letter("Choose a new password for Credenza", &Reset { link })
}

/// Tells somebody what happened to their account.
#[derive(Template)]
#[template(path = "mail/notice.txt", whitespace = "preserve")]
struct Notice<'a> {
    name: &'a str,
    what: &'a str,
    address: &'a str,
}

/// The notice that a password was changed, from this address.
///
/// # Errors
/// A fault of ours.
pub fn password_changed(name: &str, address: &str) -> Result<Letter> {
    letter("Your password for Credenza was changed", &Notice { name, what: "your password was changed", address })
}

/// The notice that second factors were changed, and how.
///
/// # Errors
/// A fault of ours.
pub fn second_factor_changed(name: &str, what: &str, address: &str) -> Result<Letter> {
    letter("How you sign in to Credenza was changed", &Notice { name, what, address })
}

/// Tells somebody of a browser that was not seen before.
#[derive(Template)]
#[template(path = "mail/new_device.txt", whitespace = "preserve")]
struct NewDevice<'a> {
    name: &'a str,
    at: &'a str,
    address: &'a str,
    agent: &'a str,
    base: &'a str,
}

/// The notice of a sign-in with a new browser.
///
/// # Errors
/// A fault of ours.
pub fn new_device(name: &str, at: &str, address: &str, agent: &str, base: &str) -> Result<Letter> {
    let base = base.trim_end_matches('/');
    letter("New sign-in to Credenza", &NewDevice { name, at, address, agent, base })
}

/// Tells an admin what another one did.
#[derive(Template)]
#[template(path = "mail/alert.txt", whitespace = "preserve")]
struct Alert<'a> {
    workspace: &'a str,
    by: &'a str,
    what: &'a str,
    address: &'a str,
}

/// The mail to an admin about a risky act of another one: who, and what they did, as it goes on after their name.
///
/// # Errors
/// A fault of ours.
pub fn alert(workspace: &str, by: &str, what: &str, address: &str) -> Result<Letter> {
    letter(format!("A risky change in {workspace}"), &Alert { workspace, by, what, address })
}

/// Asks whether an address belongs to whoever wants it.
#[derive(Template)]
#[template(path = "mail/email_confirmation.txt", whitespace = "preserve")]
struct EmailConfirmation<'a> {
    name: &'a str,
    link: &'a str,
}

/// The mail with the link that makes a new address count.
///
/// # Errors
/// A fault of ours.
pub fn email_confirmation(name: &str, link: &str) -> Result<Letter> {
    letter("Confirm your new address for Credenza", &EmailConfirmation { name, link })
}

/// Tells the old address of a new one.
#[derive(Template)]
#[template(path = "mail/email_notice.txt", whitespace = "preserve")]
struct EmailNotice<'a> {
    name: &'a str,
    email: &'a str,
    done: bool,
}

/// The notice to the old address that another one was asked for.
///
/// # Errors
/// A fault of ours.
pub fn email_asked(name: &str, email: &str) -> Result<Letter> {
    letter("Another address was asked for at Credenza", &EmailNotice { name, email, done: false })
}

/// The notice to the old address that another one counts.
///
/// # Errors
/// A fault of ours.
pub fn email_changed(name: &str, email: &str) -> Result<Letter> {
    letter("Your address for Credenza was changed", &EmailNotice { name, email, done: true })
}
