//! The people of a workspace: the list, one of them, invitations, going.

use super::form::{Proof, TextBox};
use super::shell::{Link, Shell};
use super::status::Tile;
use super::time::When;
use askama::Template;

/// Roles as forms offer them: value, word, what it may.
pub const ROLES: [(&str, &str, &str); 3] = [
    ("admin", "Admin", "manages credentials, people and settings"),
    ("member", "Member", "sees names, services and statuses"),
    ("support", "Support", "sees statuses, check steps and history, and changes nothing"),
];

/// `GET …/members`.
#[derive(Debug, Clone, Template)]
#[template(path = "people/members.html")]
pub struct Members {
    /// The frame.
    pub shell: Shell,
    /// How many there are.
    pub total: i64,
    /// Whether the person manages them.
    pub manages: bool,
    /// The people, by address.
    pub rows: Vec<MemberRow>,
    /// Where the workspace's pages begin.
    pub root: String,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// Somebody.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Their role, in words.
    pub role: &'static str,
    /// Whether they have a second factor, for whoever manages them.
    pub second_factor: Option<bool>,
    /// Whether it is the person who looks.
    pub own: bool,
    /// Whether the operator disabled them.
    pub disabled: bool,
    /// Since when they belong to the workspace.
    pub since: When,
    /// When that ends by itself.
    pub until: Option<When>,
    /// The page of this member, for whoever manages them.
    pub href: Option<String>,
}

/// `GET …/members/{member}`, and the 409 and 422 of its POST (`role step_down current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "people/member.html")]
pub struct MemberPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Who.
    pub member: MemberRow,
    /// `role`.
    pub role: TextBox,
    /// Whether `step_down` is chosen.
    pub steps_down: bool,
    /// Whether `step_down` is offered: the other becomes admin, the person a member.
    pub may_step_down: bool,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// `GET …/members/{member}/removal`, and the 409 and 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "people/removal.html")]
pub struct Removal {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the member.
    pub href: String,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// Whether it is the person who looks.
    pub own: bool,
    /// What they leave behind.
    pub left: LeftBehind,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// Why it was not done.
    pub refused: Option<String>,
}

/// `GET …/members/{member}/report`.
#[derive(Debug, Clone, Template)]
#[template(path = "people/report.html")]
pub struct Report {
    /// The frame.
    pub shell: Shell,
    /// Address of the list of members.
    pub base: String,
    /// Their name.
    pub name: String,
    /// Whether they are still in the workspace.
    pub is_member: bool,
    /// What they leave behind.
    pub left: LeftBehind,
}

/// What somebody made, and may still know.
#[derive(Debug, Clone, Default)]
pub struct LeftBehind {
    /// Credentials.
    pub rows: Vec<LeftRow>,
    /// Tokens that still work.
    pub tokens: Vec<LeftToken>,
}

/// A token to be replaced.
#[derive(Debug, Clone)]
pub struct LeftToken {
    /// Its name.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// Its bot and that bot's tokens; none for one that manages the workspace.
    pub bot: Option<Link>,
    /// The page that makes another in its place.
    pub rotate: String,
    /// When it ends.
    pub ends: When,
    /// When it was last used.
    pub used: Option<When>,
}

/// A credential to be rotated.
#[derive(Debug, Clone)]
pub struct LeftRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The service's picture.
    pub tile: Tile,
    /// The service's name.
    pub service: String,
    /// Its page.
    pub href: String,
    /// The page that takes a new secret.
    pub rotate: String,
    /// When it was last used.
    pub used: Option<When>,
}

/// `GET …/departure`, and the 409 and 422 of its POST (`confirm_name current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "people/departure.html")]
pub struct Departure {
    /// The frame.
    pub shell: Shell,
    /// Where the workspace's pages begin.
    pub root: String,
    /// The workspace's name.
    pub name: String,
    /// `confirm_name`.
    pub confirm: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// `GET …/invitations`, and the 409 and 422 of its POST (`email role current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "people/invitations.html")]
pub struct Invitations {
    /// The frame.
    pub shell: Shell,
    /// Where the workspace's pages begin.
    pub root: String,
    /// The page's own address.
    pub base: String,
    /// Whether mails are sent; otherwise the link is shown once.
    pub by_mail: bool,
    /// The link of the invitation that was just made, shown this once.
    pub link: Option<String>,
    /// `email`.
    pub email: TextBox,
    /// `role`.
    pub role: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// Those that are open, the latest first.
    pub rows: Vec<InvitationRow>,
}

/// An open invitation.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// Its id.
    pub id: String,
    /// The address.
    pub email: String,
    /// The role, in words.
    pub role: &'static str,
    /// Who asked.
    pub by: String,
    /// When.
    pub at: When,
    /// Until when the link works.
    pub until: When,
    /// Whether that is over.
    pub over: bool,
    /// `POST` here sends another link.
    pub again: String,
    /// `POST` here takes it back.
    pub withdraw: String,
}

/// Who has opened an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody new: a name and a password are asked for.
    New,
    /// Whom it was sent to, signed in.
    Known,
    /// Whom it was sent to, not signed in yet.
    SignsInFirst,
    /// Somebody who is signed in with this other address.
    SomebodyElse(String),
}

/// `GET /invitations/{token}`, and the 422 of its POST (`name password`).
#[derive(Debug, Clone, Template)]
#[template(path = "people/invited.html")]
pub struct Invited {
    /// The frame, without a person.
    pub shell: Shell,
    /// Where the form is sent.
    pub action: String,
    /// The workspace's name.
    pub workspace: String,
    /// The address it was sent to.
    pub email: String,
    /// The role, in words.
    pub role: &'static str,
    /// Who has opened it.
    pub visitor: Visitor,
    /// `name`.
    pub name: TextBox,
    /// What is wrong with `password`; its value is never drawn.
    pub password: TextBox,
    /// The least number of characters of a password.
    pub password_min: usize,
}
