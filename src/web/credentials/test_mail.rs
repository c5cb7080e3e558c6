//! “Send a test mail to me”: apart from the check, which never sends one.

use super::drawn::{steps_now, vendor_links};
use super::row;
use crate::app::App;
use crate::catalog::form::Remark;
use crate::catalog::schema::Integration;
use crate::change::verify;
use crate::check::report::{Outcome, Report};
use crate::check::test_mail::can_send;
use crate::egress::smtp::Letter;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::mail::{self, Mail, letter};
use crate::model::credential::Credential;
use crate::model::credential_change::{self, TestMail};
use crate::model::permission::SendTestMail;
use crate::model::user::checked_email;
use crate::model::version::{Unreadable, Version};
use crate::web::answer::{Answer, page, page_with, see_other, see_other_saying};
use crate::web::body::Posted;
use crate::web::guard::Can;
use crate::web::pages::change::TestMailPage;
use crate::web::pages::form::{Banner, TextBox};
use crate::web::pages::shell::Nav;
use crate::web::pages::status::Hint;
use crate::web::shell;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};

type Allowed = Can<SendTestMail>;

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// A credential, and who it sends as unless somebody says otherwise; `None` where it sends no mail.
struct Found {
    row: Credential,
    sender: Option<String>,
}

/// `GET …/{id}/test-mail`.
pub async fn new(can: Allowed, app: web::Data<App>) -> Answer {
    let Found { row, sender } = load(&can, &app).await?;
    match sender {
        Some(sender) => page(&form(&can, &app, &row, TextBox::of(sender))),
        None => see_other(format!("{}/{}", can.list(), row.id)),
    }
}

/// `POST …/{id}/test-mail` (`from`): to the address of whoever is signed in, and to no other.
pub async fn create(can: Allowed, posted: Posted, req: HttpRequest, app: web::Data<App>) -> Answer {
    let fields = posted.fields().await?;
    let Found { row, sender: Some(sender) } = load(&can, &app).await? else {
        return Err(Error::Unprocessable("Only credentials that sign in at a mail server send mail.".into()).into());
    };
    let typed = if fields.text("from").is_empty() { sender } else { fields.text("from") };
    let refuse = |from: TextBox| page_with(UNPROCESSABLE, &form(&can, &app, &row, from));
    let from = match checked_email(&typed) {
        Ok(from) => from,
        Err(_) => return refuse(wrong(typed)),
    };
    let Some(letter) = write(&can, &app, &row, &from)? else { return refuse(wrong(typed)) };
    let broker = app.broker();
    let opened = match broker.open(can.workspace(), &row.id).await? {
        Ok(opened) => opened,
        Err(fault) => return unreadable(&can, &req, &app, &row.id, fault).await,
    };
    let permit = app
        .check_limits
        .admit(can.workspace().as_str(), row.id.as_str())
        .map_err(|full| Error::TooMany { retry_after_s: full.retry_after_s })?;
    let (means, allowed, id) = (app.means.clone(), can.allowed.clone(), row.id.clone());
    match app.db.write(move |tx| credential_change::test_mail_asked(tx, &means, &allowed, &id)).await? {
        TestMail::Goes => {}
        TestMail::Suspended => return refuse(TextBox::of(typed)),
        TestMail::TooMany(retry_after_s) => return Err(Error::TooMany { retry_after_s }.into()),
    }
    let report = match broker.send_test_mail(&can.allowed, &opened, &letter).await? {
        Ok(report) => report,
        Err(fault) => return unreadable(&can, &req, &app, &row.id, fault).await,
    };
    permit.done(&report);
    told(&can, &app, &row, opened.integration, typed, report).await
}

/// The stored values cannot be decrypted; the page says the rest.
async fn unreadable(can: &Allowed, req: &HttpRequest, app: &App, id: &Id<Credential>, fault: Unreadable) -> Answer {
    verify::unreadable(app, &can.allowed, id, fault).await?;
    row::answer(can, req, app, id, "").await
}

/// Writes down what came of it, and says it.
async fn told(
    can: &Allowed,
    app: &App,
    row: &Credential,
    integration: &Integration,
    from: String,
    report: Report,
) -> Answer {
    let (means, allowed, id, kept) = (app.means.clone(), can.allowed.clone(), row.id.clone(), report.clone());
    app.db.write(move |tx| credential_change::test_mail_ended(tx, &means, &allowed, &id, &kept)).await?;
    if report.outcome == Outcome::Ok {
        return see_other_saying(format!("{}/{}", can.list(), row.id), "test-mail");
    }
    let banner = Banner {
        title: "The test mail was not sent.".to_owned(),
        hint: Hint { code: report.code.clone(), text: report.hint.clone() },
        links: vendor_links(integration),
    };
    let told =
        TestMailPage { banner: Some(banner), report: steps_now(&report), ..form(can, app, row, TextBox::of(from)) };
    page_with(UNPROCESSABLE, &told)
}

/// The mail itself; `None` for a sender that cannot stand in one.
fn write(can: &Allowed, app: &App, row: &Credential, from: &str) -> Result<Option<Letter>> {
    let (user, now) = (&can.standing.user, app.means.now());
    let text = letter::credential_test(&can.standing.workspace.name, &user.name, &row.name)?;
    let id = Id::<Mail<'static>>::new();
    let mail = Mail { id: id.as_str(), to: &user.email, subject: &text.subject, text: &text.text, at: now };
    Ok(mail::written(from, mail).ok())
}

fn wrong(from: String) -> TextBox {
    let text = "Enter the one address that it is sent from, such as bot@example.com.".to_owned();
    TextBox { error: Some(Remark { code: "invalid", text }), ..TextBox::of(from) }
}

async fn load(can: &Allowed, app: &App) -> Result<Found> {
    let (workspace, id) = (can.workspace().clone(), can.credential()?);
    let (row, version) = app
        .db
        .read(move |conn| {
            let row = Credential::get(conn, &workspace, &id)?;
            let version = Version::get(conn, &workspace, &id, row.live_version)?;
            Ok((row, version))
        })
        .await?;
    let method = app.catalog.method(&row.integration, &row.method).map(|(_, method)| method);
    if !method.is_some_and(can_send) {
        return Ok(Found { row, sender: None });
    }
    let mut named = ["from", "user"].iter().filter_map(|name| version.config.0.get(*name));
    let sender = named.find(|text| checked_email(text).is_ok());
    let sender = sender.unwrap_or(&can.standing.user.email).clone();
    Ok(Found { row, sender: Some(sender) })
}

fn form(can: &Allowed, app: &App, row: &Credential, from: TextBox) -> TestMailPage {
    TestMailPage {
        shell: shell::inside(app, can, &format!("Test {}", row.name), Nav::Credentials),
        base: can.list(),
        href: format!("{}/{}", can.list(), row.id),
        name: row.name.clone(),
        to: can.standing.user.email.clone(),
        from,
        off: row.is_suspended(app.means.now()),
        banner: None,
        report: None,
    }
}
