//! Deleting a credential, and what was deleted lately.

use super::form::{Proof, TextBox};
use super::shell::Shell;
use super::status::Tile;
use super::time::When;
use super::used::Used;
use askama::Template;

/// `GET …/{id}/deletion`, and the 409 and 422 of its POST. The same form is shown in a dialog.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/deletion.html")]
pub struct Deletion {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// Address of the credential.
    pub href: String,
    /// Its name.
    pub name: String,
    /// The service's name.
    pub service: String,
    /// `revision`, if it shall be judged.
    pub revision: Option<i64>,
    /// Who uses it.
    pub used: Used,
    /// When it was last used.
    pub last_used: Option<When>,
    /// `confirm_name`, asked for when it is in use.
    pub confirm: Option<TextBox>,
    /// `current_password`, asked for when the sign-in is old.
    pub ask_password: Option<Proof>,
    /// For how many days it can be restored.
    pub keep_days: i64,
    /// What becomes of its sign-in at the service; `None` for one that was not connected by consent.
    pub sign_in: Option<String>,
}

/// `GET …/credentials/deleted`, and the 409 and 422 of a restoration.
#[derive(Debug, Clone, Template)]
#[template(path = "credentials/deleted.html")]
pub struct Deleted {
    /// The frame.
    pub shell: Shell,
    /// Address of the list.
    pub base: String,
    /// For how many days things are kept.
    pub keep_days: i64,
    /// What was deleted, the latest first.
    pub rows: Vec<DeletedRow>,
    /// Address of the first page, when this is not it.
    pub first: Option<String>,
    /// Address of the next page.
    pub next: Option<String>,
}

/// A deleted credential.
#[derive(Debug, Clone)]
pub struct DeletedRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The service's picture.
    pub tile: Tile,
    /// The service's name.
    pub service: String,
    /// When it was deleted.
    pub at: When,
    /// By whom.
    pub by: String,
    /// When it goes for good.
    pub purge: When,
    /// `POST …/{id}/restoration` (`name` if another is needed).
    pub restore: String,
    /// `POST …/{id}/purge`.
    pub purge_href: String,
    /// After a 409 or 422: the box for another name, with the remark.
    pub new_name: Option<TextBox>,
}
