//! The pages that change or try what bots get: replacement, suspension, a test mail, and what waits beside the version
//! in use.

use super::form::{Banner, TextBox};
use super::shell::Shell;
use super::status::StepsView;
use super::time::When;
use super::used::Used;
use askama::Template;

/// What waits beside the version in use, or is kept behind it.
#[derive(Debug, Clone)]
pub struct Staging {
    /// Address of the credential.
    pub href: String,
    /// `revision`.
    pub revision: i64,
    /// The number of the version in use.
    pub live: i64,
    /// A staged version, and when it serves if that is set.
    pub staged: Option<(i64, Option<When>)>,
    /// The version to go back to, and until when.
    pub kept: Option<(i64, When)>,
}

/// `GET …/{id}/replacement`, and the 422 and 409 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/replacement.html")]
pub struct Replacement {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its name.
    pub name: String,
    /// The service: id and name.
    pub service: (String, String),
    /// `revision`.
    pub revision: i64,
    /// `target`: value, text, whether chosen.
    pub choices: Vec<(String, String, bool)>,
    /// `which`: only the marked blocks instead of all.
    pub only_marked: bool,
    /// The ids of the marked blocks.
    pub marked: Vec<String>,
    /// Who uses it.
    pub used: Used,
    /// Why nothing was moved.
    pub refused: Option<String>,
}

impl Replacement {
    /// Whether a block is marked.
    pub fn is_marked(&self, block: &str) -> bool {
        self.marked.iter().any(|id| id == block)
    }
}

/// `GET …/{id}/suspension`, and the 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/suspension.html")]
pub struct Suspension {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Since when it is off, and until when if that is set.
    pub off: Option<(When, Option<When>)>,
    /// Bots that were denied since: name, when last, how often in all.
    pub denied: Vec<(String, When, i64)>,
    /// Who uses it.
    pub used: Used,
    /// Why nothing was done.
    pub refused: Option<String>,
}

/// `GET …/{id}/test-mail`, and the 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/test_mail.html")]
pub struct TestMailPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its name.
    pub name: String,
    /// The person's own address, where it goes.
    pub to: String,
    /// `from`.
    pub from: TextBox,
    /// Whether the credential is switched off: then nothing is sent.
    pub off: bool,
    /// Why it was not sent.
    pub banner: Option<Banner>,
    /// What was tried.
    pub report: Option<StepsView>,
}
