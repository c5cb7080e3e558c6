//! Moving the blocks of one credential to another.

use super::drawn::{Judged, names};
use super::used;
use crate::app::App;
use crate::error::Result;
use crate::id::Id;
use crate::model::block::{Block, Chosen};
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Replacing};
use crate::model::permission::ReplaceCredential;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::change::Replacement;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::web;

type Allowed = Can<ReplaceCredential>;

/// So many credentials are offered to take over.
const OFFERED: i64 = 500;

/// `GET …/{id}/replacement`.
pub async fn new(can: Allowed, app: web::Data<App>) -> Answer {
    let row = load(&can, &app).await?;
    page(&form(&can, &app, &row, "").await?)
}

/// `POST …/{id}/replacement`: `target`, an id or a handle; with `which=chosen` only the blocks that are marked.
pub async fn create(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let row = load(&can, &app).await?;
    let marked: Vec<Id<Block>> = fields.take_prefixed("block.").into_keys().filter_map(|id| Id::parse(&id)).collect();
    let (sent, revision) = (fields.text("target"), fields.number("revision")?);
    let only_marked = fields.text("which") == "chosen";
    let only = only_marked.then(|| marked.clone());
    let (workspace, of, wanted) = (can.workspace().clone(), row.integration.clone(), sent.clone());
    let target = app.db.read(move |conn| Chosen::fits(conn, &workspace, &of, &wanted)).await?;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let (status, text) = match (target, only) {
        (None, _) => (unprocessable, UNFIT),
        (_, Some(marked)) if marked.is_empty() => (unprocessable, "Mark the blocks to move, or choose all of them."),
        (Some(target), only) => {
            let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), row.id.clone());
            let unit = move |tx: &mut crate::db::Tx<'_>| {
                credential_change::replace(tx, &means, &allowed, (&id, revision), &target, only.as_deref())
            };
            let href = format!("{}/{}", can.list(), row.id);
            match app.db.write(unit).await? {
                Replacing::Done(_, 0) => return see_other_saying(format!("{href}/deletion"), "replaced"),
                Replacing::Done(..) => return see_other_saying(href, "replaced-some"),
                Replacing::Unfit => (unprocessable, UNFIT),
                Replacing::Stale => (StatusCode::CONFLICT, "Somebody changed this credential meanwhile. Look again."),
            }
        }
    };
    let drawn = form(&can, &app, &row, &sent).await?;
    let marked = marked.iter().map(ToString::to_string).collect();
    page_with(status, &Replacement { only_marked, marked, refused: Some(text.to_owned()), ..drawn })
}

const UNFIT: &str = "Choose another credential of the same service; this one is not there or does not fit.";

async fn load(can: &Allowed, app: &App) -> Result<Credential> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    app.db.read(move |conn| Credential::get(conn, &workspace, &id)).await
}

async fn form(can: &Allowed, app: &App, row: &Credential, chosen: &str) -> Result<Replacement> {
    let (_, used) = used::load(app, can, &row.id).await?;
    let (workspace, of) = (can.workspace().clone(), row.integration.clone());
    let fitting = app.db.read(move |conn| Chosen::fitting(conn, &workspace, &of, OFFERED)).await?;
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let choices = fitting.iter().filter(|found| found.id != row.id).map(|found| {
        let judged = Judged {
            status: found.status,
            outcome: &found.outcome,
            checked_at: found.checked_at,
            good_at: found.good_at,
            expires_at: found.expires_at,
        };
        let text = format!("{} ({})", found.name, judged.view(app.means.now()).word.to_lowercase());
        (found.id.to_string(), text, found.id.as_str() == chosen || found.handle == chosen)
    });
    Ok(Replacement {
        shell: shell::inside(app, can, &format!("Replace {}", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        service: (row.integration.clone(), service),
        revision: row.revision,
        choices: choices.collect(),
        only_marked: false,
        marked: Vec::new(),
        used,
        refused: None,
    })
}
