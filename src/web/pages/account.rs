//! Own account.

use super::form::{Proof, TextBox};
use super::shell::{Link, Shell, Theme};
use super::time::When;
use askama::Template;

/// `GET /account` and the 422 of its POST (`name`, `theme`, `shortcuts=1`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/account.html")]
pub struct Account {
    /// The frame.
    pub shell: Shell,
    /// `name`.
    pub name: TextBox,
    /// The e-mail address.
    pub email: String,
    /// `theme`: `system`, `light` or `dark`.
    pub theme: Theme,
    /// `shortcuts`: whether single-key shortcuts are on.
    pub shortcuts: bool,
    /// The person's workspaces, each with the page where they leave it.
    pub workspaces: Vec<Link>,
}

/// `GET /account/password` and the 422 of its POST (`current_password password`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/password.html")]
pub struct PasswordPage {
    /// The frame.
    pub shell: Shell,
    /// `current_password`; its value is never drawn.
    pub current: TextBox,
    /// `password`; its value is never drawn.
    pub password: TextBox,
    /// The least number of characters of a password.
    pub password_min: usize,
}

/// `GET /account/email` and the 422 of its POST (`email current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/email.html")]
pub struct EmailPage {
    /// The frame.
    pub shell: Shell,
    /// The address of now.
    pub now: String,
    /// `email`.
    pub email: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// `GET /account/email/{token}`.
#[derive(Debug, Clone, Template)]
#[template(path = "account/email_confirmation.html")]
pub struct EmailConfirmation {
    /// The frame.
    pub shell: Shell,
    /// The address that the link was sent to.
    pub email: String,
    /// Where the button sends.
    pub action: String,
}

/// `GET /account/sessions` (`POST`: `end`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/sessions.html")]
pub struct Sessions {
    /// The frame.
    pub shell: Shell,
    /// The sessions, the latest first.
    pub rows: Vec<SessionRow>,
}

/// One place where somebody is signed in.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// What a form calls it.
    pub handle: String,
    /// Whether it is the one that looks.
    pub own: bool,
    /// Browser and system, in a few words.
    pub device: String,
    /// The client's whole description of itself.
    pub agent: String,
    /// The client's address.
    pub address: String,
    /// Since when.
    pub since: When,
    /// When it was last used.
    pub seen: When,
}

/// `GET /account/second-factor` and the 422 of its POST (`act code current_password`).
#[derive(Clone, Template)]
#[template(path = "account/second_factor.html")]
pub struct SecondFactorPage {
    /// The frame.
    pub shell: Shell,
    /// Whether an authenticator app is on.
    pub app: bool,
    /// How many passkeys there are.
    pub passkeys: i64,
    /// How many recovery codes are left.
    pub left: i64,
    /// The workspaces that ask for a second factor.
    pub asked_by: Vec<String>,
    /// The app that is being set up.
    pub pending: Option<Pending>,
    /// What is wrong with `code`; its value is never drawn.
    pub code: TextBox,
    /// New recovery codes, shown this once.
    pub codes: Vec<String>,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// An authenticator app that waits for its first code. Not `Debug`: it holds the seed.
#[derive(Clone)]
pub struct Pending {
    /// Width and height of the QR code, in modules.
    pub width: usize,
    /// Its dark modules, as a path.
    pub path: String,
    /// The seed, to be typed.
    pub typed: String,
}

/// `GET /account/passkeys` and the 422 of its POST (`name credential remove rename current_password`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/passkeys.html")]
pub struct PasskeysPage {
    /// The frame.
    pub shell: Shell,
    /// Whether browsers have passkeys at this address.
    pub possible: bool,
    /// `name` of a new one.
    pub name: TextBox,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// The passkeys, the oldest first.
    pub rows: Vec<PasskeyRow>,
}

/// One passkey.
#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// Its id.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// `name` of the form that renames it.
    pub rename: TextBox,
    /// When it was made.
    pub made: When,
    /// When it was last used.
    pub used: Option<When>,
}
