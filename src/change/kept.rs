//! A stored credential with its live version, as a change needs it.

use crate::app::App;
use crate::catalog::destination;
use crate::catalog::form::{Stored, Values};
use crate::catalog::schema::Method;
use crate::change::KindOf;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::usage::Usage;
use crate::model::version::{Unreadable, Version};
use crate::model::workspace::Workspace;
use crate::model::workspace_key;
use crate::secret::Secret;
use std::collections::BTreeMap;

/// The row and its live version; the secrets stay sealed.
pub struct Kept {
    /// The row.
    pub row: Credential,
    /// The live version.
    pub version: Version,
    /// Every version whose secret is still stored, the newest first.
    pub versions: Vec<Version>,
    /// Who uses it.
    pub usage: Usage,
}

impl Kept {
    /// Reads a credential; [`Error::NotFound`] for a foreign, deleted or unknown one alike.
    pub async fn load(app: &App, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Self> {
        let (workspace, id) = (workspace.clone(), id.clone());
        app.db.read(move |conn| find(conn, &workspace, &id)).await
    }

    /// What a form may know of it.
    pub fn stored(&self) -> Stored {
        Stored { plain: self.version.config.0.clone(), secrets: self.version.secret_names.0.iter().cloned().collect() }
    }

    /// Its service and method, as the catalogue has them now.
    pub fn kind<'a>(&self, app: &'a App) -> Result<KindOf<'a>> {
        app.catalog.method(&self.row.integration, &self.row.method).ok_or_else(|| {
            Error::Unprocessable(format!(
                "The catalogue no longer has the service “{}” with the way to sign in “{}”. Ask the operator of this console.",
                self.row.integration, self.row.method
            ))
        })
    }

    /// Opens the secrets, provided that the values beside them still lead where they were sealed for: the seal
    /// is bound to the destination, and what is called is made of the values.
    pub async fn open(
        &self,
        app: &App,
        method: &Method,
    ) -> Result<std::result::Result<BTreeMap<String, Secret>, Unreadable>> {
        if !self.leads_where_it_was_sealed(method) {
            let cause = "its values lead elsewhere than it was sealed for".to_owned();
            let label = workspace_key::label(&app.means, self.version.key_version);
            return Ok(Err(Unreadable { label, cause, key_lost: false }));
        }
        let (means, row, version) = (app.means.clone(), self.row.clone(), self.version.clone());
        app.db.read(move |conn| version.clone().open_current(conn, &means, row.seal_place())).await
    }

    /// All values, for a check of what is stored.
    pub async fn values(&self, app: &App, method: &Method) -> Result<std::result::Result<Values, Unreadable>> {
        let opened = self.open(app, method).await?;
        Ok(opened.map(|secret| Values { plain: self.version.config.0.clone(), secret }))
    }

    fn leads_where_it_was_sealed(&self, method: &Method) -> bool {
        serde_json::from_str(&self.version.destination)
            .is_ok_and(|sealed| destination::changed(method, &sealed, &self.version.config.0).is_empty())
    }
}

fn find(conn: &mut crate::db::Conn, workspace: &Id<Workspace>, id: &Id<Credential>) -> Result<Kept> {
    let row = Credential::get(conn, workspace, id)?;
    let version = Version::get(conn, workspace, id, row.live_version)?;
    let versions = Version::kept(conn, workspace, id)?;
    let usage = Usage::of(conn, workspace, id)?;
    Ok(Kept { row, version, versions, usage })
}
