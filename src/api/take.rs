//! From a request to a granted call, or to the problem that keeps it from one.

use super::problem::Problem;
use crate::app::App;
use crate::broker::door::{Full, Place};
use crate::catalog::form::Values;
use crate::catalog::schema::Method;
use crate::db::Tx;
use crate::id::Id;
use crate::measure;
use crate::model::attempt;
use crate::model::bot_token::{BotToken, Scope};
use crate::model::bot_use::{self, Asked, Caller, Granted, Purpose, Refusal};
use crate::model::management::{self, Manager};
use crate::model::workspace::Workspace;
use actix_web::web;
use std::sync::atomic::Ordering;

/// Judges a call and opens its values; its line is kept when this returns.
///
/// # Errors
/// The problem of each refusal; 429 above the limits, and 503 when the line cannot be kept.
pub async fn granted(app: &web::Data<App>, asked: Asked) -> Result<Granted, Problem> {
    granted_if(app, asked, |_, _| Ok(())).await
}

/// As [`granted`], if the call can be made with the credential.
///
/// # Errors
/// As [`granted`], and what `fits` says.
pub async fn granted_if(
    app: &web::Data<App>,
    asked: Asked,
    fits: impl Fn(&Method, &Values) -> Result<(), Refusal> + Send + 'static,
) -> Result<Granted, Problem> {
    let purpose = asked.purpose;
    let (_place, home) = enter(app, &asked.caller).await?;
    let (means, catalog, key) = (app.means.clone(), app.catalog.clone(), asked.caller.token.digest.clone());
    let unit = move |tx: &mut Tx<'_>| bot_use::take(tx, &means, &catalog, &asked, &fits);
    let taken = app.db.write_in_group(home.as_str(), unit).await;
    match taken? {
        Ok(granted) => {
            match purpose {
                Purpose::Fetch => measure::USES_FETCHED.add(1),
                Purpose::Use => measure::USES_CALLED.add(1),
            }
            Ok(*granted)
        }
        Err(refusal) => {
            if refusal.may_be_probing() {
                app.door.refused(&key);
            }
            measure::USES_REFUSED.add(1);
            Err(refusal.into())
        }
    }
}

/// The token of a request that lists things: judged now, and written down only when it is refused.
///
/// # Errors
/// As [`granted`].
pub async fn recognised(app: &web::Data<App>, caller: &Caller, scopes: &'static [Scope]) -> Result<BotToken, Problem> {
    let _place = enter(app, caller).await?;
    let (now, asked) = (app.means.now(), caller.clone());
    match app.db.read(move |conn| bot_use::recognise(conn, now, &asked, scopes)).await? {
        Ok(token) => Ok(token),
        Err(refusal) => Err(refused(app, caller, refusal).await?),
    }
}

/// The token of a request that manages its workspace: judged now, its use noted, and written down when it is refused.
///
/// # Errors
/// As [`granted`].
pub async fn manager(app: &web::Data<App>, caller: &Caller) -> Result<Manager, Problem> {
    let _place = enter(app, caller).await?;
    let (now, asked) = (app.means.now(), caller.clone());
    match app.db.read(move |conn| management::recognise(conn, now, &asked)).await? {
        Ok(manager) => {
            if manager.token().is_to_be_noted(now) {
                let used = manager.clone();
                app.db.write(move |tx| management::note(tx, now, &used)).await?;
            }
            Ok(manager)
        }
        Err(refusal) => Err(refused(app, caller, refusal).await?),
    }
}

/// Writes down that a token was refused before it named anything.
async fn refused(app: &web::Data<App>, caller: &Caller, refusal: Refusal) -> Result<Problem, Problem> {
    app.door.refused(&caller.token.digest);
    measure::USES_REFUSED.add(1);
    let (means, asked, why) = (app.means.clone(), caller.clone(), refusal.clone());
    app.db.write(move |tx| bot_use::refused(tx, &means, &asked, &why)).await?;
    Ok(refusal.into())
}

/// A place for a call that is passed on, for as long as it flows; only for a token that the database knows.
///
/// # Errors
/// 401 for others; 429 above the limits.
pub async fn flow(app: &web::Data<App>, caller: &Caller) -> Result<Place, Problem> {
    known(app, caller).await?;
    app.door.flow(&caller.token.digest).map_err(full)
}

/// A place at the door for a token that the database knows. Who comes with others never gets to a write.
async fn enter(app: &web::Data<App>, caller: &Caller) -> Result<(Place, Id<Workspace>), Problem> {
    let home = known(app, caller).await?;
    Ok((app.door.judge(&caller.token.digest).map_err(full)?, home))
}

/// The workspace of a token that the database knows. Whoever comes with others is judged by the network.
async fn known(app: &web::Data<App>, caller: &Caller) -> Result<Id<Workspace>, Problem> {
    let digest = &caller.token.digest;
    if let Some(home) = app.door.home(digest) {
        return Ok(home);
    }
    let network = attempt::network(caller.address);
    let _place = app.door.judge(&network).map_err(full)?;
    let wanted = digest.clone();
    let Some(home) = app.db.read(move |conn| BotToken::workspace_of(conn, &wanted)).await? else {
        app.door.refused(&network);
        app.denials.fetch_add(1, Ordering::Relaxed);
        return Err(Refusal::Unknown.into());
    };
    app.door.learn(digest, &home);
    Ok(home)
}

fn full(full: Full) -> Problem {
    measure::USES_LIMITED.add(1);
    Problem::wait(full.retry_after_s)
}
