//! What became of the console's own mails.

use super::shell::{Shell, Tone};
use super::time::When;
use askama::Template;

/// `GET …/mail`.
#[derive(Debug, Clone, Template)]
#[template(path = "people/mail.html")]
pub struct Mails {
    /// The frame.
    pub shell: Shell,
    /// The page's own address, which `POST` sends a test mail to.
    pub base: String,
    /// The folder where mails are kept, if there is no mail server.
    pub kept_in: Option<String>,
    /// The mails, newest first.
    pub rows: Vec<MailRow>,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// One mail.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Its id.
    pub id: String,
    /// What it is about, in words.
    pub about: &'static str,
    /// The address it goes to.
    pub to: String,
    /// What became of it, in a word or two.
    pub state: &'static str,
    /// The colour of that.
    pub tone: Tone,
    /// What went wrong the last time; empty if nothing did.
    pub problem: String,
    /// When it was promised.
    pub at: When,
    /// When it is tried next, while it waits after a failure.
    pub next: Option<When>,
    /// `POST` here tries it again, where that is of use.
    pub again: Option<String>,
}
