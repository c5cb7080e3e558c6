//! Who sends a request: the token in its header, and where it comes from.

use super::problem::{self, Problem};
use crate::app::App;
use crate::crypto::bot_token::{self, Presented};
use crate::model::attempt;
use crate::model::bot_token::{BotToken, leaked};
use crate::model::bot_use::Caller;
use crate::model::permission::Actor;
use crate::web::client;
use crate::work;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpRequest, web};

/// The caller of a request with `Authorization: Bearer`.
///
/// # Errors
/// 401 without a token or with what is none; 400 for a token in the address, which is marked as leaked.
pub async fn bearer(app: &web::Data<App>, req: &HttpRequest) -> Result<Caller, Problem> {
    refuse_in_address(app, req).await?;
    let token = token(req.headers())?;
    Ok(caller(app, req, token))
}

/// A caller whose token was read already.
pub fn caller(app: &web::Data<App>, req: &HttpRequest, token: Presented) -> Caller {
    let route = req.match_pattern().unwrap_or_default();
    Caller { token, address: client::address(req, &app.config), actor: nobody(app, req), route }
}

/// How the audit log names whoever has not been recognised.
fn nobody(app: &web::Data<App>, req: &HttpRequest) -> Actor {
    let address = client::address(req, &app.config).map(|ip| ip.to_string()).unwrap_or_default();
    Actor {
        kind: "anonymous",
        id: String::new(),
        session: String::new(),
        address,
        agent: client::agent(req),
        request_id: work::current_id(),
    }
}

fn token(headers: &HeaderMap) -> Result<Presented, Problem> {
    let mut all = headers.get_all(AUTHORIZATION);
    let Some(first) = all.next() else {
        return Err(Problem::new(&problem::TOKEN_MISSING, "This request has no header Authorization."));
    };
    let malformed = || Problem::new(&problem::TOKEN_MALFORMED, "What was sent is not a token of this console.");
    if all.next().is_some() {
        return Err(Problem::new(&problem::TOKEN_MALFORMED, "This request has two headers Authorization."));
    }
    let text = first.to_str().map_err(|_| malformed())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::new(&problem::TOKEN_MISSING, "The header Authorization must begin with Bearer."));
    }
    bot_token::read(rest.trim_matches(' ')).ok_or_else(malformed)
}

/// A token in an address is in logs by now: it is refused, and marked for whoever looks after it.
///
/// # Errors
/// 400 when there is one; others when storage fails.
pub async fn refuse_in_address(app: &web::Data<App>, req: &HttpRequest) -> Result<(), Problem> {
    let Some(address) = req.uri().path_and_query().map(|address| address.as_str()) else { return Ok(()) };
    if !address.contains(bot_token::MARK) {
        return Ok(());
    }
    let found = bot_token::within(address);
    if found.is_empty() {
        return Ok(());
    }
    let network = attempt::network(client::address(req, &app.config));
    let _place = app.door.judge(&network).map_err(|full| Problem::wait(full.retry_after_s))?;
    app.door.refused(&network);
    for token in found {
        let (digest, actor, means) = (token.digest, nobody(app, req), app.means.clone());
        let wanted = digest.clone();
        if app.db.read(move |conn| BotToken::workspace_of(conn, &wanted)).await?.is_some() {
            app.db.write(move |tx| leaked(tx, &means, &digest, &actor)).await?;
        }
    }
    Err(Problem::new(&problem::TOKEN_IN_ADDRESS, "There is a token in the address of this request."))
}
