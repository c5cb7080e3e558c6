//! Sign-ins of the scene that somebody agreed to: the workspace's client, the consent, and what it gave.

use super::scene::CredentialPlan;
use crate::catalog::form::Values;
use crate::catalog::schema::{Integration, Method};
use crate::check::oauth::asked_scopes;
use crate::clock::At;
use crate::crypto::token;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::Means;
use crate::model::credential::Credential;
use crate::model::credential_change::{Consent, Details};
use crate::model::membership::Standing;
use crate::model::oauth_app::{self, NewApp, OAuthApp};
use crate::model::oauth_flow::{self, Chosen, Flow, FlowKind, NewFlow};
use crate::model::oauth_grant::{NewGrant, Times, Tokens};
use crate::model::permission::{Actor, Allowed, CreateCredential, Permission};
use crate::secret::Secret;
use chrono::TimeDelta;

/// What of its tokens renews the others.
const REFRESH: &str = "refresh_token";

/// What a consent of the scene needs.
pub(super) struct Giving<'g> {
    pub means: &'g Means,
    pub plan: &'g CredentialPlan,
    pub kind: (&'g Integration, &'g Method),
    pub standing: &'g Standing,
    pub credential: &'g Id<Credential>,
    /// When the demo starts: tokens are as if they were renewed a moment before.
    pub start: At,
}

impl Giving<'_> {
    fn allowed<P: Permission>(&self) -> Result<Allowed<P>> {
        let actor = Actor { kind: "person", id: self.standing.user.id.to_string(), ..Actor::default() };
        self.standing.allowed(actor).ok_or(Error::Forbidden)
    }

    fn fault(&self, text: &str) -> Error {
        Error::internal(format!("scene: {}: {text}", self.plan.name))
    }

    /// Starts the consent, comes back from it, and gives what it brought.
    pub fn give(&self, tx: &mut Tx<'_>, details: Details, values: Values) -> Result<Consent> {
        let (integration, method) = self.kind;
        let spec = method.oauth.as_ref().ok_or_else(|| self.fault("nobody agrees to it"))?;
        let client = self.client(tx)?;
        let mut all = values.duplicate();
        all.plain.extend(client.plain);
        let (scopes, random) = (asked_scopes(spec, &all, &[]), self.means.keyring.random());
        let new = NewFlow {
            id: Id::new(),
            kind: FlowKind::Create,
            credential: self.credential.clone(),
            integration: integration.id.clone(),
            method: method.id.clone(),
            user: self.standing.user.id.clone(),
            chosen: Chosen {
                details,
                values,
                live_version: 0,
                save_unverified: false,
                state: token::fresh(random)?,
                verifier: token::fresh(random)?,
                scopes: scopes.clone(),
                more_scopes: Vec::new(),
                block: None,
                waiting: None,
            },
        };
        oauth_flow::start(tx, self.means, &self.allowed::<CreateCredential>()?, &new)?;
        let workspace = &self.standing.workspace.id;
        let find = |tx: &mut Tx<'_>| Flow::find(tx.conn(), workspace, &new.id)?.ok_or(Error::NotFound);
        let open = find(tx)?;
        if !oauth_flow::take(tx, self.means, &open)? {
            return Err(self.fault("the consent was not open"));
        }
        Ok(Consent { flow: find(tx)?, grant: self.grant(scopes) })
    }

    fn grant(&self, scopes: Vec<String>) -> NewGrant {
        let minutes = |n: i64| Some(self.start.plus(TimeDelta::minutes(n)).micros());
        let secret = |text: &String| Secret::new(text.clone());
        let live = self.plan.tokens.iter().filter(|(name, _)| *name != REFRESH);
        NewGrant {
            tokens: Tokens {
                values: live.map(|(name, text)| (name.clone(), secret(text))).collect(),
                refresh: self.plan.tokens.get(REFRESH).map(secret),
            },
            asked: scopes.clone(),
            granted: Some(scopes),
            times: Times { expires_at: minutes(55), refresh_at: minutes(50), ends_at: None },
        }
    }

    /// The client of the workspace, entered where it is not there yet.
    fn client(&self, tx: &mut Tx<'_>) -> Result<Values> {
        let (integration, method) = self.kind;
        let mut values = Values::default();
        for field in method.app_fields() {
            let Some(text) = self.plan.app.get(&field.name) else { continue };
            if field.kind.is_secret() {
                values.secret.insert(field.name.clone(), Secret::new(text.clone()));
            } else {
                values.plain.insert(field.name.clone(), text.clone());
            }
        }
        let workspace = &self.standing.workspace.id;
        if OAuthApp::find(tx.conn(), workspace, &integration.id, method.client())?.is_none() {
            let new = NewApp {
                integration: integration.id.clone(),
                client: method.client().to_owned(),
                revision: None,
                changed: self.plan.app.keys().cloned().collect(),
                values: values.duplicate(),
            };
            oauth_app::save(tx, self.means, &self.allowed()?, &new)?;
        }
        Ok(values)
    }
}
