//! `/invitations/{token}`: whoever was asked comes in, as somebody new or as somebody who is known.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::password_rules::{SHORTEST, check_password};
use crate::error::{Error, Result};
use crate::model::invitation::{self, Guest, Invitation};
use crate::model::user::{self, User};
use crate::model::workspace::Workspace;
use crate::secret::Secret;
use crate::web::answer::{Answer, page, page_with, see_other_saying};
use crate::web::body::{Fields, Posted};
use crate::web::entry::{begin_session, device};
use crate::web::guard::{SignedIn, anonymous};
use crate::web::pages::form::TextBox;
use crate::web::pages::people::{Invited, Visitor};
use crate::web::shell;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, web};

/// Whoever holds the link.
struct Holder {
    token: String,
    found: Invitation,
    workspace: Workspace,
    /// Whether somebody has this address already.
    known: bool,
    /// Who is signed in.
    own: Option<User>,
}

impl Holder {
    /// [`Error::NotFound`] unless the link opens something now.
    async fn of(req: &HttpRequest, app: &App) -> Result<Self> {
        let token = req.match_info().get("token").unwrap_or_default().to_owned();
        let (wanted, now) = (token.clone(), app.means.now());
        let person = SignedIn::of(req).ok();
        let found = app
            .db
            .read(move |conn| {
                let Some((found, workspace)) = invitation::by_token(conn, &wanted, now)? else { return Ok(None) };
                let known = User::for_sign_in(conn, &found.email)?.is_some();
                let own = match &person {
                    Some(person) => User::find(conn, &person.user)?,
                    None => None,
                };
                Ok(Some((found, workspace, known, own)))
            })
            .await?;
        let (found, workspace, known, own) = found.ok_or(Error::NotFound)?;
        Ok(Self { token, found, workspace, known, own })
    }

    fn visitor(&self) -> Visitor {
        let is_for = |own: &User| user::email_key(&own.email) == user::email_key(&self.found.email);
        match (&self.own, self.known) {
            (Some(own), _) if is_for(own) => Visitor::Known,
            (Some(own), _) => Visitor::SomebodyElse(own.email.clone()),
            (None, true) => Visitor::SignsInFirst,
            (None, false) => Visitor::New,
        }
    }

    fn drawn(&self, req: &HttpRequest, app: &App, name: TextBox, password: TextBox) -> Invited {
        Invited {
            shell: shell::outside(app, req, &format!("Join {}", self.workspace.name)),
            action: format!("/invitations/{}", self.token),
            workspace: self.workspace.name.clone(),
            email: self.found.email.clone(),
            role: shell::role_word(self.found.role),
            visitor: self.visitor(),
            name,
            password,
            password_min: SHORTEST,
        }
    }
}

/// `GET /invitations/{token}`.
pub async fn show(req: HttpRequest, app: web::Data<App>) -> Answer {
    let holder = Holder::of(&req, &app).await?;
    let mut response = page(&holder.drawn(&req, &app, TextBox::default(), TextBox::default()))?;
    keep_to_itself(&mut response);
    Ok(response)
}

/// The address of this page opens something: it is told to nobody.
fn keep_to_itself(response: &mut actix_web::HttpResponse) {
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
}

/// `POST /invitations/{token}` (`name password` of somebody new; nothing of somebody who is signed in).
pub async fn accept(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let mut fields = posted.fields_from_outside().await?;
    let holder = Holder::of(&req, &app).await?;
    let (means, token, actor) = (app.means.clone(), holder.token.clone(), anonymous(&req));
    let to = format!("/w/{}/credentials", holder.workspace.slug);
    match holder.visitor() {
        Visitor::Known => {
            let person = SignedIn::of(&req)?;
            let (user, actor) = (person.user, person.actor);
            let done =
                app.db.write(move |tx| invitation::accept(tx, &means, &token, &Guest::Known(&user), &actor)).await;
            done.map(drop)?;
        }
        Visitor::New => {
            let (name, password) = (fields.text("name"), fields.take("password"));
            let (named, judged) = judged(&holder, &fields, &password);
            if named.error.is_some() || judged.error.is_some() {
                let mut response =
                    page_with(StatusCode::UNPROCESSABLE_ENTITY, &holder.drawn(&req, &app, named, judged))?;
                keep_to_itself(&mut response);
                return Ok(response);
            }
            let password_hash = app.hasher.hash(password).await?;
            let user = app
                .db
                .write(move |tx| {
                    let guest = Guest::New { name: &name, password_hash: &password_hash };
                    invitation::accept(tx, &means, &token, &guest, &actor)
                })
                .await?;
            begin_session(&req, &app, &user)?;
            device::welcome(&req, &app, &user).await?;
        }
        Visitor::SomebodyElse(_) | Visitor::SignsInFirst => {
            let mut response = page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &holder.drawn(&req, &app, TextBox::default(), TextBox::default()),
            )?;
            keep_to_itself(&mut response);
            return Ok(response);
        }
    }
    see_other_saying(to, "joined")
}

fn judged(holder: &Holder, fields: &Fields, password: &Secret) -> (TextBox, TextBox) {
    let name = fields.text("name");
    let mut named = TextBox::of(name.clone());
    if let Err(error) = user::checked_name(&name) {
        named.error = Some(Remark { code: "name", text: error.to_string() });
    }
    let mut judged = TextBox::default();
    if let Err(refused) = check_password(password.expose(), &[&holder.workspace.name, &name, &holder.found.email]) {
        judged.error = Some(Remark { code: "password", text: refused.to_string() });
    }
    (named, judged)
}
