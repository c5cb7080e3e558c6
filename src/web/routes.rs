//! The route table: a row says who may and registers the route, so that a route without a policy cannot exist.

use crate::error::Error;
use crate::measure::Endpoint;
use crate::model::permission::{
    ConnectCredential, CreateCredential, DeleteCredential, EditCredential, ExportAudit, LeaveWorkspace, ManageApps,
    ManageBots, ManageMail, ManageMembers, ManageSettings, ManageSupport, ManageTokens, Permission, ReadAudit,
    ReadBots, ReadCredentials, ReadIntegrations, ReadMembers, ReadOverview, RenameCredential, ReplaceCredential,
    RestoreCredential, Role, RotateCredential, SendTestMail, SuspendCredential, VerifyCredential,
};
use crate::web::answer::{Answer, Fault};
use crate::web::guard::{Can, SignedIn};
use crate::web::{
    account, audit, bots, credentials, entry, health, integrations, oauth, overview, people, settings, tokens,
};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpResponse, Responder, guard, web};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Anybody who is signed in.
    SignedIn,
    /// Members of the workspace whose role has the permission.
    Workspace {
        /// The permission's name.
        permission: &'static str,
        /// The roles that have it.
        roles: &'static [Role],
    },
}

/// One route with its policy.
pub struct Route {
    /// The method; `GET` answers `HEAD` too.
    pub method: Method,
    /// The pattern of the address.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    register: Box<dyn Fn() -> actix_web::Route>,
}

/// Arguments of a handler that begin with the permission `P`.
pub trait BeginsWith<P> {}
impl<P: Permission> BeginsWith<Can<P>> for (Can<P>,) {}
impl<P: Permission, A> BeginsWith<Can<P>> for (Can<P>, A) {}
impl<P: Permission, A, B> BeginsWith<Can<P>> for (Can<P>, A, B) {}
impl<P: Permission, A, B, C> BeginsWith<Can<P>> for (Can<P>, A, B, C) {}
impl<P: Permission, A, B, C, D> BeginsWith<Can<P>> for (Can<P>, A, B, C, D) {}
impl<A> BeginsWith<SignedIn> for (SignedIn, A) {}
impl<A, B> BeginsWith<SignedIn> for (SignedIn, A, B) {}
impl<A, B, C> BeginsWith<SignedIn> for (SignedIn, A, B, C) {}

fn row<H, A>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<A>,
    A: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    let register = Box::new(move || web::route().to(handler.clone()));
    Route { method, path, access, register }
}

