//! All credentials of a workspace, page by page.

use crate::api::answer::{Answer, Query, json};
use crate::api::credentials::{Credentials, Metadata};
use crate::api::problem::{self, Problem};
use crate::app::App;
use crate::id::Id;
use crate::model::audit_names;
use crate::model::credential::{Credential, Environment};
use crate::model::credential_list::{self, Cursor, Sort};
use crate::model::status::Status;
use crate::model::workspace::Workspace;

/// One page of the list, or of those that can still be restored.
///
/// # Errors
/// 400 for a parameter that is not taken.
pub async fn answer(app: &App, workspace: &Id<Workspace>, query: Query) -> Answer {
    let known = ["limit", "after", "q", "integration", "status", "environment", "sort", "deleted"];
    let query = query.only(&known)?;
    if query.flag("deleted")? {
        return deleted(app, workspace, query.only(&["limit", "after", "deleted"])?).await;
    }
    let wanted = credential_list::Query {
        search: query.text("q").unwrap_or_default().to_owned(),
        integration: query.text("integration").map(str::to_owned),
        status: read(&query, "status", Status::parse)?,
        environment: read(&query, "environment", Environment::parse)?,
        sort: read(&query, "sort", Sort::parse)?.unwrap_or(Sort::Newest),
        after: query.text("after").map(Cursor::parse).transpose()?,
        limit: query.limit()?,
        sees_private: true,
    };
    let workspace = workspace.clone();
    let page = app
        .db
        .read(move |conn| {
            let page = credential_list::page(conn, &workspace, &wanted)?;
            let ids: Vec<Id<Credential>> = page.rows.iter().map(|row| row.id.clone()).collect();
            let mut rows = Credential::of_ids(conn, &workspace, &ids)?;
            rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
            let next = page.next.as_ref().map(Cursor::text).transpose()?;
            drawn(conn, &workspace, rows, next)
        })
        .await?;
    json(&page)
}

async fn deleted(app: &App, workspace: &Id<Workspace>, query: Query) -> Answer {
    let after = query.text("after").map(Cursor::parse).transpose()?;
    let (limit, workspace) = (query.limit()?, workspace.clone());
    let page = app
        .db
        .read(move |conn| {
            let (rows, next) = credential_list::deleted(conn, &workspace, after.as_ref(), limit)?;
            let next = next.as_ref().map(Cursor::text).transpose()?;
            drawn(conn, &workspace, rows, next)
        })
        .await?;
    json(&page)
}

fn drawn(
    conn: &mut crate::db::Conn,
    workspace: &Id<Workspace>,
    rows: Vec<Credential>,
    next: Option<String>,
) -> crate::error::Result<Credentials> {
    let ids: Vec<String> = rows.iter().map(|row| row.created_by.clone()).collect();
    let who = audit_names::who(conn, workspace, &ids)?;
    Ok(Credentials { credentials: rows.into_iter().map(|row| Metadata::managed(row, &who)).collect(), next })
}

/// A parameter that is one of a few words.
fn read<T>(query: &Query, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    let unknown = || Problem::new(&problem::MALFORMED, format!("The parameter {name} has no such value."));
    query.text(name).map(|text| parse(text).ok_or_else(unknown)).transpose()
}
