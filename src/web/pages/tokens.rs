//! The pages of tokens, of a bot or of the workspace.

use super::form::{Proof, TextBox};
use super::shell::{Link, Shell};
use super::time::When;
use askama::Template;

/// For how long a token that is rotated may stay good, as the form offers it: minutes, words.
pub const OVERLAPS: [(i64, &str); 4] =
    [(0, "no longer: it ends at once"), (60, "an hour"), (1440, "a day"), (10_080, "a week")];
/// The one of [`OVERLAPS`] that is chosen where nothing was said.
pub const USUAL_OVERLAP: i64 = 1440;

/// Whose tokens a page is about.
#[derive(Debug, Clone)]
pub struct OwnerView {
    /// The pages above it, the nearest last.
    pub above: Vec<Link>,
    /// Address of the list of tokens.
    pub tokens: String,
    /// The bot's name; none for tokens that manage the workspace.
    pub bot: Option<String>,
}

impl OwnerView {
    /// What to call a new one.
    pub fn name_help(&self) -> &'static str {
        match self.bot {
            Some(_) => "Where it will live, such as “Worker on the mail server”.",
            None => "What it is for, such as “Deploy pipeline”. The audit tells it for all that is done with it.",
        }
    }
}

/// `GET …/bots/{id}/tokens` and `GET …/tokens`, and the 422 of their POST.
#[derive(Debug, Clone, Template)]
#[template(path = "tokens/list.html")]
pub struct Tokens {
    /// The frame.
    pub shell: Shell,
    /// Whose tokens they are.
    pub owner: OwnerView,
    /// The tokens.
    pub rows: Vec<TokenRow>,
    /// The form for another.
    pub form: TokenForm,
    /// The most days that one lives here.
    pub most_days: i64,
}

/// The form of a new token.
#[derive(Debug, Clone, Default)]
pub struct TokenForm {
    /// `name`.
    pub name: TextBox,
    /// Whether `use` is among `scope`.
    pub uses: bool,
    /// Whether `fetch` is among `scope`.
    pub fetches: bool,
    /// What is wrong with `scope`.
    pub scope: TextBox,
    /// `credentials`.
    pub credentials: TextBox,
    /// `networks`.
    pub networks: TextBox,
    /// `days`.
    pub days: TextBox,
    /// Why nothing was made, where no box is to blame.
    pub refused: Option<String>,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}

/// A token in the list.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its address.
    pub href: String,
    /// Its name.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// What it may do, in words.
    pub scopes: String,
    /// What it is for, in words.
    pub reach: String,
    /// Where it may come from, in words.
    pub networks: String,
    /// When it was made, and by whom.
    pub made: (When, String),
    /// When it was last used.
    pub last: Option<When>,
    /// Its state.
    pub state: TokenState,
    /// When it ends or ended.
    pub ends: When,
    /// Whether it stood in an address.
    pub leaked: bool,
}

/// Whether a token can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It can.
    Open,
    /// It can, but not for long.
    EndsSoon,
    /// It can until its successor is in place.
    Replaced,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// Whether it can be used.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::EndsSoon | Self::Replaced)
    }
}

/// `GET …/tokens/{token}`: the token itself, once; afterwards that it was shown.
#[derive(Debug, Clone, Template)]
#[template(path = "tokens/shown.html")]
pub struct Shown {
    /// The frame.
    pub shell: Shell,
    /// Whose token it is.
    pub owner: OwnerView,
    /// Its name.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// The variable that examples have it in.
    pub variable: &'static str,
    /// The token; `None` when it was shown before.
    pub text: Option<String>,
    /// The address of this console, for the example.
    pub console: String,
}

/// `GET …/tokens/{token}/rotation` and `…/revocation`, and the 422 of the POST of the first.
#[derive(Debug, Clone, Template)]
#[template(path = "tokens/change.html")]
pub struct Change {
    /// The frame.
    pub shell: Shell,
    /// Whose token it is.
    pub owner: OwnerView,
    /// Address of the token.
    pub href: String,
    /// The token's name.
    pub name: String,
    /// How it begins.
    pub prefix: String,
    /// When it was last used.
    pub last: Option<When>,
    /// Whether it is rotated; else it is revoked.
    pub rotates: bool,
    /// `overlap`, in minutes.
    pub overlap: i64,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
}
