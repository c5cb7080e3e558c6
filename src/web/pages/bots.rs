//! The pages of bots and their blocks.

use super::form::{Proof, TextBox};
use super::shell::{Shell, Tone};
use super::status::{StatusView, Tile};
use super::time::When;
use askama::Template;

/// Whether the blocks of a bot work, at a glance.
#[derive(Debug, Clone)]
pub struct Health {
    /// The colour.
    pub tone: Tone,
    /// The icon's symbol.
    pub mark: &'static str,
    /// One word.
    pub word: &'static str,
    /// What it means here.
    pub line: String,
}

/// `GET …/bots`.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/list.html")]
pub struct BotList {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Whether the person may make and change bots.
    pub can_manage: bool,
    /// One page of bots.
    pub rows: Vec<BotRow>,
    /// How many the workspace has.
    pub total: i64,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// A bot in the list.
#[derive(Debug, Clone)]
pub struct BotRow {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Since when it is published.
    pub published: Option<When>,
    /// How many blocks it has.
    pub blocks: usize,
    /// Whether they work.
    pub health: Health,
    /// When it was made.
    pub made: When,
}

/// `GET …/bots/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/show.html")]
pub struct BotPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the bot.
    pub href: String,
    /// Its id, which commands take.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// Since when it is published.
    pub published: Option<When>,
    /// Whether the person may change it.
    pub can_manage: bool,
    /// Whether its blocks work.
    pub health: Health,
    /// Its blocks.
    pub blocks: Vec<BlockRow>,
    /// The token that ends first, if one ends soon: its name and end.
    pub ending: Option<(String, When)>,
    /// When it was made, and by whom.
    pub made: (When, String),
}

/// A block on its bot's page.
#[derive(Debug, Clone)]
pub struct BlockRow {
    /// Its page.
    pub href: String,
    /// What people call it.
    pub label: String,
    /// What bots call it.
    pub key: String,
    /// The service's picture.
    pub tile: Tile,
    /// The service's name.
    pub service: String,
    /// What it chose.
    pub credential: Option<ChosenView>,
    /// When the bot last got it.
    pub last: Option<When>,
}

/// The credential of a block.
#[derive(Debug, Clone)]
pub struct ChosenView {
    /// Its name.
    pub name: String,
    /// Its page; empty for a deleted one.
    pub href: String,
    /// Whether it lies among the deleted ones.
    pub deleted: bool,
    /// Its status.
    pub status: StatusView,
    /// What to do, where the person may know.
    pub hint: String,
}

/// `GET …/bots/new`, `GET …/bots/{id}/edit`, and the 422 and 409 of their POST.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/form.html")]
pub struct BotForm {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address and name of the bot, when there is one already.
    pub bot: Option<(String, String)>,
    /// Where it is sent.
    pub action: String,
    /// `name`.
    pub name: TextBox,
    /// `description`.
    pub description: TextBox,
    /// `revision`.
    pub revision: Option<i64>,
    /// Why nothing was saved, where no box is to blame.
    pub stale: Option<String>,
}

/// `GET …/bots/{id}/deletion`, and the 409 and 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/deletion.html")]
pub struct BotDeletion {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the bot.
    pub href: String,
    /// Its name.
    pub name: String,
    /// `revision`.
    pub revision: i64,
    /// Whether people depend on it.
    pub published: bool,
    /// The labels of its blocks.
    pub blocks: Vec<String>,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// `confirm_name`, asked for when it is published.
    pub confirm: Option<TextBox>,
}

/// `GET …/bots/{id}/publication`, and the 409 and 422 of its POST.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/publication.html")]
pub struct Publication {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the bot.
    pub href: String,
    /// Its name.
    pub name: String,
    /// `revision`.
    pub revision: i64,
    /// Whether it is published now.
    pub published: bool,
    /// Blocks without a credential: label and address.
    pub empty: Vec<(String, String)>,
    /// Blocks whose credential is sure to fail: label and address.
    pub failing: Vec<(String, String)>,
    /// Why nothing was saved.
    pub refused: Option<String>,
}

/// `GET …/bots/{id}/blocks`, `GET …/bots/{id}/blocks/{block}`, and the 422 of their POST.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/block.html")]
pub struct BlockForm {
    /// The frame.
    pub shell: Shell,
    /// Address of the list of bots.
    pub base: String,
    /// Address of the bot.
    pub bot: String,
    /// Its name.
    pub bot_name: String,
    /// Where it is sent.
    pub action: String,
    /// The services to choose from; empty once one is chosen.
    pub services: Vec<ServicePick>,
    /// Those of them that the workspace has credentials of.
    pub known: Vec<ServicePick>,
    /// The chosen service: id, name, picture.
    pub service: Option<(String, String, Tile)>,
    /// `label`.
    pub label: TextBox,
    /// `credential`: value, text, whether chosen.
    pub choices: Vec<(String, String, bool)>,
    /// What is wrong with `credential`.
    pub wrong: TextBox,
    /// The key, of a block that exists.
    pub key: Option<String>,
    /// `revision`, of a block that exists.
    pub revision: Option<i64>,
    /// Why nothing was saved.
    pub stale: Option<String>,
}

/// A service to choose for a block.
#[derive(Debug, Clone)]
pub struct ServicePick {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub tile: Tile,
}

/// `GET …/bots/{id}/blocks/{block}/removal`.
#[derive(Debug, Clone, Template)]
#[template(path = "bots/removal.html")]
pub struct Removal {
    /// The frame.
    pub shell: Shell,
    /// Address of the list of bots.
    pub base: String,
    /// Address of the bot.
    pub bot: String,
    /// Its name.
    pub bot_name: String,
    /// Address of the block.
    pub href: String,
    /// What people call the block.
    pub label: String,
    /// What bots call it.
    pub key: String,
    /// Whether people depend on the bot.
    pub published: bool,
    /// `revision`.
    pub revision: i64,
}