fn public<H, A>(method: Method, path: &'static str, handler: H) -> Route
where
    H: Handler<A>,
    A: FromRequest + 'static,
    H::Output: Responder + 'static,
{
    row(method, path, Access::Public, handler)
}

fn signed_in<H, A>(method: Method, path: &'static str, handler: H) -> Route
where
    H: Handler<A>,
    A: FromRequest + BeginsWith<SignedIn> + 'static,
    H::Output: Responder + 'static,
{
    row(method, path, Access::SignedIn, handler)
}

fn workspace<P, H, A>(method: Method, path: &'static str, handler: H) -> Route
where
    P: Permission,
    H: Handler<A>,
    A: FromRequest + BeginsWith<Can<P>> + 'static,
    H::Output: Responder + 'static,
{
    row(method, path, Access::Workspace { permission: P::NAME, roles: P::ROLES }, handler)
}

/// Every route. Fixed addresses stand before patterns that would match them.
pub fn table() -> Vec<Route> {
    use Method as M;
    let (get, post) = (M::GET, M::POST);
    vec![
        public(get.clone(), "/", entry::home::index),
        public(get.clone(), "/health/live", health::live),
        public(get.clone(), "/health/ready", health::ready),
        public(get.clone(), "/setup", entry::setup::new),
        public(post.clone(), "/setup", entry::setup::create),
        public(get.clone(), "/sign-in", entry::sign_in::new),
        public(post.clone(), "/sign-in", entry::sign_in::create),
        public(post.clone(), "/sign-out", entry::sign_in::destroy),
        public(get.clone(), "/invitations/{token}", people::invited::show),
        public(post.clone(), "/invitations/{token}", people::invited::accept),
        signed_in(get.clone(), "/confirm", entry::confirm::new),
        signed_in(post.clone(), "/confirm", entry::confirm::create),
        public(get.clone(), "/sign-in/second-factor", entry::second_factor::new),
        public(post.clone(), "/sign-in/second-factor", entry::second_factor::create),
        public(post.clone(), "/sign-in/passkey", entry::passkey::create),
        public(post.clone(), "/sign-in/passkey/options", entry::passkey::options),
        public(get.clone(), "/password/forgot", entry::reset::forgot),
        public(post.clone(), "/password/forgot", entry::reset::ask),
        public(get.clone(), "/password/reset/{token}", entry::reset::choose),
        public(post.clone(), "/password/reset/{token}", entry::reset::redeem),
        signed_in(get.clone(), "/account", account::profile::edit),
        signed_in(post.clone(), "/account", account::profile::update),
        signed_in(get.clone(), "/account/password", account::password::edit),
        signed_in(post.clone(), "/account/password", account::password::update),
        signed_in(get.clone(), "/account/email", account::email::edit),
        signed_in(post.clone(), "/account/email", account::email::update),
        signed_in(get.clone(), "/account/email/{token}", account::email::confirm),
        signed_in(post.clone(), "/account/email/{token}", account::email::confirmed),
        signed_in(get.clone(), "/account/second-factor", account::second_factor::show),
        signed_in(post.clone(), "/account/second-factor", account::second_factor::update),
        signed_in(get.clone(), "/account/passkeys", account::passkeys::index),
        signed_in(post.clone(), "/account/passkeys", account::passkeys::update),
        signed_in(post.clone(), "/account/passkeys/options", account::passkeys::options),
        signed_in(get.clone(), "/account/sessions", account::sessions::index),
        signed_in(post.clone(), "/account/sessions", account::sessions::end),
        signed_in(get.clone(), "/support", settings::open::index),
        workspace::<ReadCredentials, _, _>(get.clone(), "/w/{slug}", credentials::index::root),
        workspace::<ReadCredentials, _, _>(get.clone(), "/w/{slug}/credentials", credentials::index::index),
        workspace::<CreateCredential, _, _>(post.clone(), "/w/{slug}/credentials", credentials::create::create),
        workspace::<CreateCredential, _, _>(get.clone(), "/w/{slug}/credentials/new", credentials::create::new),
        workspace::<CreateCredential, _, _>(post.clone(), "/w/{slug}/credentials/form", credentials::create::redraw),
        workspace::<DeleteCredential, _, _>(get.clone(), "/w/{slug}/credentials/deleted", credentials::deleted::index),
        workspace::<ReadCredentials, _, _>(get.clone(), "/w/{slug}/credentials/{id}", credentials::show::show),
        workspace::<EditCredential, _, _>(post.clone(), "/w/{slug}/credentials/{id}", credentials::edit::update),
        workspace::<EditCredential, _, _>(get.clone(), "/w/{slug}/credentials/{id}/edit", credentials::edit::edit),
        workspace::<EditCredential, _, _>(post.clone(), "/w/{slug}/credentials/{id}/form", credentials::edit::redraw),
        workspace::<RenameCredential, _, _>(get.clone(), "/w/{slug}/credentials/{id}/name", credentials::name::edit),
        workspace::<RenameCredential, _, _>(post.clone(), "/w/{slug}/credentials/{id}/name", credentials::name::update),
        workspace::<VerifyCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/checks",
            credentials::checks::create,
        ),
        workspace::<SendTestMail, _, _>(
            get.clone(),
            "/w/{slug}/credentials/{id}/test-mail",
            credentials::test_mail::new,
        ),
        workspace::<SendTestMail, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/test-mail",
            credentials::test_mail::create,
        ),
        workspace::<RotateCredential, _, _>(
            get.clone(),
            "/w/{slug}/credentials/{id}/rotation",
            credentials::rotation::new,
        ),
        workspace::<RotateCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/rotation",
            credentials::rotation::create,
        ),
        workspace::<RotateCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/rotation/promote",
            credentials::staging::promote,
        ),
        workspace::<RotateCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/rotation/rollback",
            credentials::staging::roll_back,
        ),
        workspace::<ReplaceCredential, _, _>(
            get.clone(),
            "/w/{slug}/credentials/{id}/replacement",
            credentials::replacement::new,
        ),
        workspace::<ReplaceCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/replacement",
            credentials::replacement::create,
        ),
        workspace::<SuspendCredential, _, _>(
            get.clone(),
            "/w/{slug}/credentials/{id}/suspension",
            credentials::suspension::new,
        ),
        workspace::<SuspendCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/suspension",
            credentials::suspension::create,
        ),
        workspace::<DeleteCredential, _, _>(
            get.clone(),
            "/w/{slug}/credentials/{id}/deletion",
            credentials::deletion::new,
        ),
        workspace::<DeleteCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/deletion",
            credentials::deletion::create,
        ),
        workspace::<RestoreCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/restoration",
            credentials::deleted::restore,
        ),
        workspace::<DeleteCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/purge",
            credentials::deleted::purge,
        ),
        workspace::<ReadOverview, _, _>(get.clone(), "/w/{slug}/overview", overview::index),
        workspace::<ManageSettings, _, _>(get.clone(), "/w/{slug}/settings", settings::edit::edit),
        workspace::<ManageSettings, _, _>(post.clone(), "/w/{slug}/settings", settings::edit::update),
        workspace::<ManageSettings, _, _>(get.clone(), "/w/{slug}/settings/deletion", settings::danger::ask),
        workspace::<ManageSettings, _, _>(post.clone(), "/w/{slug}/settings/deletion", settings::danger::delete),
        workspace::<ManageMembers, _, _>(get.clone(), "/w/{slug}/settings/transfer", settings::danger::choose),
        workspace::<ManageMembers, _, _>(post.clone(), "/w/{slug}/settings/transfer", settings::danger::hand_over),
        workspace::<ManageSupport, _, _>(post.clone(), "/w/{slug}/settings/support", settings::support::create),
        workspace::<ManageSupport, _, _>(post.clone(), "/w/{slug}/settings/support/end", settings::support::end),
        workspace::<ConnectCredential, _, _>(
            post.clone(),
            "/w/{slug}/credentials/{id}/connect",
            oauth::connect::create,
        ),
        workspace::<ConnectCredential, _, _>(get.clone(), "/w/{slug}/flows/{flow}", oauth::flows::show),
        workspace::<ConnectCredential, _, _>(post.clone(), "/w/{slug}/flows/{flow}", oauth::flows::update),
        workspace::<ManageApps, _, _>(get.clone(), "/w/{slug}/apps/{integration}", oauth::apps::edit),
        workspace::<ManageApps, _, _>(post.clone(), "/w/{slug}/apps/{integration}", oauth::apps::update),
        public(get.clone(), "/oauth/callback", oauth::callback::show),
        workspace::<ReadAudit, _, _>(get.clone(), "/w/{slug}/audit", audit::index::index),
        workspace::<ExportAudit, _, _>(get.clone(), "/w/{slug}/audit.jsonl", audit::export::jsonl),
        workspace::<ExportAudit, _, _>(get.clone(), "/w/{slug}/audit.csv", audit::export::csv),
        workspace::<ReadMembers, _, _>(get.clone(), "/w/{slug}/members", people::members::index),
        workspace::<ManageMembers, _, _>(get.clone(), "/w/{slug}/members/{member}", people::members::show),
        workspace::<ManageMembers, _, _>(post.clone(), "/w/{slug}/members/{member}", people::members::update),
        workspace::<ManageMembers, _, _>(get.clone(), "/w/{slug}/members/{member}/removal", people::removal::new),
        workspace::<ManageMembers, _, _>(post.clone(), "/w/{slug}/members/{member}/removal", people::removal::create),
        workspace::<ManageMembers, _, _>(get.clone(), "/w/{slug}/members/{member}/report", people::removal::report),
        workspace::<LeaveWorkspace, _, _>(get.clone(), "/w/{slug}/departure", people::departure::new),
        workspace::<LeaveWorkspace, _, _>(post.clone(), "/w/{slug}/departure", people::departure::create),
        workspace::<ManageMembers, _, _>(get.clone(), "/w/{slug}/invitations", people::invitations::index),
        workspace::<ManageMembers, _, _>(post.clone(), "/w/{slug}/invitations", people::invitations::create),
        workspace::<ManageMembers, _, _>(
            post.clone(),
            "/w/{slug}/invitations/{invitation}/delivery",
            people::invitations::renew,
        ),
        workspace::<ManageMembers, _, _>(
            post.clone(),
            "/w/{slug}/invitations/{invitation}/withdrawal",
            people::invitations::withdraw,
        ),
        workspace::<ManageMail, _, _>(get.clone(), "/w/{slug}/mail", people::mail::index),
        workspace::<ManageMail, _, _>(post.clone(), "/w/{slug}/mail", people::mail::create),
        workspace::<ManageMail, _, _>(post.clone(), "/w/{slug}/mail/{mail}/delivery", people::mail::deliver),
        workspace::<ReadBots, _, _>(get.clone(), "/w/{slug}/bots", bots::index::index),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots", bots::index::create),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/new", bots::index::new),
        workspace::<ReadBots, _, _>(get.clone(), "/w/{slug}/bots/{id}", bots::show::show),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}", bots::edit::update),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/edit", bots::edit::edit),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/deletion", bots::deletion::new),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}/deletion", bots::deletion::create),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/publication", bots::publication::edit),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}/publication", bots::publication::update),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/tokens", tokens::index),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/tokens", tokens::create),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/tokens/{token}", tokens::show),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/tokens/{token}/rotation", tokens::rotation),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/tokens/{token}/rotation", tokens::rotate),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/tokens/{token}/revocation", tokens::revocation),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/tokens/{token}/revocation", tokens::revoke),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/bots/{id}/tokens", tokens::index),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/bots/{id}/tokens", tokens::create),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/bots/{id}/tokens/{token}", tokens::show),
        workspace::<ManageTokens, _, _>(get.clone(), "/w/{slug}/bots/{id}/tokens/{token}/rotation", tokens::rotation),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/bots/{id}/tokens/{token}/rotation", tokens::rotate),
        workspace::<ManageTokens, _, _>(
            get.clone(),
            "/w/{slug}/bots/{id}/tokens/{token}/revocation",
            tokens::revocation,
        ),
        workspace::<ManageTokens, _, _>(post.clone(), "/w/{slug}/bots/{id}/tokens/{token}/revocation", tokens::revoke),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/blocks", bots::blocks::new),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}/blocks", bots::blocks::create),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/blocks/{block}", bots::blocks::edit),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}/blocks/{block}", bots::blocks::update),
        workspace::<ManageBots, _, _>(get.clone(), "/w/{slug}/bots/{id}/blocks/{block}/removal", bots::blocks::removal),
        workspace::<ManageBots, _, _>(post.clone(), "/w/{slug}/bots/{id}/blocks/{block}/removal", bots::blocks::remove),
        workspace::<ReadIntegrations, _, _>(get.clone(), "/w/{slug}/integrations", integrations::index),
        workspace::<ReadIntegrations, _, _>(get, "/w/{slug}/integrations/{integration}", integrations::show),
    ]
}

