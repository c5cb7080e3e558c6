//! Workspaces: what owns credentials.

use super::workspace_settings::Settings;
use super::{Means, audit, count, workspace_key};
use crate::clock::At;
use crate::db::schema::workspaces;
use crate::db::types::Json;
use crate::db::{Conn, Tx};
use crate::error::{Error, Result};
use crate::fold;
use crate::id::Id;
use crate::model::permission::Actor;
use diesel::prelude::*;

/// Slugs that would collide with other addresses.
const RESERVED: [&str; 5] = ["sys", "auth", "identity", "api", "v1"];

/// One workspace.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = workspaces, check_for_backend(crate::db::MultiBackend))]
pub struct Workspace {
    /// Its id.
    pub id: Id<Workspace>,
    /// Its name in addresses; never changes.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Its policies.
    #[diesel(deserialize_as = Json<Settings>)]
    pub settings: Settings,
}

/// Workspaces that were not deleted.
#[diesel::dsl::auto_type(no_type_alias)]
fn here() -> _ {
    workspaces::table.filter(workspaces::deleted_at.is_null())
}

impl Workspace {
    /// The workspace of this slug.
    pub fn find(conn: &mut Conn, slug: &str) -> Result<Option<Self>> {
        Ok(here().filter(workspaces::slug.eq(slug)).select(Self::as_select()).first(conn).optional()?)
    }

    /// The workspace of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone.
    pub fn get(conn: &mut Conn, id: &Id<Self>) -> Result<Self> {
        let found = here().filter(workspaces::id.eq(id)).select(Self::as_select()).first(conn).optional()?;
        found.ok_or(Error::NotFound)
    }

    /// Every workspace by name, `limit` at a time, after `after` (a slug).
    pub fn page(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<Self>> {
        Ok(here()
            .filter(workspaces::slug.gt(after))
            .order(workspaces::slug)
            .limit(limit)
            .select(Self::as_select())
            .load(conn)?)
    }

    /// Makes a workspace with its first key, its counts and its audit chain. Only the operator and
    /// the first-run page can: there is no permission to hold yet.
    pub fn create(tx: &mut Tx<'_>, means: &Means, name: &str, actor: &Actor) -> Result<Self> {
        let name = checked_name(name)?;
        let now = means.now();
        let workspace = Self { id: Id::new(), slug: free_slug(tx.conn(), &name)?, name, settings: Settings::default() };
        diesel::insert_into(workspaces::table)
            .values((
                workspaces::id.eq(&workspace.id),
                workspaces::slug.eq(&workspace.slug),
                workspaces::name.eq(&workspace.name),
                workspaces::settings.eq("{}"),
                workspaces::created_at.eq(now),
            ))
            .execute(tx.conn())?;
        workspace_key::create(tx, means, &workspace.id)?;
        count::start(tx, &workspace.id)?;
        audit::start(tx, workspace.id.as_str())?;
        audit::record(
            tx,
            means,
            workspace.id.as_str(),
            actor,
            audit::Entry::allow("workspace.created", audit::Target::workspace(&workspace.id)),
        )?;
        Ok(workspace)
    }
}

/// A workspace's name, trimmed: 1 to 200 characters without control characters.
pub fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Error::Unprocessable("Give the workspace a name of 1 to 200 characters.".into()));
    }
    Ok(name.to_owned())
}

fn free_slug(conn: &mut Conn, name: &str) -> Result<String> {
    let base = match fold::handle(name) {
        folded if folded.is_empty() => "workspace".to_owned(),
        folded => folded,
    };
    let taken: Vec<String> = workspaces::table
        .filter(workspaces::slug.eq(&base).or(workspaces::slug.like(format!("{base}-%"))))
        .select(workspaces::slug)
        .load(conn)?;
    let free = |slug: &str| !RESERVED.contains(&slug) && !taken.iter().any(|t| t == slug);
    std::iter::once(base.clone())
        .chain((2_u32..).map(|n| format!("{base}-{n}")))
        .find(|slug| free(slug))
        .ok_or_else(|| Error::internal("no free slug"))
}

/// When a workspace was made, for the command line.
pub fn created_at(conn: &mut Conn, id: &Id<Workspace>) -> Result<At> {
    Ok(workspaces::table.filter(workspaces::id.eq(id)).select(workspaces::created_at).first(conn)?)
}
