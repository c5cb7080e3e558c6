//! The read side of the HTTP API of HashiCorp Vault's KV engine, version 2, so that what reads secrets from there
//! reads them from here: the mount is the workspace's slug, the token that of a bot.

mod airflow;
mod envelope;
mod kv;
mod system;

use super::answer::{Answer, header_only};
use super::frame;
use super::problem::{self, Problem};
use super::{caller, take};
use crate::app::App;
use crate::crypto::bot_token;
use crate::measure::Endpoint;
use crate::model::bot_token::{BotToken, Scope};
use crate::model::bot_use::Caller;
use crate::model::workspace::Workspace;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, web};

/// Registers everything below `/v1`.
pub fn configure(config: &mut web::ServiceConfig) {
    let all = web::resource("/{path:.*}").app_data(Endpoint::new("/v1/{path}")).route(web::route().to(any));
    config.service(web::scope("/v1").service(all).wrap(from_fn(frame_of_vault)));
}

async fn frame_of_vault<B: actix_web::body::MessageBody + 'static>(
    req: actix_web::dev::ServiceRequest,
    next: actix_web::middleware::Next<B>,
) -> Result<actix_web::dev::ServiceResponse<actix_web::body::EitherBody<B>>, actix_web::Error> {
    frame::around(req, next, envelope::fault).await
}

/// One request: the path says what it wants, as Vault has it.
async fn any(req: HttpRequest, app: web::Data<App>) -> Answer {
    let path = req.match_info().query("path").trim_end_matches('/').to_owned();
    let lists = req.method().as_str() == "LIST" || has_flag(&req, "list");
    let reads = *req.method() == Method::GET || *req.method() == Method::HEAD;
    if !reads && !lists {
        // As a token whose policy only reads is told.
        return Err(Problem::new(&problem::SCOPE_MISSING, "permission denied"));
    }
    match path.as_str() {
        "sys/health" => return system::health(&app),
        "sys/seal-status" => return system::seal_status(&app),
        "sys/init" => return system::init(),
        _ => {}
    }
    let asked = Visitor::of(&app, &req).await?;
    match path.split_once('/') {
        Some(("auth", "token/lookup-self")) => system::lookup_self(&asked, app.means.now()),
        Some(("sys", "internal/ui/mounts")) => system::mounts(&asked),
        Some(("sys", rest)) => match rest.strip_prefix("internal/ui/mounts/") {
            Some(mount) if mount.split('/').next() == Some(asked.workspace.slug.as_str()) => system::mount(&asked),
            _ => Err(problem_of_path(&path)),
        },
        Some((mount, rest)) if mount == asked.workspace.slug => kv::answer(&req, &app, &asked, rest, lists).await,
        _ => Err(problem_of_path(&path)),
    }
}

/// Whoever asks, recognised, with the workspace of the token.
struct Visitor {
    caller: Caller,
    token: BotToken,
    workspace: Workspace,
}

impl Visitor {
    async fn of(app: &web::Data<App>, req: &HttpRequest) -> Result<Self, Problem> {
        caller::refuse_in_address(app, req).await?;
        let text = match req.headers().get("x-vault-token") {
            Some(value) => value.to_str().unwrap_or_default().to_owned(),
            None => {
                let bearer = req.headers().get("authorization").and_then(|value| value.to_str().ok()?.split_once(' '));
                bearer.map(|(_, token)| token.to_owned()).unwrap_or_default()
            }
        };
        if text.is_empty() {
            return Err(Problem::new(&problem::TOKEN_MISSING, "missing client token"));
        }
        let malformed = || Problem::new(&problem::TOKEN_MALFORMED, "permission denied");
        let caller = caller::caller(app, req, bot_token::read(&text).ok_or_else(malformed)?);
        let token = take::recognised(app, &caller, &[Scope::Fetch]).await?;
        header_only(req)?.judge(app, &token).await?;
        let id = token.workspace_id.clone();
        let workspace = app.db.read(move |conn| Workspace::get(conn, &id)).await?;
        Ok(Self { caller, token, workspace })
    }
}

fn has_flag(req: &HttpRequest, name: &str) -> bool {
    url::form_urlencoded::parse(req.query_string().as_bytes()).any(|(key, value)| key == name && value == "true")
}

fn problem_of_path(path: &str) -> Problem {
    let path: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
    Problem::new(&problem::NOT_FOUND, format!("no handler for route \"{path}\". route entry not found."))
}
