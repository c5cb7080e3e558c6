//! What became of the console's own mails, for admins.

use crate::app::App;
use crate::error::Error;
use crate::id::Id;
use crate::mail::letter;
use crate::model::alert;
use crate::model::outbox::{self, Mail, MailState, Promise};
use crate::model::permission::ManageMail;
use crate::web::answer::{Answer, page, see_other_saying};
use crate::web::guard::Can;
use crate::web::pages::mail::{MailRow, Mails};
use crate::web::pages::shell::{Nav, Tone};
use crate::web::pages::time::When;
use crate::web::shell;
use actix_web::{HttpRequest, web};
use chrono::TimeDelta;

/// Rows of a page.
const PAGE: i64 = 50;

/// `GET …/mail` (`after`).
pub async fn index(can: Can<ManageMail>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let after = url::form_urlencoded::parse(req.query_string().as_bytes()).find(|(name, _)| name == "after");
    let before = match after {
        None => None,
        Some((_, id)) => Some(Id::<Mail>::parse(&id).ok_or_else(|| Error::BadRequest("“after” is no mail.".into()))?),
    };
    let (workspace, now, is_first) = (can.workspace().clone(), app.means.now(), before.is_none());
    let mut found = app.db.read(move |conn| outbox::page(conn, &workspace, before.as_ref(), now, PAGE + 1)).await?;
    let base = format!("{}/mail", can.root());
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let next = found.last().filter(|_| more).map(|last| format!("{base}?after={}", last.id));
    page(&Mails {
        shell: shell::inside(&app, &can, "Mail", Nav::Members),
        kept_in: app.mailer.keeps().then(|| app.mailer.folder().display().to_string()),
        rows: found.iter().map(|mail| row(&app, &base, mail)).collect(),
        first: (!is_first).then(|| base.clone()),
        base,
        next,
    })
}

fn row(app: &App, base: &str, mail: &Mail) -> MailRow {
    let now = app.means.now();
    let (state, tone) = match mail.state {
        MailState::Waiting if mail.problem.is_empty() => ("On its way", Tone::Plain),
        MailState::Waiting => ("Tried again", Tone::Warn),
        MailState::Sent => ("Sent", Tone::Good),
        MailState::Kept => ("Kept as a file", Tone::Plain),
        MailState::Failed => ("Not sent", Tone::Bad),
    };
    let waits = mail.state == MailState::Waiting && !mail.problem.is_empty();
    let useful = mail.sealed.is_some() && (waits || mail.state == MailState::Failed);
    MailRow {
        id: mail.id.to_string(),
        about: about(&mail.kind),
        to: mail.recipient.clone(),
        state,
        tone,
        problem: mail.problem.clone(),
        at: When::new(mail.created_at, now),
        next: waits.then(|| When::new(mail.next_at, now)),
        again: useful.then(|| format!("{base}/{}/delivery", mail.id)),
    }
}

/// What a mail is about, in words.
fn about(kind: &str) -> &'static str {
    match kind {
        "test" => "Test",
        "invitation" => "Invitation",
        "reset" => "Link for a new password",
        "new_device" => "Notice of a new device",
        "password" => "Notice of a new password",
        "token_end" => "Notice of a token that ends soon",
        alert::KIND => "Alert about a risky act",
        "second_factor" => "Notice about a second factor",
        _ => "Message",
    }
}

/// `POST …/mail`: a test mail to whoever asks.
pub async fn create(can: Can<ManageMail>, app: web::Data<App>) -> Answer {
    let (standing, means, allowed) = (can.standing.clone(), app.means.clone(), can.allowed.clone());
    let letter = letter::test(&standing.workspace.name, &standing.user.name)?;
    app.db
        .write(move |tx| {
            let promise = Promise {
                workspace: Some(&standing.workspace.id),
                user: Some(&standing.user.id),
                kind: "test",
                to: &standing.user.email,
                subject: &letter.subject,
                text: &letter.text,
                good_for: TimeDelta::days(1),
            };
            outbox::promise_test(tx, &means, &allowed, &promise)
        })
        .await?;
    app.mailer.wake();
    see_other_saying(format!("{}/mail", can.root()), "mail-promised")
}

/// `POST …/mail/{mail}/delivery`: tried again at once.
pub async fn deliver(can: Can<ManageMail>, req: HttpRequest, app: web::Data<App>) -> Answer {
    let id = super::part::<Mail>(&req, "mail")?;
    let (means, allowed) = (app.means.clone(), can.allowed.clone());
    app.db.write(move |tx| outbox::again(tx, &means, &allowed, &id)).await?;
    app.mailer.wake();
    see_other_saying(format!("{}/mail", can.root()), "mail-promised")
}
