//! Deleting, and the end of the sign-in at the service.

use crate::app::App;
use crate::broker::Opened;
use crate::check::oauth;
use crate::db::Tx;
use crate::error::Result;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Deleting};
use crate::model::permission::{Allowed, DeleteCredential};

/// What became of the sign-in of a credential that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// There was none.
    None,
    /// The service has no way to end it.
    Stays,
    /// The service ended it.
    Ended,
    /// The service did not take it.
    Refused,
}

/// Moves a credential to “Recently deleted”, with `confirmed` its name where bots would notice; and has its service
/// end the sign-in, best effort.
///
/// # Errors
/// [`crate::error::Error::NotFound`] when it is gone; others when storage fails.
pub async fn delete(
    app: &App,
    allowed: &Allowed<DeleteCredential>,
    row: &Credential,
    revision: Option<i64>,
    confirmed: String,
) -> Result<(Deleting, SignIn)> {
    let opened = signed_in(app, row).await?;
    let (means, unit, id) = (app.means.clone(), allowed.clone(), row.id.clone());
    let deleted = move |tx: &mut Tx<'_>| credential_change::delete(tx, &means, &unit, &id, revision, &confirmed);
    let deleted = app.db.write(deleted).await?;
    let sign_in = match (&deleted, opened) {
        (Deleting::Done, Some(opened)) => end(app, allowed, row, opened).await?,
        _ => SignIn::None,
    };
    Ok((deleted, sign_in))
}

/// The tokens of a credential that is about to go; none where nobody consented, or where they cannot be read.
async fn signed_in<'a>(app: &'a App, row: &Credential) -> Result<Option<Opened<'a>>> {
    let consents = app.catalog.method(&row.integration, &row.method).is_some_and(|(_, m)| m.needs_consent());
    if !consents {
        return Ok(None);
    }
    let opened = app.broker().open(&row.workspace_id, &row.id).await?;
    Ok(opened.ok().filter(|opened| opened.grant.is_some()))
}

async fn end(app: &App, allowed: &Allowed<DeleteCredential>, row: &Credential, opened: Opened<'_>) -> Result<SignIn> {
    let Opened { method, values, grant: Some((_, tokens)), .. } = opened else { return Ok(SignIn::None) };
    let context = app.broker().context();
    let asked = oauth::revoke(&context, method, &values, &tokens.values, tokens.refresh.as_ref()).await;
    let Some(ended) = asked else { return Ok(SignIn::Stays) };
    let (means, allowed, id) = (app.means.clone(), allowed.clone(), row.id.clone());
    app.db.write(move |tx| credential_change::revoked(tx, &means, &allowed, &id, ended)).await?;
    Ok(if ended { SignIn::Ended } else { SignIn::Refused })
}
