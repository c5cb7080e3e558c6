//! The front door: leads to the person's first workspace, or to signing in.

use crate::app::App;
use crate::model::membership;
use crate::web::answer::{Answer, page_with, see_other};
use crate::web::guard::SignedIn;
use crate::web::pages::error::ErrorPage;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /`.
pub async fn index(req: HttpRequest, app: web::Data<App>) -> Answer {
    let Ok(person) = SignedIn::of(&req) else { return see_other("/sign-in") };
    let (user, now) = (person.user, app.means.now());
    let first = app.db.read(move |conn| membership::workspaces_of(conn, &user, now, 1)).await?;
    match first.first() {
        Some(workspace) => see_other(format!("/w/{}/credentials", workspace.slug)),
        None => {
            let mut page = ErrorPage::of(shell::outside(&app, &req, "No workspace"), 404);
            page.title = "No workspace is open to you".into();
            page.text = "You are signed in, but no workspace has you as a member. Ask an admin to add you.".into();
            page.next.clear();
            page_with(StatusCode::NOT_FOUND, &page)
        }
    }
}
