//! “Verify now”.

use super::row;
use super::stored::Kept;
use super::verdict::verify;
use crate::app::App;
use crate::check::Trigger;
use crate::model::check_record::Cause;
use crate::model::credential_change;
use crate::model::permission::VerifyCredential;
use crate::web::answer::Answer;
use crate::web::guard::Can;
use actix_web::{HttpRequest, web};

/// `POST …/{id}/checks`: verifies what is stored; answers with the row when the list asks through htmx.
pub async fn create(can: Can<VerifyCredential>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let kept = Kept::load(&app, &can).await?;
    let (integration, method) = kept.kind(&app)?;
    let id = kept.row.id.clone();
    let values = match kept.values(&app, method).await? {
        Ok(values) => values,
        Err(fault) => {
            tracing::warn!(credential = %id, cause = fault.cause, "a stored value cannot be decrypted");
            let (means, allowed, marked) = (app.means.clone(), can.allowed.clone(), id.clone());
            app.db.write(move |tx| credential_change::unreadable(tx, &means, &allowed, &marked, &fault.label)).await?;
            return row::answer(&can, &req, &app, &id, "").await;
        }
    };
    let report = verify(&app, can.workspace(), &id, integration, method, &values, Trigger::Later).await?;
    let (means, allowed, service) = (app.means.clone(), can.allowed.clone(), integration.name.clone());
    let (checked, version) = (id.clone(), kept.row.live_version);
    let after = app
        .db
        .write(move |tx| credential_change::checked(tx, &means, &allowed, &checked, version, &service, (Cause::Manual, &report)))
        .await?;
    row::answer(&can, &req, &app, &id, if after.is_some() { "checked" } else { "too-late" }).await
}
