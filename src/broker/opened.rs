//! A stored credential with its values, those of the workspace's client among them.

use super::Broker;
use crate::catalog::destination;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::credential::Credential;
use crate::model::oauth_app::OAuthApp;
use crate::model::oauth_grant::{Grant, Tokens};
use crate::model::version::{Unreadable, Version};
use crate::model::workspace::Workspace;

/// A credential whose secrets are in memory for as long as they are used.
pub struct Opened<'a> {
    /// The row.
    pub row: Credential,
    /// The live version.
    pub version: Version,
    /// The service.
    pub integration: &'a Integration,
    /// The method.
    pub method: &'a Method,
    /// Its values, and those of the workspace's client.
    pub values: Values,
    /// What a person consented to, with the tokens.
    pub grant: Option<(Grant, Tokens)>,
}

/// What is read in one unit.
struct Found {
    row: Credential,
    version: Version,
    values: Values,
    grant: Option<(Grant, Tokens)>,
}

impl<'a> Broker<'a> {
    /// Opens a credential of a workspace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign, deleted or unknown one; the inner error when it cannot be decrypted.
    pub async fn open(&self, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Result<Opened<'a>, Unreadable>> {
        let (workspace, id) = (workspace.clone(), id.clone());
        let row = self.db.read(move |conn| Credential::get(conn, &workspace, &id)).await?;
        let Some((integration, method)) = self.catalog.method(&row.integration, &row.method) else {
            return Err(Error::Unprocessable(format!(
                "The catalogue no longer has the service “{}” with the way to sign in “{}”. Ask the operator of this console.",
                row.integration, row.method
            )));
        };
        let (means, workspace, id) = (self.means.clone(), row.workspace_id.clone(), row.id);
        let client = method.app_fields().next().map(|_| method.client().to_owned());
        let found = self.db.read(move |conn| find(conn, &means, &workspace, &id, client.as_deref())).await?;
        let Found { row, version, values, grant } = match found {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        if !leads_where_it_was_sealed(&version, method) {
            let cause = "its values lead elsewhere than it was sealed for".to_owned();
            return Ok(Err(Unreadable { label: self.means.keyring.label().to_owned(), cause }));
        }
        Ok(Ok(Opened { row, version, integration, method, values, grant }))
    }

    /// The values of a form with those of the workspace's client for its method; `None` where the method needs a
    /// client and none was entered.
    pub async fn with_app(
        &self,
        workspace: &Id<Workspace>,
        integration: &str,
        method: &Method,
        values: Values,
    ) -> Result<Option<Values>> {
        if method.app_fields().next().is_none() {
            return Ok(Some(values));
        }
        let (means, workspace) = (self.means.clone(), workspace.clone());
        let (integration, id) = (integration.to_owned(), method.client().to_owned());
        let app = self
            .db
            .read(move |conn| match OAuthApp::find(conn, &workspace, &integration, &id)? {
                Some(app) => Ok(Some(app.open(conn, &means)?)),
                None => Ok(None),
            })
            .await?;
        Ok(app.map(|app| joined(values, app)))
    }
}

fn joined(mut values: Values, app: Values) -> Values {
    values.plain.extend(app.plain);
    values.secret.extend(app.secret);
    values
}

fn find(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    id: &Id<Credential>,
    client: Option<&str>,
) -> Result<Result<Found, Unreadable>> {
    let row = Credential::get(conn, workspace, id)?;
    let version = Version::get(conn, workspace, id, row.live_version)?;
    let app = match client {
        Some(client) => OAuthApp::find(conn, workspace, &row.integration, client)?,
        None => None,
    };
    let grant = Grant::find(conn, workspace, id)?;
    let opened = (|| {
        let secret = version.open(conn, means, row.seal_place())?;
        let mut values = Values { plain: version.config.0.clone(), secret };
        if let Some(app) = app {
            values = joined(values, app.open(conn, means)?);
        }
        let grant = match grant {
            Some(grant) => {
                let tokens = grant.open(conn, means, row.seal_place(), &version.destination)?;
                Some((grant, tokens))
            }
            None => None,
        };
        Ok((values, grant))
    })();
    Ok(opened.map(|(values, grant)| Found { row, version, values, grant }))
}

/// The seal is bound to the destination, and what is called is made of the values: the two must agree.
fn leads_where_it_was_sealed(version: &Version, method: &Method) -> bool {
    serde_json::from_str(&version.destination)
        .is_ok_and(|sealed| destination::changed(method, &sealed, &version.config.0).is_empty())
}