/// Registers the table; other methods of a known address answer 405, unknown addresses 404.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut table = table();
    while let Some(first) = table.first().map(|route| route.path) {
        let (here, rest): (Vec<_>, Vec<_>) = table.into_iter().partition(|route| route.path == first);
        table = rest;
        let allow = allow_of(&here);
        let mut resource = web::resource(first)
            .app_data(Endpoint::new(first))
            .default_service(web::to(move |_: Option<SignedIn>| refuse_method(allow.clone())));
        for route in here {
            let method = route.method.clone();
            let registered = (route.register)();
            resource = resource.route(if method == Method::GET {
                registered.guard(guard::Any(guard::Get()).or(guard::Head()))
            } else {
                registered.guard(guard::Method(method))
            });
        }
        config.service(resource);
    }
    config.default_service(web::to(refuse_address));
}

/// The methods of an address, as `Allow` lists them (RFC 9110 §10.2.1).
fn allow_of(here: &[Route]) -> String {
    let head = here.iter().any(|route| route.method == Method::GET).then_some("HEAD");
    here.iter().map(|route| route.method.as_str()).chain(head).collect::<Vec<_>>().join(", ")
}

async fn refuse_method(allow: String) -> Answer {
    let mut refused = HttpResponse::from_error(Fault(Error::MethodNotAllowed));
    refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_str(&allow).map_err(Error::internal)?);
    Ok(refused)
}

async fn refuse_address(_: Option<SignedIn>) -> Answer {
    Err(Fault(Error::NotFound))
}
