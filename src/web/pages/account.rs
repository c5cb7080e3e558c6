//! Own account.

use super::form::TextBox;
use super::shell::{Shell, Theme};
use askama::Template;

/// `GET/POST /account` (`name`, `theme`, `shortcuts=1`).
#[derive(Debug, Clone, Template)]
#[template(path = "account/account.html")]
pub struct Account {
    /// The frame.
    pub shell: Shell,
    /// `name`.
    pub name: TextBox,
    /// The e-mail address, which cannot be changed here.
    pub email: String,
    /// `theme`: `system`, `light` or `dark`.
    pub theme: Theme,
    /// `shortcuts`: whether single-key shortcuts are on.
    pub shortcuts: bool,
}
