//! Who manages: the token of a request, and the permission that a route demands as a value.

use crate::api::answer::{self, Query};
use crate::api::problem::Problem;
use crate::api::{caller, take};
use crate::app::App;
use crate::error::Error;
use crate::id::Id;
use crate::model::credential::Credential;
use crate::model::management::Manager;
use crate::model::permission::{Allowed, ByToken};
use crate::model::workspace::Workspace;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use std::future::Future;
use std::pin::Pin;

/// The permission `P` in the workspace of the token.
///
/// Answers 401 without a token that is let in, and 403 to one that does not manage, which is written down; 404 to a
/// request that names another workspace than its token's.
pub struct Managed<P: ByToken> {
    /// The permission, for the model.
    pub allowed: Allowed<P>,
    /// The token.
    pub manager: Manager,
    query: Query,
    req: HttpRequest,
}

impl<P: ByToken> Managed<P> {
    /// The workspace.
    pub fn workspace(&self) -> &Id<Workspace> {
        self.manager.workspace()
    }

    /// The request's query, of which the address takes these parameters.
    ///
    /// # Errors
    /// 400 for another one.
    pub fn query(&self, known: &[&str]) -> Result<Query, Problem> {
        self.query.clone().only(known)
    }

    /// A part of the address.
    pub fn named(&self, part: &str) -> String {
        self.req.match_info().query(part).to_owned()
    }

    /// The credential that the address names, by handle or id.
    ///
    /// # Errors
    /// 404 for a foreign, deleted or unknown one alike.
    pub async fn credential(&self, app: &App) -> Result<Credential, Problem> {
        let (workspace, name) = (self.workspace().clone(), self.named("credential"));
        Ok(app.db.read(move |conn| Credential::called(conn, &workspace, &name)).await?)
    }
}

impl<P: ByToken> FromRequest for Managed<P> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { decide(req).await })
    }
}

async fn decide<P: ByToken>(req: HttpRequest) -> Result<Managed<P>, Problem> {
    let app = req.app_data::<web::Data<App>>().ok_or_else(|| Error::internal("no app"))?.clone();
    let caller = caller::bearer(&app, &req).await?;
    let query = answer::asked(&req)?;
    let manager = take::manager(&app, &caller).await?;
    query.judge(&app, manager.token()).await?;
    Ok(Managed { allowed: manager.allowed(), manager, query, req })
}
