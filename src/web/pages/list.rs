//! The list of credentials, and one row of it as a fragment.

use super::markup::Markup;
use super::shell::{Assets, Link, Shell, Tone};
use super::status::{Badge, StatusView, Tile};
use super::time::When;
use askama::Template;
use std::borrow::Cow;

/// `GET /w/{slug}/credentials`.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/list.html")]
pub struct List<'a> {
    /// The frame.
    pub shell: Shell,
    /// Address of the list, such as `/w/acme/credentials`.
    pub base: String,
    /// Whether the person may create, verify, edit and delete.
    pub can_manage: bool,
    /// Whether the person may see more than name, service, method, environment and status.
    pub details: bool,
    /// What was searched.
    pub q: String,
    /// The `status` filter as sent, empty for all; kept when other filters change.
    pub status: String,
    /// The chips with their numbers, “All” first.
    pub chips: Vec<Chip>,
    /// Choices of `integration`, “All services” (empty value) first.
    pub services: Vec<Pick>,
    /// Choices of `environment`, “All environments” first.
    pub environments: Vec<Pick>,
    /// Choices of `sort`, `newest` first.
    pub sorts: Vec<Pick>,
    /// One page of credentials.
    pub rows: Vec<Row<'a>>,
    /// How many the workspace has.
    pub total: u64,
    /// Whether a search or filter is on (tells “nothing found” from “nothing yet”).
    pub filtered: bool,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
    /// Recent and common services for the menu beside “Create new”.
    pub recents: Vec<ServiceLink>,
    /// Address of “Recently deleted”, when it holds something and the person may see it.
    pub deleted: Option<Link>,
}

/// A filter by status with its number.
#[derive(Debug, Clone)]
pub struct Chip {
    /// What it says.
    pub label: String,
    /// The list with this filter (other filters kept).
    pub href: String,
    /// How many.
    pub count: u64,
    /// The colour of the number.
    pub tone: Tone,
    /// Whether it is on.
    pub current: bool,
}

/// A choice of a filter.
#[derive(Debug, Clone)]
pub struct Pick {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is the current one.
    pub selected: bool,
}

/// A service to create a credential of.
#[derive(Debug, Clone)]
pub struct ServiceLink {
    /// Its picture.
    pub tile: Tile,
    /// Its name.
    pub name: String,
    /// The form, such as `…/credentials/new?integration=smtp`.
    pub href: String,
}

/// One credential in the list.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Its id; the row is `#row-{id}`.
    pub id: Markup<'a>,
    /// Its page; `…/edit`, `…/name`, `…/checks`, `…/deletion` are below.
    pub href: Markup<'a>,
    /// Its name.
    pub name: Markup<'a>,
    /// Description or account, left out where `details` is false.
    pub description: Cow<'a, str>,
    /// Environment, live or test key.
    pub badges: Vec<Badge>,
    /// The service's picture.
    pub tile: Tile,
    /// The service's name.
    pub service: &'a str,
    /// The method's name.
    pub method: &'a str,
    /// The status.
    pub status: StatusView,
    /// “2 bots”; `None` where bots are not known yet.
    pub used_by: Option<String>,
    /// When a bot last used it.
    pub last_used: Option<When>,
    /// Whether its values may be edited (`edit = "full"` or `"rename"` in the catalogue).
    pub editable: bool,
    /// Whether “Verify now” makes sense (a live test exists and it is not suspended).
    pub verifiable: bool,
}

/// One row for htmx, after verify or rename from the list.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/_row_fragment.html")]
pub struct RowFragment<'a> {
    /// Addresses of static files.
    pub assets: Assets,
    /// As in [`List`].
    pub can_manage: bool,
    /// As in [`List`].
    pub details: bool,
    /// As [`List::uses`] tells.
    pub uses: bool,
    /// The credential.
    pub row: Row<'a>,
}

impl List<'_> {
    /// Whether the columns “Used by” and “Last used” have anything to say.
    pub fn uses(&self) -> bool {
        self.rows.iter().any(|r| r.used_by.is_some())
    }

    /// What is announced when a search has changed the rows.
    pub fn said(&self) -> String {
        match (self.rows.len(), &self.next) {
            (0, _) => "Nothing found".to_owned(),
            (n, Some(_)) => format!("{n} credentials, more on the next page"),
            (1, None) => "1 credential".to_owned(),
            (n, None) => format!("{n} credentials"),
        }
    }

    /// How many columns the table has.
    pub fn columns(&self) -> usize {
        3 + if self.uses() { 1 + usize::from(self.details) } else { 0 } + usize::from(self.can_manage)
    }
}
