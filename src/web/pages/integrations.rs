//! Guide pages: every service of the catalogue, and one page each.

use super::form::Notice;
use super::gallery::Category;
use super::shell::{Link, Shell};
use super::status::Tile;
use askama::Template;

/// `GET …/integrations`, with `?find=`.
#[derive(Debug, Clone, Template)]
#[template(path = "integrations/index.html")]
pub struct Integrations {
    /// The frame.
    pub shell: Shell,
    /// What was searched.
    pub find: String,
    /// How many services there are.
    pub total: usize,
    /// The services by category; `href` leads to the guide.
    pub categories: Vec<Category>,
}

/// `GET …/integrations/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "integrations/guide.html")]
pub struct Guide {
    /// The frame.
    pub shell: Shell,
    /// Address of all guides.
    pub base: String,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub tile: Tile,
    /// Its category's name.
    pub category: String,
    /// Where to create a credential of it, if the person may.
    pub create: Option<String>,
    /// The credentials of it in this workspace (the list, filtered).
    pub existing: Option<Link>,
    /// Its methods.
    pub methods: Vec<MethodGuide>,
    /// Dated notices of the vendor's changes.
    pub notices: Vec<Notice>,
    /// The vendor's pages: documentation, dashboard, status page.
    pub links: Vec<Link>,
    /// When these facts were last looked up, in words.
    pub checked_on: String,
}

/// How one method works.
#[derive(Debug, Clone)]
pub struct MethodGuide {
    /// Its id; the section is `#{id}`.
    pub id: String,
    /// Its name.
    pub label: String,
    /// The form with this method, if the person may create.
    pub create: Option<String>,
    /// Sentences: `banner`, `notes`.
    pub notes: Vec<String>,
    /// The values it asks for.
    pub fields: Vec<FieldGuide>,
    /// Permissions or scopes it needs.
    pub permissions: Vec<String>,
    /// What the live test does: “GET /v1/account, free, changes nothing”.
    pub check: String,
    /// How to rotate; may be empty.
    pub rotation: String,
    /// Why not everything can be edited later; may be empty.
    pub edit_reason: String,
}

/// A value that a method asks for.
#[derive(Debug, Clone)]
pub struct FieldGuide {
    /// Its label.
    pub label: String,
    /// What it is and where to find it; may be empty.
    pub help: String,
    /// The vendor's page on it.
    pub docs: Option<String>,
    /// An example; may be empty.
    pub example: String,
    /// Whether it is kept secret.
    pub secret: bool,
    /// Whether it may stay empty.
    pub optional: bool,
}
