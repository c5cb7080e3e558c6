//! The forms of a credential: what they hold, and the page that creates one.

use super::shell::{Link, Shell};
use super::status::{Hint, StepsView, Tile};
use crate::catalog::form::{FieldView, Remark};
use crate::id::Id;
use crate::model::block::Block;
use crate::model::bot::Bot;
use askama::Template;

/// Choices of `environment`, in the order they are drawn.
pub const ENVIRONMENTS: &[(&str, &str)] = &[("production", "Production"), ("test", "Test"), ("", "None")];

/// `GET …/credentials/new?integration=…&method=…`, and the 422 of `POST …/credentials`.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/new.html")]
pub struct New {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// The service.
    pub service: ServiceHead,
    /// The service's methods; drawn as a switch when there are several.
    pub methods: Vec<MethodLink>,
    /// The block that it is created for, where somebody came from one.
    pub block: Option<BlockLink>,
    /// The form.
    pub form: FormView,
    /// Why it was not saved.
    pub banner: Option<Banner>,
    /// What the check tried.
    pub report: Option<StepsView>,
    /// Whether “Save without verifying” is offered.
    pub may_skip: bool,
    /// Where to find the values.
    pub help: HelpView,
    /// Shapes of keys, for hints while pasting.
    pub patterns: Vec<PatternView>,
    /// How a person consents at the service, for a method that asks for it.
    pub consent: Option<ConsentView>,
}

/// What a form of a method says that asks for consent at the service.
#[derive(Debug, Clone)]
pub struct ConsentView {
    /// Where the workspace's client is entered; `None` for a method without one.
    pub client: Option<String>,
    /// Whether the consent can be asked for: there is a client where one is needed.
    pub ready: bool,
}

/// A block that a new credential is created for.
#[derive(Debug, Clone)]
pub struct BlockLink {
    /// The block.
    pub block: Id<Block>,
    /// Its bot.
    pub bot: Id<Bot>,
    /// What people call the block.
    pub label: String,
    /// What people call the bot.
    pub bot_name: String,
    /// The bot's page.
    pub bot_href: String,
}

/// The service a form or page is about.
#[derive(Debug, Clone)]
pub struct ServiceHead {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The method's name; may be empty.
    pub method: String,
    /// Its picture.
    pub tile: Tile,
    /// Its guide page.
    pub guide: String,
}

/// A method of a service.
#[derive(Debug, Clone)]
pub struct MethodLink {
    /// Its name.
    pub label: String,
    /// The form with this method.
    pub href: String,
    /// Whether it is the one drawn.
    pub current: bool,
}

/// What a form holds and where it goes.
#[derive(Debug, Clone, Default)]
pub struct FormView {
    /// Where it is sent.
    pub action: String,
    /// Where its conditional fields are redrawn (`…/form`).
    pub redraw: String,
    /// `integration`.
    pub integration: String,
    /// `method`.
    pub method: String,
    /// `revision`, when something is edited.
    pub revision: Option<i64>,
    /// `name`.
    pub name: TextBox,
    /// An example of a good name: “Production Gmail SMTP”.
    pub name_example: String,
    /// `description`.
    pub description: TextBox,
    /// `environment`: `production`, `test` or empty.
    pub environment: TextBox,
    /// `tags`, separated by commas.
    pub tags: TextBox,
    /// The catalogue's fields.
    pub fields: Vec<FieldView>,
    /// `current_password` is asked for when the sign-in is old; the remark marks it.
    pub ask_password: Option<Proof>,
}

impl FormView {
    /// Whether any field is folded away.
    pub fn has_advanced(&self) -> bool {
        self.fields.iter().any(|f| f.advanced)
    }

    /// Whether the folded part must be open: something in it is wrong or filled.
    pub fn advanced_open(&self) -> bool {
        self.fields.iter().any(|f| f.advanced && (f.error.is_some() || f.warning.is_some() || f.stored))
    }
}

/// A box that is not the catalogue's.
#[derive(Debug, Clone, Default)]
pub struct TextBox {
    /// What is in it.
    pub value: String,
    /// What is wrong.
    pub error: Option<Remark>,
    /// What to look at although it is accepted.
    pub warning: Option<Remark>,
    /// Why it cannot be changed.
    pub locked: Option<String>,
}

impl TextBox {
    /// A box with a value and nothing to remark.
    pub fn of(value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }

    /// A box with what was typed and what is wrong with it, if something is. A secret that was typed where everybody
    /// can read it is not drawn again.
    pub fn judged(typed: impl Into<String>, error: Option<Remark>) -> Self {
        let is_secret = error.as_ref().is_some_and(|remark| remark.code == "secret_in_plain");
        let value = if is_secret { String::new() } else { typed.into() };
        Self { value, error, ..Self::default() }
    }
}

/// The box of a risky form that asks once more who it is (`current_password`); what is typed is never drawn.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// What is wrong.
    pub error: Option<Remark>,
    /// Whether a code of the person's authenticator app counts too.
    pub app: bool,
    /// Whether a passkey counts too.
    pub passkeys: bool,
}

/// Why a form was not saved: a headline, the hint and its code.
#[derive(Debug, Clone)]
pub struct Banner {
    /// The headline: “The server refused the user name or password.”
    pub title: String,
    /// The rest: what it means, what to do, and that nothing was saved.
    pub hint: Hint,
    /// The vendor's pages that may help: status page, dashboard.
    pub links: Vec<Link>,
}

/// “Where do I find this?” beside a form.
#[derive(Debug, Clone, Default)]
pub struct HelpView {
    /// Sentences of the catalogue: `banner`, `notes`.
    pub notes: Vec<String>,
    /// The vendor's pages.
    pub links: Vec<Link>,
    /// Dated notices of the vendor's changes.
    pub notices: Vec<Notice>,
}

/// A change that the vendor announced.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What changes.
    pub text: String,
    /// The day, in words; may be empty.
    pub date: String,
}

/// The shape of a kind of key, for hints while pasting.
#[derive(Debug, Clone)]
pub struct PatternView {
    /// “Stripe secret key (live)”.
    pub label: String,
    /// The regular expression of the catalogue; one that the browser cannot read is passed over.
    pub pattern: String,
    /// `live`, `test` or empty.
    pub env: String,
    /// Whether it belongs to the form's service.
    pub own: bool,
}

/// The answer of `POST …/form`: the catalogue's fields alone, drawn anew.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/_fields.html")]
pub struct Fields {
    /// The form; only `fields` is drawn.
    pub form: FormView,
}
