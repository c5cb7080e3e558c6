//! Asking people into a workspace.

use super::part;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::token;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::mail::letter;
use crate::model::invitation::{self, Invitation};
use crate::model::outbox::{self, Promise};
use crate::model::permission::{ManageMembers, Role};
use crate::model::user::{self, User};
use crate::secret::Secret;
use crate::web::answer::{Answer, page_with, see_other_saying};
use crate::web::body::Posted;
use crate::web::fresh;
use crate::web::guard::Can;
use crate::web::once;
use crate::web::pages::form::{Proof, TextBox};
use crate::web::pages::people::{InvitationRow, Invitations};
use crate::web::pages::shell::Nav;
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

type Allowed = Can<ManageMembers>;

/// What the form holds.
#[derive(Default)]
struct Typed {
    email: TextBox,
    role: TextBox,
    asked: Option<Proof>,
}

/// `GET …/invitations`.
pub async fn index(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let base = format!("{}/invitations", can.root());
    let carried = once::taken(&app, &req, &base);
    let typed = Typed { role: TextBox::of("member"), asked: fresh::asked(&app, &req).await?, ..Typed::default() };
    let (link, spent) = carried.unzip();
    let mut response = drawn(&can, &app, typed, link.as_ref(), StatusCode::OK).await?;
    if let Some(spent) = spent {
        response.add_cookie(&spent).map_err(Error::internal)?;
    }
    Ok(response)
}

/// `POST …/invitations` (`email role current_password`).
pub async fn create(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let mut fields = posted.fields().await?;
    let (email, role) = (fields.text("email").trim().to_owned(), fields.text("role"));
    let mut typed = Typed { email: TextBox::of(email.clone()), role: TextBox::of(role.clone()), asked: None };
    let wanted = Role::parse(&role);
    if let Err(error) = user::checked_email(&email) {
        typed.email.error = Some(Remark { code: "email", text: error.to_string() });
    }
    if wanted.is_none() {
        typed.role.error = Some(Remark { code: "role", text: "Choose a role: admin, member or support.".into() });
    }
    let (Some(wanted), None) = (wanted, &typed.email.error) else {
        typed.asked = fresh::asked(&app, &req).await?;
        return drawn(&can, &app, typed, None, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    typed.asked = fresh::judge(&app, &req, &mut fields).await?;
    if typed.asked.is_some() {
        return drawn(&can, &app, typed, None, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let link = token::fresh(app.means.keyring.random())?;
    let (means, allowed, sent) = (app.means.clone(), can.allowed.clone(), link.duplicate());
    let letter = letter_of(&can, &app, &link)?;
    let done = app
        .db
        .write(move |tx| {
            let made = invitation::create(tx, &means, &allowed, &email, wanted, &sent)?;
            promise(tx, &means, &made, &letter)
        })
        .await;
    match done {
        Ok(()) => sent_off(&can, &app, &link),
        Err(Error::Conflict(text)) => {
            typed.email.error = Some(Remark { code: "invited", text });
            drawn(&can, &app, typed, None, StatusCode::CONFLICT).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST …/invitations/{invitation}/delivery`: another mail with another link.
pub async fn renew(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let id = part::<Invitation>(&req, "invitation")?;
    let link = token::fresh(app.means.keyring.random())?;
    let letter = letter_of(&can, &app, &link)?;
    let (means, allowed, sent) = (app.means.clone(), can.allowed.clone(), link.duplicate());
    app.db
        .write(move |tx| {
            let found = invitation::renew(tx, &means, &allowed, &id, &sent)?;
            promise(tx, &means, &found, &letter)
        })
        .await?;
    sent_off(&can, &app, &link)
}

/// `POST …/invitations/{invitation}/withdrawal`.
pub async fn withdraw(can: Allowed, req: HttpRequest, app: web::Data<App>) -> Answer {
    let id: Id<Invitation> = part(&req, "invitation")?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| invitation::withdraw(tx, &means, &allowed, &id)).await?;
    see_other_saying(format!("{}/invitations", can.root()), "withdrawn")
}

fn address(app: &App, link: &Secret) -> Secret {
    let base = app.config.public_url.as_str().trim_end_matches('/');
    Secret::new(format!("{base}/invitations/{}", link.expose()))
}

fn letter_of(can: &Allowed, app: &App, link: &Secret) -> Result<letter::Letter> {
    let (workspace, by) = (&can.standing.workspace.name, &can.standing.user);
    letter::invitation(workspace, &by.name, &by.email, address(app, link).expose())
}

fn promise(
    tx: &mut crate::db::Tx<'_>,
    means: &crate::model::Means,
    made: &Invitation,
    letter: &letter::Letter,
) -> Result<()> {
    let mail = Promise {
        workspace: Some(&made.workspace_id),
        user: None,
        kind: "invitation",
        to: &made.email,
        subject: &letter.subject,
        text: &letter.text,
        good_for: invitation::GOOD_FOR,
    };
    outbox::promise(tx, means, &mail).map(drop)
}

/// Back to the list. Without a mail server the link is shown there, once, to whoever asked.
fn sent_off(can: &Allowed, app: &App, link: &Secret) -> Answer {
    app.mailer.wake();
    let base = format!("{}/invitations", can.root());
    if !app.mailer.keeps() {
        return see_other_saying(base, "invited");
    }
    let mut response = see_other_saying(&base, "invited-link")?;
    if let Some(cookie) = once::carry(app, &base, &address(app, link)) {
        response.add_cookie(&cookie).map_err(Error::internal)?;
    }
    Ok(response)
}

async fn drawn(can: &Allowed, app: &App, typed: Typed, link: Option<&Secret>, status: StatusCode) -> Answer {
    let workspace = can.workspace().clone();
    let (found, people) = app
        .db
        .read(move |conn| {
            let found = invitation::open(conn, &workspace)?;
            let ids: Vec<String> = found.iter().map(|row| row.invited_by.clone()).collect();
            Ok((found, User::names(conn, &ids)?))
        })
        .await?;
    let (base, now) = (format!("{}/invitations", can.root()), app.means.now());
    let rows = found
        .iter()
        .map(|row| InvitationRow {
            id: row.id.to_string(),
            email: row.email.clone(),
            role: shell::role_word(row.role),
            by: people.iter().find(|(id, _)| *id == row.invited_by).map(|(_, name)| name.clone()).unwrap_or_default(),
            at: When::new(row.created_at, now),
            until: When::new(row.expires_at, now),
            over: row.expires_at <= now,
            again: format!("{base}/{}/delivery", row.id),
            withdraw: format!("{base}/{}/withdrawal", row.id),
        })
        .collect();
    let form = Invitations {
        shell: shell::inside(app, can, "Invitations", Nav::Members),
        root: can.root(),
        by_mail: !app.mailer.keeps(),
        link: link.map(|link| link.expose().to_owned()),
        email: typed.email,
        role: typed.role,
        ask_password: typed.asked,
        rows,
        base,
    };
    let response: HttpResponse = page_with(status, &form)?;
    Ok(response)
}
