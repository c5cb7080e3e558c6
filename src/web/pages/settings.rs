//! The settings of a workspace, and the workspaces open to a support person.

use super::form::{Proof, TextBox};
use super::list::Pick;
use super::shell::Shell;
use super::time::When;
use askama::Template;

/// `GET …/settings`, and the 409 and 422 of its forms.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/edit.html")]
pub struct SettingsPage {
    /// The frame.
    pub shell: Shell,
    /// The page's address.
    pub base: String,
    /// Address of the tokens that manage the workspace.
    pub tokens: String,
    /// The workspace's part of addresses, which never changes.
    pub slug: String,
    /// `state`: the name and policies that the form was drawn from; empty where the form came without.
    pub state: String,
    /// Somebody changed the settings meanwhile: what to say of it.
    pub stale: Option<String>,
    /// `name`.
    pub name: TextBox,
    /// `second_factor`: whether admins and support need one.
    pub second_factor: bool,
    /// The policies that are numbers.
    pub numbers: Vec<NumberBox>,
    /// `current_password` of the policies, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// Who may look in as support.
    pub open: Vec<AccessRow>,
    /// The form that lets somebody in.
    pub grant: Grant,
    /// Where the workspace's pages begin.
    pub root: String,
    /// How its mails leave.
    pub mail: MailState,
}

/// A policy that is a number.
#[derive(Debug, Clone)]
pub struct NumberBox {
    /// The name of its field.
    pub field: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What is in it.
    pub entry: TextBox,
    /// What it does.
    pub help: &'static str,
}

impl NumberBox {
    /// A policy with what was typed.
    pub fn new(field: &'static str, label: &'static str, entry: TextBox, help: &'static str) -> Self {
        Self { field, label, entry, help }
    }
}

/// Somebody who may look in.
#[derive(Debug, Clone)]
pub struct AccessRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Why; may be empty.
    pub reason: String,
    /// Until when; none without an end.
    pub until: Option<When>,
}

/// The form that lets somebody in: `email reason hours`.
#[derive(Debug, Clone)]
pub struct Grant {
    /// `email`; carries what is wrong with the form.
    pub email: TextBox,
    /// `reason`.
    pub reason: TextBox,
    /// `hours`.
    pub hours: String,
    /// `current_password`, asked for when the sign-in is old.
    pub asked: Option<Proof>,
}

impl Default for Grant {
    fn default() -> Self {
        Self { email: TextBox::default(), reason: TextBox::default(), hours: "8".to_owned(), asked: None }
    }
}

/// Choices of `hours`.
pub const HOURS: [(&str, &str); 6] =
    [("1", "1 hour"), ("4", "4 hours"), ("8", "8 hours"), ("24", "1 day"), ("72", "3 days"), ("168", "7 days")];

/// `GET /support`.
#[derive(Debug, Clone, Template)]
#[template(path = "settings/open.html")]
pub struct OpenTo {
    /// The frame.
    pub shell: Shell,
    /// The workspaces.
    pub rows: Vec<OpenRow>,
}

/// A workspace that is open to a support person.
#[derive(Debug, Clone)]
pub struct OpenRow {
    /// Where it begins.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Why it was opened; may be empty.
    pub reason: String,
    /// Until when; none without an end.
    pub until: Option<When>,
}

/// How the console's mails leave, for the settings.
#[derive(Debug, Clone)]
pub struct MailState {
    /// The folder in which mails are kept where there is no mail server.
    pub kept_in: Option<String>,
    /// Mails of this workspace that wait for their first attempt.
    pub waiting: i64,
    /// Those that are tried again.
    pub stuck: i64,
    /// Those that are not tried any more.
    pub failed: i64,
}

/// `GET …/settings/deletion`, and the 409 and 422 of its POST (`confirm_name current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "settings/deletion.html")]
pub struct Deletion {
    /// The frame.
    pub shell: Shell,
    /// Where the workspace's pages begin.
    pub root: String,
    /// Its name.
    pub name: String,
    /// Published bots that end with it, by name.
    pub published: Vec<String>,
    /// How many more there are.
    pub more: i64,
    /// Tokens that end with it.
    pub tokens: i64,
    /// Credentials that end with it.
    pub credentials: i64,
    /// People in it.
    pub people: i64,
    /// `confirm_name`.
    pub confirm: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// `GET …/settings/transfer`, and the 409 and 422 of its POST (`member current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "settings/transfer.html")]
pub struct Transfer {
    /// The frame.
    pub shell: Shell,
    /// Where the workspace's pages begin.
    pub root: String,
    /// Its name.
    pub name: String,
    /// Who may take over; nobody where there is nobody else.
    pub people: Vec<Pick>,
    /// `member`; carries what is wrong with it.
    pub member: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}
