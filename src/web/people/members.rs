//! Who belongs to a workspace, and what they may do.

use super::part;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::error::{Error, Result};
use crate::model::member::{self, Member};
use crate::model::permission::{ManageMembers, Permission, ReadMembers, Role};
use crate::model::user::User;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::people::{MemberPage, MemberRow, Members};
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// Rows of a page.
const PAGE: i64 = 100;

/// `GET …/members` (`after`).
pub async fn index(can: Can<ReadMembers>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let after = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "after")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    let (workspace, now, is_first) = (can.workspace().clone(), app.means.now(), after.is_empty());
    let (mut found, total) = app
        .db
        .read(move |conn| {
            let page = member::page(conn, &workspace, &after, now, PAGE + 1)?;
            Ok((page, member::count(conn, &workspace, now)?))
        })
        .await?;
    let base = format!("{}/members", can.root());
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|last| {
        let key: String = url::form_urlencoded::byte_serialize(last.email_key.as_bytes()).collect();
        format!("{base}?after={key}")
    });
    page(&Members {
        shell: shell::inside(&app, &can, "Members", Nav::Members),
        total,
        manages: can.is_admin(),
        rows: found.into_iter().map(|one| row(&app, &can, &base, one)).collect(),
        root: can.root(),
        first: (!is_first).then_some(base),
        next,
    })
}

fn row<P: Permission>(app: &App, can: &Can<P>, base: &str, one: Member) -> MemberRow {
    let now = app.means.now();
    MemberRow {
        href: can.is_admin().then(|| format!("{base}/{}", one.user.id)),
        own: one.user.id == can.standing.user.id,
        id: one.user.id.to_string(),
        name: one.user.name,
        email: one.user.email,
        role: shell::role_word(one.role),
        second_factor: can.is_admin().then_some(one.second_factor),
        disabled: one.disabled_at.is_some(),
        since: When::new(one.since, now),
        until: one.until.map(|at| When::new(at, now)),
    }
}

/// `GET …/members/{member}`: one of them, and the form for another role.
pub async fn show(can: Can<ManageMembers>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let one = load(&can, &req, &app).await?;
    let role = TextBox::of(one.role.as_str());
    page(&drawn(&app, &can, one, (role, false), fresh::asked(&app, &req).await?))
}

/// `POST …/members/{member}` (`role step_down current_password`).
pub async fn update(can: Can<ManageMembers>, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let one = load(&can, &req, &app).await?;
    let (typed, steps_down) = (fields.text("role"), fields.flag("step_down"));
    let Some(role) = Role::parse(&typed) else {
        let error = Some(Remark { code: "role", text: "Choose a role: admin, member or support.".into() });
        let role = TextBox { error, ..TextBox::of(one.role.as_str()) };
        let form = drawn(&app, &can, one, (role, steps_down), fresh::asked(&app, &req).await?);
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    };
    if let Some(asked) = fresh::judge(&app, &req, &mut fields).await? {
        let form = drawn(&app, &can, one, (TextBox::of(typed), steps_down), Some(asked));
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (means, allowed, user) = (app.means.clone(), can.allowed.clone(), one.user.id.clone());
    let done = app.db.write(move |tx| member::set_role(tx, &means, &allowed, &user, role, steps_down)).await;
    match done {
        Ok(()) if steps_down && role == Role::Admin => {
            see_other_saying(format!("{}/credentials", can.root()), "handed-over")
        }
        // Whoever takes their own role away may not see the list of members any more.
        Ok(()) if one.user.id == can.standing.user.id && role == Role::Member => {
            see_other_saying(format!("{}/credentials", can.root()), "role")
        }
        Ok(()) => see_other_saying(format!("{}/members", can.root()), "role"),
        Err(Error::Conflict(text)) => {
            let role = TextBox { error: Some(Remark { code: "last_admin", text }), ..TextBox::of(typed) };
            page_with(StatusCode::CONFLICT, &drawn(&app, &can, one, (role, steps_down), None))
        }
        Err(error) => Err(error.into()),
    }
}

/// The member that the address names.
pub(super) async fn load<P: Permission>(can: &Can<P>, req: &HttpRequest, app: &App) -> Result<Member> {
    let (workspace, user, now) = (can.workspace().clone(), part::<User>(req, "member")?, app.means.now());
    app.db.read(move |conn| member::get(conn, &workspace, &user, now)).await
}

/// The page of a member, with the role and `step_down` as they are chosen.
fn drawn(
    app: &App,
    can: &Can<ManageMembers>,
    one: Member,
    (role, steps_down): (TextBox, bool),
    asked: Option<Proof>,
) -> MemberPage {
    let base = format!("{}/members", can.root());
    MemberPage {
        shell: shell::inside(app, can, &one.user.name, Nav::Members),
        role,
        steps_down,
        may_step_down: one.user.id != can.standing.user.id && one.role != Role::Admin,
        ask_password: asked,
        member: row(app, can, &base, one),
        base,
    }
}
