//! What waits beside the version in use: served now, or taken back.

use super::drawn::names;
use crate::app::App;
use crate::clock::At;
use crate::error::Error;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Staged};
use crate::model::permission::RotateCredential;
use crate::model::version::{Version, VersionState};
use crate::web::answer::{Answer, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::change::Staging;
use crate::web::pages::time::When;
use actix_web::web;

type Allowed = Can<RotateCredential>;

/// `POST …/{id}/rotation/promote`: serves the staged version from now on.
pub async fn promote(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    step(can, posted, app, credential_change::promote, "promoted").await
}

/// `POST …/{id}/rotation/rollback`: gives a staged version up, or goes back to the one that is kept.
pub async fn roll_back(can: Allowed, posted: Posted, app: web::Data<App>) -> Answer {
    step(can, posted, app, credential_change::roll_back, "rolled-back").await
}

type Step = fn(
    &mut crate::db::Tx<'_>,
    &crate::model::Means,
    &crate::model::permission::Allowed<RotateCredential>,
    &crate::id::Id<Credential>,
    Option<i64>,
    &str,
) -> crate::error::Result<Staged>;

async fn step(can: Allowed, posted: Posted, app: web::Data<App>, step: Step, did: &'static str) -> Answer {
    let revision = posted.fields().await?.number("revision")?;
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    let wanted = id.clone();
    let row = app.db.read(move |conn| Credential::get(conn, &workspace, &wanted)).await?;
    let (service, _) = names(&app.catalog, &row.integration, &row.method);
    let (means, allowed, unit) = (app.means.clone(), can.allowed.clone(), id.clone());
    let done = app.db.write(move |tx| step(tx, &means, &allowed, &unit, revision, &service)).await?;
    let refused = match &done {
        Staged::Serves(_) => return see_other_saying(format!("{}/{id}", can.list()), did),
        Staged::Stale(_) => "Somebody changed this credential meanwhile, so nothing was done. Look at it again.",
        Staged::Nothing if did == "promoted" => "There is no staged version to serve. Look at its page.",
        Staged::Nothing => "There is no version to go back to: none is staged, and none before is kept any more.",
        Staged::Unreadable => "That version cannot be decrypted, so the one in use stays. Enter the secret again.",
    };
    Err(match done {
        Staged::Stale(_) => Error::Conflict(refused.to_owned()),
        _ => Error::Unprocessable(refused.to_owned()),
    }
    .into())
}

/// What waits beside the version in use, from the versions whose secrets are stored.
pub fn of(row: &Credential, kept: &[Version], href: &str, now: At) -> Staging {
    let staged = kept.iter().find(|version| version.state == VersionState::Staged);
    Staging {
        href: href.to_owned(),
        revision: row.revision,
        live: row.live_version,
        staged: staged.map(|version| (version.version, version.promote_at.map(|at| When::new(at, now)))),
        kept: kept
            .iter()
            .find_map(|version| Some((version.version, version.goes_back(now)?)))
            .map(|(number, until)| (number, When::new(until, now))),
    }
}
