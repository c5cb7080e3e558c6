//! Who uses a credential, as pages show it before they change it.

use crate::app::App;
use crate::clock::At;
use crate::error::Result;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::permission::Permission;
use crate::model::usage::Usage;
use crate::web::guard::Can;
use crate::web::pages::time::When;
use crate::web::pages::used::{OtherUse, UseView, Used};

/// Reads and draws it.
pub async fn load<P: Permission>(app: &App, can: &Can<P>, id: &Id<Credential>) -> Result<(Usage, Used)> {
    let (workspace, id) = (can.workspace().clone(), id.clone());
    let usage = app.db.read(move |conn| Usage::of(conn, &workspace, &id)).await?;
    let drawn = draw(&usage, &can.root(), app.means.now());
    Ok((usage, drawn))
}

/// Draws it.
pub fn draw(usage: &Usage, root: &str, now: At) -> Used {
    let when = |at: Option<At>| at.map(|at| When::new(at, now));
    let blocks = usage.blocks.iter().map(|block| {
        let did = usage.by(&block.bot);
        UseView {
            id: block.block.to_string(),
            bot: block.bot_name.clone(),
            href: format!("{root}/bots/{}", block.bot),
            published: block.is_published,
            block: block.label.clone(),
            key: block.key.clone(),
            last: when(did.and_then(|did| did.last_at)),
        }
    });
    let others = usage.uses.iter().filter(|did| usage.blocks.iter().all(|block| block.bot != did.bot));
    Used {
        blocks: blocks.collect(),
        others: others
            .map(|did| OtherUse {
                bot: did.bot_name.clone(),
                deleted: did.is_deleted,
                last: when(did.last_at),
                denied: when(did.last_denied_at),
            })
            .collect(),
    }
}
