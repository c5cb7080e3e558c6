//! Who may: the person of a request, and the permission that a route demands as a value.

use crate::app::App;
use crate::clock::At;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::audit;
use crate::model::credential::Credential;
use crate::model::listed::{Counts, Head};
use crate::model::membership::{Standing, Surroundings};
use crate::model::permission::{Actor, Allowed, LeaveWorkspace, Permission, Role};
use crate::model::second_factor;
use crate::model::support::{self, Access};
use crate::model::user::User;
use crate::model::workspace::Workspace;
use crate::web::answer::Fault;
use crate::web::pages::shell::Toast;
use crate::web::session_store::entry;
use crate::web::{client, shell, visit};
use crate::work;
use actix_session::SessionExt;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The signed-in person of a request, before any workspace is asked for.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Their id.
    pub user: Id<User>,
    /// When they last proved who they are.
    pub auth_at: At,
    /// When their session began.
    pub began: At,
    /// How the audit log names them.
    pub actor: Actor,
}

impl SignedIn {
    /// The person of a request; [`Error::SignInNeeded`] for nobody.
    pub fn of(req: &HttpRequest) -> Result<Self> {
        let session = req.get_session();
        let text = |name: &str| session.get::<String>(name).ok().flatten();
        let user = text(entry::USER).and_then(|id| Id::parse(&id)).ok_or(Error::SignInNeeded)?;
        let at = |name: &str| session.get::<i64>(name).ok().flatten().and_then(At::from_micros);
        let auth_at = at(entry::AUTH_AT).ok_or(Error::SignInNeeded)?;
        let mut actor = anonymous(req);
        actor.kind = "person";
        actor.id = user.to_string();
        actor.session = text(entry::PREFIX).unwrap_or_default();
        let person = Self { user, auth_at, began: at(entry::BEGAN).unwrap_or(auth_at), actor };
        // The session is gone by the time an error is drawn; its page still shows who is signed in.
        req.extensions_mut().insert(person.clone());
        Ok(person)
    }
}

impl FromRequest for SignedIn {
    type Error = Fault;
    type Future = std::future::Ready<Result<Self, Fault>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::of(req).map_err(Fault))
    }
}

/// How the audit log names whoever sends a request without being signed in.
pub fn anonymous(req: &HttpRequest) -> Actor {
    let address = req.app_data::<web::Data<App>>().and_then(|app| client::address(req, &app.config));
    Actor {
        kind: "anonymous",
        id: String::new(),
        session: String::new(),
        address: address.map(|ip| ip.to_string()).unwrap_or_default(),
        agent: client::agent(req),
        request_id: work::current_id(),
    }
}

/// The permission `P` in the workspace of the address, and what a page of it needs to know.
///
/// Answers 303 to nobody, 404 to strangers and for absent workspaces alike, and 403 to a role that lacks
/// `P`, which is written down.
pub struct Can<P: Permission> {
    /// The permission, for the model.
    pub allowed: Allowed<P>,
    /// Who and where.
    pub standing: Standing,
    /// When the person last gave their password.
    pub auth_at: At,
    /// The person's workspaces.
    pub workspaces: Vec<Workspace>,
    /// How many credentials the workspace has.
    pub total: i64,
    /// How many it has in each status.
    pub counts: Arc<Counts>,
    /// Where the head of the workspace's chain stood before they were counted.
    pub head: Head,
    /// Who may look in as support, for an admin to see.
    pub support: Vec<Access>,
    /// What the act before a redirect to this request came to.
    pub said: Option<Toast>,
    id: Option<String>,
}

impl<P: Permission> Can<P> {
    /// The credential that the address names; [`Error::NotFound`] if it cannot be one.
    pub fn credential(&self) -> Result<Id<Credential>> {
        self.id()
    }

