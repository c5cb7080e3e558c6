//! First run: the one-time page that makes the first workspace and its admin.

use crate::app::App;
use crate::catalog::form::Remark;
use crate::crypto::password_rules::check_password;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::permission::{Actor, Allowed, Role};
use crate::model::user::{self, User};
use crate::model::workspace::{self, Workspace};
use crate::model::{Means, audit, membership};
use crate::web::answer::{Answer, page, page_with, see_other};
use crate::web::body::{Fields, Posted};
use crate::web::guard::anonymous;
use crate::web::pages::entry::Setup;
use crate::web::pages::form::TextBox;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

/// `GET /setup?token=`.
pub async fn new(req: HttpRequest, app: web::Data<App>) -> Answer {
    open(&app).await?;
    let token = url::form_urlencoded::parse(req.query_string().as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    page(&blank(&app, &req, &token))
}

/// `POST /setup`.
pub async fn create(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    open(&app).await?;
    let mut fields = posted.fields_from_outside().await?;
    let token = fields.text("token");
    if !app.setup.as_ref().is_some_and(|setup| setup.accepts(&token)) {
        let mut form = refilled(&app, &req, &fields);
        form.token.error = Some(Remark {
            code: "setup_token",
            text: "This is not the setup token that the server printed at its start. Copy it from there.".into(),
        });
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let form = judged(refilled(&app, &req, &fields), &fields);
    if form.workspace.error.is_some() || form.email.error.is_some() || form.password.error.is_some() {
        return page_with(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let (name, email) = (fields.text("workspace"), fields.text("email"));
    let hash = app.hasher.hash(fields.take("password")).await?;
    let (means, actor) = (app.means.clone(), anonymous(&req));
    let made = app
        .db
        .write(move |tx| {
            if User::any(tx.conn())? {
                return Err(Error::NotFound);
            }
            first(tx, &means, &name, &email, &hash, &actor)
        })
        .await?;
    super::begin_session(&req, &app, &made.1)?;
    super::device::welcome(&req, &app, &made.1).await?;
    see_other(format!("/w/{}/credentials", made.0.slug))
}

/// Makes a workspace and its first admin.
pub fn first(
    tx: &mut Tx<'_>,
    means: &Means,
    name: &str,
    email: &str,
    password_hash: &str,
    actor: &Actor,
) -> Result<(Workspace, Id<User>)> {
    let workspace = Workspace::create(tx, means, name, actor)?;
    let user = User::create(tx, email, password_hash, means.now())?;
    membership::add(tx, means, &Allowed::operator(workspace.id.clone()), &user, Role::Admin)?;
    let entry = audit::Entry::allow("instance.set_up", audit::Target::user(&user));
    audit::record(tx, means, audit::INSTANCE, actor, entry)?;
    Ok((workspace, user))
}

/// 404 once somebody exists.
async fn open(app: &App) -> Result<()> {
    if app.db.read(User::any).await? { Err(Error::NotFound) } else { Ok(()) }
}

fn blank(app: &App, req: &HttpRequest, token: &str) -> Setup {
    Setup {
        shell: shell::outside(app, req, "Set up Credenza"),
        token: TextBox::of(token),
        workspace: TextBox::default(),
        email: TextBox::default(),
        password: TextBox::default(),
        password_min: crate::crypto::password_rules::SHORTEST,
    }
}

fn refilled(app: &App, req: &HttpRequest, fields: &Fields) -> Setup {
    Setup {
        workspace: TextBox::of(fields.text("workspace")),
        email: TextBox::of(fields.text("email")),
        ..blank(app, req, &fields.text("token"))
    }
}

fn judged(mut form: Setup, fields: &Fields) -> Setup {
    let remark = |text: String| Some(Remark { code: "invalid", text });
    if let Err(error) = workspace::checked_name(&form.workspace.value) {
        form.workspace.error = remark(error.to_string());
    }
    if let Err(error) = user::checked_email(&form.email.value) {
        form.email.error = remark(error.to_string());
    }
    let password = crate::secret::Secret::new(fields.text("password"));
    if let Err(refused) = check_password(password.expose(), &[&form.workspace.value, &form.email.value]) {
        form.password.error = Some(Remark { code: "password", text: refused.to_string() });
    }
    form
}
