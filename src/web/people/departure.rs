//! Leaving a workspace by oneself.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::Error;
use crate::model::member;
use crate::model::permission::LeaveWorkspace;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::people::Departure;
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET …/departure`.
pub async fn new(can: Can<LeaveWorkspace>, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&drawn(&can, &app, TextBox::default(), fresh::asked(&app, &req).await?))
}

/// `POST …/departure` (`confirm_name current_password`): the workspace's name, typed.
pub async fn create(can: Can<LeaveWorkspace>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let typed = fields.text("confirm_name");
    let remarked = |code, text: String| TextBox { error: Some(Remark { code, text }), ..TextBox::of(typed.clone()) };
    let name = &can.standing.workspace.name;
    if typed.trim() != name {
        let entry = remarked("confirm_name", format!("Type “{name}” to leave it."));
        let form = drawn(&can, &app, entry, fresh::asked(&app, &req).await?);
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        let form = drawn(&can, &app, TextBox::of(typed), Some(asked));
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    match app.db.write(move |tx| member::leave(tx, &means, &allowed)).await {
        Ok(()) => see_other_saying("/", "left"),
        Err(Error::Conflict(text)) => {
            let form = drawn(&can, &app, remarked("last_admin", text), None);
            page_with(StatusCode::CONFLICT, &form)
        }
        Err(error) => Err(error.into()),
    }
}

fn drawn(can: &Can<LeaveWorkspace>, app: &App, confirm: TextBox, asked: Option<Proof>) -> Departure {
    Departure {
        shell: shell::inside(app, can, &format!("Leave {}", can.standing.workspace.name), Nav::Account),
        root: can.root(),
        name: can.standing.workspace.name.clone(),
        confirm,
        ask_password: asked,
    }
}
