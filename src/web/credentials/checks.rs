//! “Verify now”.

use super::row;
use crate::app::App;
use crate::error::Error;
use crate::id::Id;
use crate::model::check_record::Cause;
use crate::model::credential::Credential;
use crate::model::credential_change;
use crate::model::permission::{Permission, VerifyCredential};
use crate::model::version::Unreadable;
use crate::web::answer::Answer;
use crate::web::guard::Can;
use actix_web::{HttpRequest, web};

/// `POST …/{id}/checks`: verifies what is stored; answers with the row when the list asks through htmx.
pub async fn create(can: Can<VerifyCredential>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    let broker = app.broker();
    let opened = match broker.open(&workspace, &id).await? {
        Ok(opened) => opened,
        Err(fault) => return unreadable(&can, &req, &app, &id, &fault).await,
    };
    let permit = app
        .check_limits
        .admit(workspace.as_str(), id.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let report = match broker.check(&can.allowed, &opened, Cause::Manual).await? {
        Ok(report) => report,
        Err(fault) => return unreadable(&can, &req, &app, &id, &fault).await,
    };
    permit.done(&report);
    let (integration, kept) = (opened.integration, &opened);
    let (means, allowed, service) = (app.means.clone(), can.allowed.clone(), integration.name.clone());
    let (checked, version) = (id.clone(), kept.row.live_version);
    let after = app
        .db
        .write(move |tx| {
            credential_change::checked(tx, &means, &allowed, &checked, version, &service, (Cause::Manual, &report))
        })
        .await?;
    row::answer(&can, &req, &app, &id, if after.is_some() { "checked" } else { "too-late" }).await
}

/// Notes that the stored values cannot be decrypted; the page says the rest.
pub(super) async fn unreadable<P: Permission>(
    can: &Can<P>,
    req: &HttpRequest,
    app: &App,
    id: &Id<Credential>,
    fault: &Unreadable,
) -> Answer {
    tracing::warn!(credential = %id, cause = fault.cause, "a stored value cannot be decrypted");
    let (means, allowed, marked, fault) = (app.means.clone(), can.allowed.clone(), id.clone(), fault.clone());
    app.db.write(move |tx| credential_change::unreadable(tx, &means, &allowed, &marked, &fault)).await?;
    row::answer(can, req, app, id, "").await
}
