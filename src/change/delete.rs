//! Deleting, and the end of the sign-in at the service.

use crate::app::App;
use crate::broker::Opened;
use crate::catalog::schema::{Method, OAuth, RevokeEnds};
use crate::check::oauth;
use crate::db::{Conn, Tx};
use crate::error::Result;
use crate::model::credential::Credential;
use crate::model::credential_change::{self, Deleting};
use crate::model::permission::{Allowed, DeleteCredential};

/// What became of the sign-in of a credential that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// There was none.
    None,
    /// The service has no way to end it.
    Stays,
    /// Another credential, of this name, is signed in with the same account: most services would end both.
    Shared(String),
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

/// What would become of the sign-in of a credential with its deletion, before the service is asked.
///
/// # Errors
/// Those of storage.
pub async fn outlook(app: &App, row: &Credential) -> Result<SignIn> {
    let method = app.catalog.method(&row.integration, &row.method).map(|(_, method)| method);
    let Some(oauth) = method.filter(|m| m.needs_consent()).and_then(|m| m.oauth.as_ref()) else {
        return Ok(SignIn::None);
    };
    let Some(address) = oauth.revoke_address() else { return Ok(SignIn::Stays) };
    if oauth.revoke_ends == RevokeEnds::Token {
        return Ok(SignIn::Ended);
    }
    let ends_there = |m: &Method| {
        let other = m.oauth.as_ref().and_then(OAuth::revoke_address);
        other.is_some_and(|other| other.text() == address.text())
    };
    let all = app.catalog.all().iter();
    let kinds = all.flat_map(|service| service.methods.iter().map(move |method| (service, method)));
    let kinds: Vec<(String, String)> = kinds
        .filter(|(_, method)| ends_there(method))
        .map(|(service, method)| (service.id.clone(), method.id.clone()))
        .collect();
    // Where the address is typed, the same words may mean another service.
    let typed = address.parts().any(|part| part.names().next().is_some());
    let (row, any_account) = (row.clone(), oauth.revoke_ends == RevokeEnds::Person);
    let alike = move |conn: &mut Conn| row.connected_alike(conn, &kinds, any_account, typed);
    Ok(app.db.read(alike).await?.map_or(SignIn::Ended, SignIn::Shared))
}

async fn end(app: &App, allowed: &Allowed<DeleteCredential>, row: &Credential, opened: Opened<'_>) -> Result<SignIn> {
    let Opened { method, values, grant: Some((_, tokens)), .. } = opened else { return Ok(SignIn::None) };
    match outlook(app, row).await {
        Ok(SignIn::Shared(other)) => return Ok(SignIn::Shared(other)),
        Ok(_) => {}
        Err(error) => {
            // It is deleted already: whoever asked is told that, and that the sign-in may be there still.
            tracing::warn!(?error, credential = %row.id, "who else lives on its sign-in could not be read");
            return Ok(SignIn::Refused);
        }
    }
    let context = app.broker().context();
    let asked = oauth::revoke(&context, method, &values, &tokens.values, tokens.refresh.as_ref()).await;
    let Some(ended) = asked else { return Ok(SignIn::Stays) };
    let (means, allowed, id) = (app.means.clone(), allowed.clone(), row.id.clone());
    app.db.write(move |tx| credential_change::revoked(tx, &means, &allowed, &id, ended)).await?;
    Ok(if ended { SignIn::Ended } else { SignIn::Refused })
}
