//! Where one is signed in, and ending that.

use super::frame;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::device;
use crate::model::session::{self, Session};
use crate::web::answer::{Answer, page, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::SignedIn;
use crate::web::pages::account::{SessionRow, Sessions};
use crate::web::pages::time::When;
use actix_web::{HttpRequest, web};

/// Characters of an id that a form names a session by; the id itself is a digest of the key.
const HANDLE: usize = 24;

/// `GET /account/sessions`.
pub async fn index(person: SignedIn, req: HttpRequest, app: web::Data<App>) -> Answer {
    let (user, now) = (person.user.clone(), app.means.now());
    let found = app.db.read(move |conn| Session::of(conn, &user, now)).await?;
    let rows = found
        .iter()
        .map(|session| SessionRow {
            handle: session.id.chars().take(HANDLE).collect(),
            own: session.id.starts_with(&person.actor.session),
            device: device::words(&session.agent),
            agent: session.agent.clone(),
            address: session.address.clone(),
            since: When::new(session.created_at, now),
            seen: When::new(session.seen_at, now),
        })
        .collect();
    page(&Sessions { shell: frame(&app, &req, &person, "Where you are signed in").await?, rows })
}

/// `POST /account/sessions` (`end`: the handle of one, or `others`).
pub async fn end(person: SignedIn, posted: Posted, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let which = chosen(&fields.text("end"))?;
    let (means, actor, user) = (app.means.clone(), person.actor.clone(), person.user.clone());
    let own = which.as_deref().is_some_and(|handle| handle.starts_with(&actor.session));
    app.db.write(move |tx| session::end_own(tx, &means, &user, which.as_deref(), &actor)).await?;
    if own {
        see_other_saying("/sign-in", "session-ended")
    } else {
        see_other_saying("/account/sessions", "session-ended")
    }
}

/// The handle of one session; none for all others.
fn chosen(text: &str) -> Result<Option<String>> {
    let is_handle = text.len() == HANDLE && text.bytes().all(|b| b.is_ascii_hexdigit());
    match text {
        "others" => Ok(None),
        handle if is_handle => Ok(Some(handle.to_owned())),
        _ => Err(Error::Unprocessable("Choose a session of the list.".into())),
    }
}
