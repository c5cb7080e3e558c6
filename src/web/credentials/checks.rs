//! “Verify now”.

use super::row::Look;
use super::stored::Kept;
use super::verdict::verify;
use crate::app::App;
use crate::check::Trigger;
use crate::error::Error;
use crate::model::credential_change;
use crate::model::credential_list::Row as Found;
use crate::model::permission::VerifyCredential;
use crate::web::answer::{Answer, page, see_other_saying};
use crate::web::guard::Can;
use crate::web::pages::list::RowFragment;
use crate::web::shell;
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
            return answer(&can, &req, &app, &id, "").await;
        }
    };
    let report = verify(&app, can.workspace(), &id, integration, method, &values, Trigger::Later).await?;
    let (means, allowed, service) = (app.means.clone(), can.allowed.clone(), integration.name.clone());
    let (checked, version) = (id.clone(), kept.row.live_version);
    let after = app
        .db
        .write(move |tx| credential_change::checked(tx, &means, &allowed, &checked, version, &service, &report))
        .await?;
    answer(&can, &req, &app, &id, if after.is_some() { "checked" } else { "too-late" }).await
}

async fn answer(
    can: &Can<VerifyCredential>,
    req: &HttpRequest,
    app: &App,
    id: &crate::id::Id<crate::model::credential::Credential>,
    did: &'static str,
) -> Answer {
    if !req.headers().contains_key("HX-Request") {
        return see_other_saying(format!("{}/{id}", can.list()), did);
    }
    let (workspace, wanted) = (can.workspace().clone(), id.clone());
    let found = app.db.read(move |conn| Found::get(conn, &workspace, &wanted)).await?;
    let base = can.list();
    let look = Look { catalog: &app.catalog, base: &base, details: can.inspects(), now: app.means.now() };
    match found {
        Some(found) => page(&RowFragment {
            assets: shell::assets(app),
            can_manage: can.is_admin(),
            details: can.inspects(),
            uses: false,
            row: look.row(&found),
        }),
        None => Err(Error::NotFound.into()),
    }
}
