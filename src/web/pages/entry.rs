//! The ways in: first run and sign-in.

use super::form::{Proof, TextBox};
use super::shell::Shell;
use askama::Template;

/// `GET /setup?token=…` and the 422 of `POST /setup`.
#[derive(Debug, Clone, Template)]
#[template(path = "entry/setup.html")]
pub struct Setup {
    /// The frame, without a person.
    pub shell: Shell,
    /// `token`, from the address or typed; its remark marks a wrong one.
    pub token: TextBox,
    /// `workspace`.
    pub workspace: TextBox,
    /// `email`.
    pub email: TextBox,
    /// What is wrong with `password`; its value is never drawn.
    pub password: TextBox,
    /// The least number of characters of a password.
    pub password_min: usize,
}

/// `GET /sign-in` and the 422 or 429 of `POST /sign-in`.
#[derive(Debug, Clone, Template)]
#[template(path = "entry/sign_in.html")]
pub struct SignIn {
    /// The frame, without a person.
    pub shell: Shell,
    /// `email`.
    pub email: String,
    /// `next`: where to go afterwards; empty for the default.
    pub next: String,
    /// Whether browsers have passkeys at this address.
    pub passkeys: bool,
    /// Why the person is here or was refused.
    pub message: Option<Message>,
}

/// A message above a form.
#[derive(Debug, Clone)]
pub struct Message {
    /// Whether it tells of a refusal.
    pub bad: bool,
    /// A stable code, drawn as `data-code`.
    pub code: String,
    /// The sentence and the next step.
    pub text: String,
}

/// `GET /confirm?next=…` and the 422 of `POST /confirm`.
#[derive(Debug, Clone, Template)]
#[template(path = "entry/confirm.html")]
pub struct Confirm {
    /// The frame.
    pub shell: Shell,
    /// `next`: where to go afterwards; empty for the account.
    pub next: String,
    /// `current_password`.
    pub proof: Proof,
    /// Whether the last proof still counts, so that nothing need be confirmed.
    pub fresh: bool,
}

/// `GET /password/forgot` and the 422 of its POST (`email`).
#[derive(Debug, Clone, Template)]
#[template(path = "entry/forgot.html")]
pub struct Forgot {
    /// The frame, without a person.
    pub shell: Shell,
    /// `email`.
    pub email: TextBox,
}

/// `GET /password/reset/{token}` and the 422 of its POST (`password`).
#[derive(Debug, Clone, Template)]
#[template(path = "entry/reset.html")]
pub struct Reset {
    /// The frame, without a person.
    pub shell: Shell,
    /// Where the form is sent.
    pub action: String,
    /// Whose password it is.
    pub email: String,
    /// What is wrong with `password`; its value is never drawn.
    pub password: TextBox,
    /// The least number of characters of a password.
    pub password_min: usize,
}

/// `GET /sign-in/second-factor` and the 401 of its POST (`code`).
#[derive(Debug, Clone, Template)]
#[template(path = "entry/second_factor.html")]
pub struct SecondStep {
    /// The frame, without a person.
    pub shell: Shell,
    /// Whether the person has an authenticator app.
    pub app: bool,
    /// Whether they have recovery codes left.
    pub codes: bool,
    /// Whether they have passkeys.
    pub passkeys: bool,
    /// Why they were refused.
    pub message: Option<Message>,
}
