//! Moving the blocks of one credential to another.

use super::body::{Body, Text};
use super::guard::Managed;
use super::refusal;
use crate::api::answer::{Answer, json};
use crate::api::problem::{Details, FieldError, Problem};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::model::block::{Block, Chosen};
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Replacing};
use crate::model::permission::ReplaceCredential;
use crate::model::usage::Usage;
use crate::model::workspace::Workspace;
use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What takes over, and of which blocks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replacement {
    /// The handle or id of another credential of the same service.
    #[schema(value_type = String)]
    target: Text,
    /// The keys of the blocks to move; all of them unless it is sent.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    blocks: Option<Vec<Text>>,
    /// The revision that was looked at; judged if it is sent.
    #[serde(default)]
    revision: Option<i64>,
}

/// What was moved.
#[derive(Serialize, ToSchema)]
pub struct Replaced {
    /// So many blocks use the other one now.
    moved: usize,
    /// So many still use this one.
    left: usize,
}

/// What a request names, looked up.
struct Found {
    target: Option<Id<Credential>>,
    blocks: Vec<(String, Id<Block>)>,
}

fn find(conn: &mut Conn, workspace: &Id<Workspace>, row: &Credential, target: &str) -> Result<Found> {
    let target = Chosen::fits(conn, workspace, &row.integration, target)?;
    let blocks = Usage::of(conn, workspace, &row.id)?.blocks;
    Ok(Found { target, blocks: blocks.into_iter().map(|used| (used.key, used.block)).collect() })
}

fn wrong(field: &str, text: String) -> Problem {
    refusal::invalid(vec![FieldError { field: field.to_owned(), code: "invalid".to_owned(), text }])
}

/// Moves every block, or some, to another credential of the service, in one step.
#[utoipa::path(
    post,
    path = "/api/v1/credentials/{credential}/replacement",
    tag = "management",
    params(("credential" = String, Path, description = "Its handle or id")),
    request_body = Replacement,
    responses(
        (status = 200, description = "What was moved", body = Replaced),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(managed: Managed<ReplaceCredential>, body: Body, app: web::Data<App>) -> Answer {
    managed.query(&[])?;
    let sent: Replacement = body.read().await?;
    let row = managed.credential(&app).await?;
    let (workspace, of, target) = (managed.workspace().clone(), row.clone(), sent.target.clone());
    let found = app.db.read(move |conn| find(conn, &workspace, &of, &target)).await?;
    let unfit = || {
        wrong(
            "target",
            "Choose another credential of the same service; this one is not there or does not fit.".to_owned(),
        )
    };
    let target = found.target.ok_or_else(unfit)?;
    let id_of = |key: &Text| {
        let known = found.blocks.iter().find(|(known, _)| **known == **key).map(|(_, id)| id.clone());
        known.ok_or_else(|| wrong("blocks", format!("No block with the key “{}” uses this credential.", &**key)))
    };
    let only =
        sent.blocks.map(|keys| keys.iter().map(id_of).collect::<std::result::Result<Vec<_>, _>>()).transpose()?;
    if only.as_ref().is_some_and(Vec::is_empty) {
        return Err(wrong("blocks", "Name the blocks to move, or leave the field out for all of them.".to_owned()));
    }
    let (means, allowed, id) = (app.means.clone(), managed.allowed.clone(), row.id.clone());
    let unit = move |tx: &mut crate::db::Tx<'_>| {
        credential_change::replace(tx, &means, &allowed, (&id, sent.revision), &target, only.as_deref())
    };
    match app.db.write(unit).await? {
        Replacing::Done(moved, left) => json(&Replaced { moved, left }),
        Replacing::Unfit => Err(unfit()),
        Replacing::Stale => {
            let (workspace, id) = (managed.workspace().clone(), row.id);
            let now = app.db.read(move |conn| Credential::get(conn, &workspace, &id)).await?;
            Err(refusal::stale_row(&now))
        }
    }
}
