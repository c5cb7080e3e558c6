//! The routes of the machine API: a row says which scope a token needs, and registers the route.

use super::answer::Answer;
use super::manage::guard::Managed;
use super::manage::{
    blocks as of_bot, bots, create, credential, deletion, integrations, replacement, rotation, update,
};
use super::problem::{PASSED, Problem};
use super::{blocks, call, credentials, frame, openapi, problems, secret, vault};
use crate::measure::Endpoint;
use crate::model::bot_token::Scope;
use crate::model::permission::{
    ByToken, CreateCredential, DeleteCredential, EditCredential, ManageBots, ReadBots, ReadCredentials,
    ReadIntegrations, RenameCredential, ReplaceCredential, RestoreCredential, RotateCredential, SuspendCredential,
    VerifyCredential,
};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Responder, guard, web};

/// One route with the scopes of which its token needs one; none: anybody may.
pub struct Route {
    /// Its methods; `GET` answers `HEAD` too.
    pub methods: Vec<Method>,
    /// The pattern of the address.
    pub path: &'static str,
    /// The scopes.
    pub scopes: &'static [Scope],
    register: Box<dyn Fn() -> actix_web::Route>,
}

fn row<H, A>(methods: &[Method], path: &'static str, scopes: &'static [Scope], handler: H) -> Route
where
    H: Handler<A>,
    A: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    let register = Box::new(move || web::route().to(handler.clone()));
    Route { methods: methods.to_vec(), path, scopes, register }
}

/// Arguments of a handler that begin with the permission `P`.
pub trait BeginsWith<P> {}
impl<P: ByToken> BeginsWith<P> for (Managed<P>,) {}
impl<P: ByToken, A> BeginsWith<P> for (Managed<P>, A) {}
impl<P: ByToken, A, B> BeginsWith<P> for (Managed<P>, A, B) {}

