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
use crate::model::sealed::Opening;
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
    /// The workspace's client, whose values are among them where it is there.
    pub client: Client,
    /// What a person consented to, with the tokens.
    pub grant: Option<(Grant, Tokens)>,
}

/// What became of the client that a method needs.
#[derive(Debug)]
pub enum Client {
    /// None is needed, or it is there.
    Ready,
    /// Nobody entered it, or somebody removed it.
    Missing,
    /// It cannot be decrypted and must be entered again.
    Unreadable(Unreadable),
}

/// What is read in one unit.
struct Found {
    row: Credential,
    version: Version,
    values: Values,
    client: Client,
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
        let Found { row, version, values, client, grant } = match found {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        if !leads_where_it_was_sealed(&version, method) {
            let cause = "its values lead elsewhere than it was sealed for";
            return Ok(Err(Unreadable::new(self.means, version.key_version, cause)));
        }
        Ok(Ok(Opened { row, version, integration, method, values, client, grant }))
    }

    /// A credential's own values: those that may be shown, and its secrets unless they cannot be decrypted or lead
    /// elsewhere than they were sealed for. Its tokens stay sealed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign, deleted or unknown one.
    pub async fn own_values(&self, workspace: &Id<Workspace>, id: &Id<Credential>, method: &Method) -> Result<Values> {
        let (means, workspace, id) = (self.means.clone(), workspace.clone(), id.clone());
        let (version, secret) = self
            .db
            .read(move |conn| {
                let row = Credential::get(conn, &workspace, &id)?;
                let version = Version::get(conn, &workspace, &id, row.live_version)?;
                let secret = version.clone().open_current(conn, &means, row.seal_place())?;
                Ok((version, secret))
            })
            .await?;
        let secret = secret.ok().filter(|_| leads_where_it_was_sealed(&version, method)).unwrap_or_default();
        Ok(Values { plain: version.config.0, secret })
    }

    /// The values of a form with those of the workspace's client for its method; `None` where the method needs a
    /// client and none was entered, or it cannot be decrypted and must be entered again.
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
        let (client, app) = self.db.read(move |conn| client(conn, &means, &workspace, &integration, &id)).await?;
        if let Client::Unreadable(fault) = client {
            tracing::warn!(cause = fault.cause, "the OAuth client of a workspace cannot be decrypted");
        }
        Ok(app.map(|app| joined(values, app)))
    }
}

fn joined(mut values: Values, app: Values) -> Values {
    values.plain.extend(app.plain);
    values.secret.extend(app.secret);
    values
}

/// What is stored of one credential; what cannot be opened is read once more, since a rotation of keys may have
/// sealed it anew meanwhile and erased the old key.
fn find(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    id: &Id<Credential>,
    app: Option<&str>,
) -> Result<Result<Found, Unreadable>> {
    let first = find_once(conn, means, workspace, id, app)?;
    if first.is_ok() {
        return Ok(first);
    }
    find_once(conn, means, workspace, id, app)
}

fn find_once(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    id: &Id<Credential>,
    app: Option<&str>,
) -> Result<Result<Found, Unreadable>> {
    let keys = Opening::of(conn, means, workspace)?;
    let row = Credential::get(conn, workspace, id)?;
    let version = Version::get(conn, workspace, id, row.live_version)?;
    let secret = match version.open_with(&keys, means, row.seal_place()) {
        Ok(secret) => secret,
        Err(fault) => return Ok(Err(fault)),
    };
    let grant = match Grant::find(conn, workspace, id)? {
        None => None,
        Some(grant) => match grant.open(&keys, means, row.seal_place(), &version.destination) {
            Ok(tokens) => Some((grant, tokens)),
            Err(fault) => return Ok(Err(fault)),
        },
    };
    let mut values = Values { plain: version.config.0.clone(), secret };
    let client = match app {
        None => Client::Ready,
        Some(app) => {
            let (client, own) = client(conn, means, workspace, &row.integration, app)?;
            values = own.into_iter().fold(values, joined);
            client
        }
    };
    Ok(Ok(Found { row, version, values, client, grant }))
}

fn client(
    conn: &mut Conn,
    means: &Means,
    workspace: &Id<Workspace>,
    integration: &str,
    client: &str,
) -> Result<(Client, Option<Values>)> {
    let mut fault = None;
    for _ in 0..2 {
        // Keys first: as above, a rotation may be under way.
        let keys = Opening::of(conn, means, workspace)?;
        let Some(app) = OAuthApp::find(conn, workspace, integration, client)? else {
            return Ok((Client::Missing, None));
        };
        match app.open(&keys, means) {
            Ok(values) => return Ok((Client::Ready, Some(values))),
            Err(unreadable) => fault = Some(unreadable),
        }
    }
    Ok((fault.map_or(Client::Missing, Client::Unreadable), None))
}

/// The seal is bound to the destination, and what is called is made of the values: the two must agree.
fn leads_where_it_was_sealed(version: &Version, method: &Method) -> bool {
    serde_json::from_str(&version.destination)
        .is_ok_and(|sealed| destination::changed(method, &sealed, &version.config.0).is_empty())
}
