//! `GET/POST …/settings/deletion` and `…/settings/transfer`: what cannot be taken back.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::alert;
use crate::model::member;
use crate::model::permission::{ManageMembers, ManageSettings, Role};
use crate::model::user::User;
use crate::model::workspace::Workspace;
use crate::model::workspace_deletion;
use crate::web::alert_mail;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::list::Pick;
use crate::web::pages::settings::{Deletion, Transfer};
use crate::web::pages::shell::Nav;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// People who are offered to take over.
const OFFERED: i64 = 200;
/// Transactions, of some hundred rows each, for which whoever deletes a workspace waits.
const AT_ONCE: usize = 10;

/// `GET …/settings/deletion`.
pub async fn ask(can: Can<ManageSettings>, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&deletion(&can, &app, TextBox::default(), fresh::asked(&app, &req).await?).await?)
}

/// `POST …/settings/deletion` (`confirm_name current_password`): the workspace's name, typed.
pub async fn delete(can: Can<ManageSettings>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let typed = fields.text("confirm_name");
    let remarked =
        |text: String| TextBox { error: Some(Remark { code: "confirm_name", text }), ..TextBox::of(typed.clone()) };
    let name = &can.standing.workspace.name;
    if typed.trim() != name {
        let entry = remarked(format!("Type “{name}” to delete it."));
        let form = deletion(&can, &app, entry, fresh::asked(&app, &req).await?).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        let form = deletion(&can, &app, TextBox::of(typed), Some(asked)).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let alert = alert_mail::of(&can, &req, "deleted the whole workspace")?;
    let (means, allowed, name) = (app.means.clone(), can.allowed.clone(), typed.clone());
    let done = app.db.write(move |tx| {
        alert::tell_of_the_end(tx, &means, allowed.workspace(), &alert)?;
        workspace_deletion::delete(tx, &means, &allowed, &name)
    });
    match done.await {
        Ok(()) => {
            app.mailer.wake();
            sweep(&app, can.workspace()).await?;
            see_other_saying("/", "workspace-deleted")
        }
        Err(Error::Conflict(text)) => {
            page_with(StatusCode::CONFLICT, &deletion(&can, &app, remarked(text), None).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes the rows at once where they are few; what is left is removed in the background.
async fn sweep(app: &App, workspace: &Id<Workspace>) -> Result<()> {
    for _ in 0..AT_ONCE {
        let (means, id) = (app.means.clone(), workspace.clone());
        if app.db.write(move |tx| workspace_deletion::sweep(tx, &means, &id)).await? {
            break;
        }
    }
    Ok(())
}

async fn deletion(
    can: &Can<ManageSettings>,
    app: &App,
    confirm: TextBox,
    ask_password: Option<Proof>,
) -> Result<Deletion> {
    let (workspace, now) = (can.workspace().clone(), app.means.now());
    let losses = app.db.read(move |conn| workspace_deletion::losses(conn, &workspace, now)).await?;
    Ok(Deletion {
        shell: shell::inside(app, can, "Delete this workspace", Nav::Settings),
        root: can.root(),
        name: can.standing.workspace.name.clone(),
        more: losses.published_total - i64::try_from(losses.published.len()).unwrap_or(i64::MAX),
        published: losses.published,
        tokens: losses.tokens,
        credentials: losses.credentials,
        people: losses.people,
        confirm,
        ask_password,
    })
}

/// `GET …/settings/transfer`.
pub async fn choose(can: Can<ManageMembers>, req: HttpRequest, app: web::Data<App>) -> Answer {
    page(&transfer(&can, &app, TextBox::default(), fresh::asked(&app, &req).await?).await?)
}

/// `POST …/settings/transfer` (`member current_password`): they become an admin, and whoever asks a member.
pub async fn hand_over(can: Can<ManageMembers>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let typed = fields.text("member");
    let remarked =
        |text: String| TextBox { error: Some(Remark { code: "member", text }), ..TextBox::of(typed.clone()) };
    let own = &can.standing.user.id;
    let Some(user) = Id::<User>::parse(&typed).filter(|user| user != own) else {
        let entry = remarked("Choose who takes over.".to_owned());
        let form = transfer(&can, &app, entry, fresh::asked(&app, &req).await?).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    };
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        let form = transfer(&can, &app, TextBox::of(typed), Some(asked)).await?;
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    match app.db.write(move |tx| member::set_role(tx, &means, &allowed, &user, Role::Admin, true)).await {
        Ok(()) => see_other_saying(format!("{}/credentials", can.root()), "handed-over"),
        Err(Error::Conflict(text)) => {
            page_with(StatusCode::CONFLICT, &transfer(&can, &app, remarked(text), None).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn transfer(
    can: &Can<ManageMembers>,
    app: &App,
    chosen: TextBox,
    ask_password: Option<Proof>,
) -> Result<Transfer> {
    let (workspace, now) = (can.workspace().clone(), app.means.now());
    let people = app.db.read(move |conn| member::page(conn, &workspace, "", now, OFFERED)).await?;
    let own = &can.standing.user.id;
    let may = people.into_iter().filter(|one| one.user.id != *own && one.role != Role::Support);
    let picks = may.filter(|one| one.disabled_at.is_none()).map(|one| Pick {
        selected: chosen.value == one.user.id.as_str(),
        value: one.user.id.to_string(),
        label: format!("{} ({}, {})", one.user.name, one.user.email, shell::role_word(one.role)),
    });
    Ok(Transfer {
        shell: shell::inside(app, can, "Hand this workspace over", Nav::Settings),
        root: can.root(),
        name: can.standing.workspace.name.clone(),
        people: picks.collect(),
        member: chosen,
        ask_password,
    })
}