/// A route of the management API, whose handler holds the permission `P`.
fn manages<P, H, A>(methods: &[Method], path: &'static str, handler: H) -> Route
where
    P: ByToken,
    H: Handler<A>,
    A: FromRequest + BeginsWith<P> + 'static,
    H::Output: Responder + 'static,
{
    row(methods, path, MANAGE, handler)
}

const GET: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const PUT: &[Method] = &[Method::PUT];
const PATCH: &[Method] = &[Method::PATCH];
const DELETE: &[Method] = &[Method::DELETE];
const ANY: &[Scope] = &[Scope::Use, Scope::Fetch, Scope::Manage];
const EITHER: &[Scope] = &[Scope::Use, Scope::Fetch];
const FETCH: &[Scope] = &[Scope::Fetch];
const USE: &[Scope] = &[Scope::Use];
const MANAGE: &[Scope] = &[Scope::Manage];

/// Every route.
pub fn table() -> Vec<Route> {
    vec![
        row(GET, "/api/v1/openapi.json", &[], openapi::document),
        row(GET, "/api/v1/problems", &[], problems::index),
        row(GET, "/api/v1/problems/{code}", &[], problems::show),
        manages::<ReadIntegrations, _, _>(GET, "/api/v1/integrations", integrations::index),
        manages::<ReadIntegrations, _, _>(GET, "/api/v1/integrations/{integration}", integrations::show),
        row(GET, "/api/v1/credentials", ANY, credentials::index),
        manages::<CreateCredential, _, _>(POST, "/api/v1/credentials", create::create),
        manages::<ReadCredentials, _, _>(GET, "/api/v1/credentials/{credential}", credential::show),
        manages::<EditCredential, _, _>(PATCH, "/api/v1/credentials/{credential}", update::update),
        manages::<DeleteCredential, _, _>(DELETE, "/api/v1/credentials/{credential}", deletion::destroy),
        manages::<RenameCredential, _, _>(PUT, "/api/v1/credentials/{credential}/name", update::rename),
        manages::<VerifyCredential, _, _>(POST, "/api/v1/credentials/{credential}/checks", rotation::verify),
        manages::<RotateCredential, _, _>(POST, "/api/v1/credentials/{credential}/rotation", rotation::create),
        manages::<RotateCredential, _, _>(POST, "/api/v1/credentials/{credential}/rotation/promote", rotation::promote),
        manages::<RotateCredential, _, _>(
            POST,
            "/api/v1/credentials/{credential}/rotation/rollback",
            rotation::roll_back,
        ),
        manages::<ReplaceCredential, _, _>(POST, "/api/v1/credentials/{credential}/replacement", replacement::create),
        manages::<SuspendCredential, _, _>(POST, "/api/v1/credentials/{credential}/suspension", deletion::suspend),
        manages::<RestoreCredential, _, _>(POST, "/api/v1/credentials/{credential}/restoration", deletion::restore),
        manages::<DeleteCredential, _, _>(POST, "/api/v1/credentials/{credential}/purge", deletion::purge),
        manages::<ReadBots, _, _>(GET, "/api/v1/bots", bots::index),
        manages::<ManageBots, _, _>(POST, "/api/v1/bots", bots::create),
        manages::<ReadBots, _, _>(GET, "/api/v1/bots/{bot}", bots::show),
        manages::<ManageBots, _, _>(PATCH, "/api/v1/bots/{bot}", bots::update),
        manages::<ManageBots, _, _>(DELETE, "/api/v1/bots/{bot}", bots::destroy),
        manages::<ManageBots, _, _>(PUT, "/api/v1/bots/{bot}/publication", bots::publish),
        manages::<ManageBots, _, _>(POST, "/api/v1/bots/{bot}/blocks", of_bot::create),
        manages::<ManageBots, _, _>(PATCH, "/api/v1/bots/{bot}/blocks/{block}", of_bot::update),
        manages::<ManageBots, _, _>(DELETE, "/api/v1/bots/{bot}/blocks/{block}", of_bot::destroy),
        row(GET, "/api/v1/credentials/{credential}/secret", FETCH, secret::of_credential),
        row(&PASSED, "/api/v1/credentials/{credential}/proxy/{path:.*}", USE, call::of_credential),
        row(GET, "/api/v1/blocks", EITHER, blocks::index),
        row(GET, "/api/v1/blocks/{key}/secret", FETCH, secret::of_block),
        row(&PASSED, "/api/v1/blocks/{key}/proxy/{path:.*}", USE, call::of_block),
    ]
}

/// Registers the table below `/api/v1`, in its own frame; and what Vault's clients ask for below `/v1`.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut scope = web::scope("/api/v1").default_service(web::to(refuse_address));
    let mut table = table();
    while let Some(first) = table.first().map(|route| route.path) {
        let (here, rest): (Vec<_>, Vec<_>) = table.into_iter().partition(|route| route.path == first);
        table = rest;
        let allow = allow_of(&here);
        let mut resource = web::resource(first.trim_start_matches("/api/v1"))
            .app_data(Endpoint::new(first))
            .default_service(web::to(move || refuse_method(allow.clone())));
        for route in here {
            let mut methods = guard::Any(guard::fn_guard(|_| false));
            for method in &route.methods {
                methods = methods.or(guard::Method(method.clone()));
                if *method == Method::GET {
                    methods = methods.or(guard::Head());
                }
            }
            resource = resource.route((route.register)().guard(methods));
        }
        scope = scope.service(resource);
    }
    config.service(scope.wrap(from_fn(frame::frame)));
    vault::configure(config);
}

/// The methods of an address, as `Allow` lists them (RFC 9110 §10.2.1).
fn allow_of(here: &[Route]) -> String {
    let mut names: Vec<&str> = here.iter().flat_map(|route| &route.methods).map(Method::as_str).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    names.join(", ")
}

async fn refuse_address() -> Answer {
    Err(crate::error::Error::NotFound.into())
}

async fn refuse_method(allow: String) -> Answer {
    Err(Problem::method(&allow))
}