    /// The id in the address, as that of whatever the route is about.
    pub(in crate::web) fn id<T: 'static>(&self) -> Result<Id<T>> {
        self.id.as_deref().and_then(Id::parse).ok_or(Error::NotFound)
    }

    /// Whether the address is about something of the workspace, and not about the workspace itself.
    pub(in crate::web) fn names_something(&self) -> bool {
        self.id.is_some()
    }

    /// The workspace.
    pub fn workspace(&self) -> &Id<Workspace> {
        &self.standing.workspace.id
    }

    /// The address under which the workspace's pages lie.
    pub fn root(&self) -> String {
        format!("/w/{}", self.standing.workspace.slug)
    }

    /// The address of the list of credentials.
    pub fn list(&self) -> String {
        format!("/w/{}/credentials", self.standing.workspace.slug)
    }

    /// Whether the person manages the workspace.
    pub fn is_admin(&self) -> bool {
        self.standing.role == Role::Admin
    }

    /// Whether the person may see steps and history.
    pub fn inspects(&self) -> bool {
        self.standing.role.inspects()
    }
}

impl<P: Permission> FromRequest for Can<P> {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fault>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { decide(&req).await.map_err(Fault) })
    }
}

async fn decide<P: Permission>(req: &HttpRequest) -> Result<Can<P>> {
    let person = SignedIn::of(req)?;
    let app = req.app_data::<web::Data<App>>().ok_or_else(|| Error::internal("no app"))?.clone();
    let slug = req.match_info().get("slug").ok_or(Error::NotFound)?.to_owned();
    let (user, now) = (person.user.clone(), app.means.now());
    let found = match visit::take(&slug, &user) {
        Some(found) => Some(found),
        None => {
            let asked = app.clone();
            app.db.look_up(move |conn| Surroundings::find(conn, &asked.lists, &slug, &user, now)).await?
        }
    };
    let Surroundings { standing, workspaces, counts, head, support } = found.ok_or(Error::NotFound)?;
    let total = counts.iter().map(|(_, n)| n).sum();
    let Some(allowed) = standing.allowed::<P>(person.actor.clone()) else {
        return Err(refuse::<P>(&app, standing, person.actor, req.match_pattern().unwrap_or_default()).await);
    };
    if standing.workspace.settings.second_factor && standing.role != Role::Member && P::NAME != LeaveWorkspace::NAME {
        let user = person.user.clone();
        if !app.db.read(move |conn| second_factor::of(conn, &user)).await?.any() {
            return Err(Error::SecondFactorNeeded);
        }
    }
    let id = req.match_info().get("id").map(str::to_owned);
    if standing.role == Role::Support {
        write_down_view(&app, req, &standing, &person.actor, id.as_deref()).await?;
    }
    let said = shell::said(req);
    Ok(Can { allowed, standing, auth_at: person.auth_at, workspaces, total, counts, head, support, said, id })
}

/// What support looks at is a line of the workspace's audit, before they see it.
async fn write_down_view(
    app: &App,
    req: &HttpRequest,
    standing: &Standing,
    actor: &Actor,
    id: Option<&str>,
) -> Result<()> {
    let pattern = req.match_pattern().unwrap_or_default();
    let credential = id.and_then(Id::<Credential>::parse).filter(|_| pattern.starts_with("/w/{slug}/credentials/"));
    let target = match credential {
        Some(id) => audit::Target::credential(id.as_str()),
        None => audit::Target::route(&pattern),
    };
    let (means, workspace, actor) = (app.means.clone(), standing.workspace.id.clone(), actor.clone());
    app.db.write(move |tx| support::viewed(tx, &means, &workspace, &actor, target.clone())).await
}

async fn refuse<P: Permission>(app: &App, standing: Standing, actor: Actor, route: String) -> Error {
    let means = app.means.clone();
    let written =
        app.db.write(move |tx| audit::record_denied::<P>(tx, &means, &standing.workspace.id, &actor, &route)).await;
    written.err().unwrap_or(Error::Forbidden)
}
