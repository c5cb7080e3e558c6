//! The gallery: which service a new credential is of.

use super::list::ServiceLink;
use super::shell::Shell;
use super::status::Tile;
use askama::Template;

/// `GET …/credentials/new`, with `?find=` where JavaScript is off.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/gallery.html")]
pub struct Gallery {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// What was searched.
    pub find: String,
    /// How many services there are, whatever was searched.
    pub total: usize,
    /// Recently used services; empty while searching.
    pub recents: Vec<ServiceLink>,
    /// The services by category; only those that match `find`.
    pub categories: Vec<Category>,
    /// The form for a service that is not listed (“HTTP API”), offered when nothing is found.
    pub other: Option<ServiceLink>,
}

/// Services of one kind.
#[derive(Debug, Clone)]
pub struct Category {
    /// Its id; the section is `#{id}`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its services.
    pub services: Vec<GalleryItem>,
}

/// A service of the gallery.
#[derive(Debug, Clone)]
pub struct GalleryItem {
    /// Its picture.
    pub tile: Tile,
    /// Its name.
    pub name: String,
    /// Its methods in short: “API key, OAuth 2.0”.
    pub methods: String,
    /// The form.
    pub href: String,
    /// Name, id, category and search words, folded, for the search in the page.
    pub words: String,
}
