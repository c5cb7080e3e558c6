//! Starting a consent: what was chosen is sealed, and the person is led to the page with the link.

use crate::app::App;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::check::oauth::asked_scopes;
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::block::Block;
use crate::model::credential::Credential;
use crate::model::credential_change::Details;
use crate::model::oauth_flow::{self, Chosen, Flow, FlowKind, NewFlow};
use crate::model::permission::Permission;
use crate::secret::Secret;
use crate::web::guard::Can;

/// What a consent is started with.
pub struct Begin {
    /// What it is for.
    pub kind: FlowKind,
    /// The credential that it makes or connects.
    pub credential: Id<Credential>,
    /// What people write about it.
    pub details: Details,
    /// The values of the form; for one that exists, new secrets only.
    pub values: Values,
    /// The version whose values the consent is for; 0 for a new credential.
    pub live_version: i64,
    /// Further scopes that a person wants.
    pub more_scopes: Vec<String>,
    /// The block that a new credential is for.
    pub block: Option<Id<Block>>,
}

/// Stores the consent and gives the address of its page. `all` are the values with those of the workspace's client.
pub async fn begin<P: Permission>(
    app: &App,
    can: &Can<P>,
    integration: &Integration,
    method: &Method,
    all: &Values,
    begin: Begin,
) -> Result<String> {
    let spec = method.oauth.as_ref().ok_or_else(|| Error::internal("a consent without OAuth"))?;
    let (state, verifier) = fresh(app)?;
    let scopes = asked_scopes(spec, all, &begin.more_scopes);
    let new = NewFlow {
        id: Id::new(),
        kind: begin.kind,
        credential: begin.credential,
        integration: integration.id.clone(),
        method: method.id.clone(),
        user: can.standing.user.id.clone(),
        chosen: Chosen {
            details: begin.details,
            values: begin.values,
            live_version: begin.live_version,
            save_unverified: false,
            state,
            verifier,
            scopes,
            more_scopes: begin.more_scopes,
            block: begin.block,
            waiting: None,
        },
    };
    let address = page(can, &new.id);
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| oauth_flow::start(tx, &means, &allowed, &new)).await?;
    Ok(address)
}

/// The address of a consent's page.
pub fn page<P: Permission>(can: &Can<P>, id: &Id<Flow>) -> String {
    format!("{}/flows/{id}", can.root())
}

/// A new state and a new key behind the proof of RFC 7636 (43 characters, as its §4.1 asks).
pub fn fresh(app: &App) -> Result<(Secret, Secret)> {
    let random = app.means.keyring.random();
    Ok((token::fresh(random)?, token::fresh(random)?))
}

/// Where the client of a method is entered.
pub fn app_page(root: &str, integration: &Integration, method: &Method) -> String {
    format!("{root}/apps/{}?method={}", integration.id, method.id)
}
