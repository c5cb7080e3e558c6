//! Tells admins of tokens that end soon.

use super::each::{Batch, each};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::id::Id;
use crate::mail::letter::{self, TokenEnd};
use crate::model::Means;
use crate::model::permission::{Allowed, KeepHouse};
use crate::model::token_warning::{self, Ending};
use crate::model::user::User;
use crate::model::workspace::Workspace;

/// Workspaces of one round.
const BATCH: i64 = 50;

/// Promises the mails that are due; how many tokens were looked at.
pub async fn warn(app: &App) -> Result<usize> {
    let due = |conn: &mut Conn, means: &Means, passed: &[Id<Workspace>]| -> Result<Batch<()>> {
        let found = token_warning::due(conn, means.now(), passed, BATCH)?;
        Ok(found.into_iter().map(|workspace| (workspace, ())).collect())
    };
    let done = each(app, due, async |workspace, ()| {
        let (means, base) = (app.means.clone(), app.config.public_url.to_string());
        let allowed = Allowed::<KeepHouse>::job(workspace, "token ends");
        let told = move |workspace: &Workspace, admin: &User, tokens: &[Ending]| write(&base, workspace, admin, tokens);
        app.db.write(move |tx| token_warning::warn(tx, &means, &allowed, &told)).await
    })
    .await;
    if !matches!(done, Ok(0)) {
        app.mailer.wake();
    }
    done
}

fn write(base: &str, workspace: &Workspace, admin: &User, tokens: &[Ending]) -> Result<(String, String)> {
    let root = format!("{}/w/{}", base.trim_end_matches('/'), workspace.slug);
    let tokens: Vec<TokenEnd> = tokens
        .iter()
        .map(|token| TokenEnd {
            name: token.name.clone(),
            prefix: token.prefix.clone(),
            of: token.bot.as_ref().map(|(_, name)| name.clone()),
            ends: token.expires_at.utc().format("%-d %B %Y, %H:%M UTC").to_string(),
            link: match &token.bot {
                Some((bot, _)) => format!("{root}/bots/{bot}/tokens"),
                None => root.clone(),
            },
        })
        .collect();
    let letter = letter::token_ends(&workspace.name, &admin.name, &tokens)?;
    Ok((letter.subject, letter.text))
}
