//! The blocks of a token's bot.

use super::answer::{Answer, json, query};
use super::problem::Details;
use super::{caller, take};
use crate::app::App;
use crate::model::bot_token::Scope;
use crate::model::bot_use::{BlockRow, blocks_of};
use actix_web::{HttpRequest, web};
use serde::Serialize;
use utoipa::ToSchema;

/// A block as its bot sees it.
#[derive(Serialize, ToSchema)]
pub struct Block {
    /// Its key, which never changes.
    key: String,
    /// What people call it.
    label: String,
    /// The service of its credentials.
    integration: String,
    /// The handle of the credential that it chose, if the token is for it.
    credential: Option<String>,
    /// The status of that credential.
    status: Option<String>,
}

/// The blocks of a bot.
#[derive(Serialize, ToSchema)]
pub struct Blocks {
    /// The blocks, by key.
    blocks: Vec<Block>,
}

impl From<BlockRow> for Block {
    fn from(row: BlockRow) -> Self {
        let chosen = row.credential.filter(|credential| credential.deleted_at.is_none());
        Self {
            key: row.key,
            label: row.label,
            integration: row.integration,
            status: chosen.as_ref().map(|credential| credential.status.to_string()),
            credential: chosen.map(|credential| credential.handle),
        }
    }
}

/// The blocks of the token's bot.
#[utoipa::path(
    get,
    path = "/api/v1/blocks",
    tag = "bots",
    responses(
        (status = 200, description = "Every block", body = Blocks),
        (status = "default", description = "A problem", body = Details, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn index(req: HttpRequest, app: web::Data<App>) -> Answer {
    let caller = caller::bearer(&app, &req).await?;
    let query = query(&req, &[])?;
    let token = take::recognised(&app, &caller, &[Scope::Use, Scope::Fetch]).await?;
    query.judge(&app, &token).await?;
    let rows = app.db.read(move |conn| blocks_of(conn, &token, "", crate::model::block::MOST)).await?;
    json(&Blocks { blocks: rows.into_iter().map(Block::from).collect() })
}
