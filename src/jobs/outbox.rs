//! Hands promised mails over, soon after they were promised, and again while that does not work.

use crate::app::App;
use crate::error::Result;
use crate::mail::{Mail, Problem, Sent};
use crate::measure;
use crate::model::outbox::{self, MailState};
use actix_web::web;
use std::time::Duration;

/// Another process may have promised something: it is looked for at least this often.
const EVERY: Duration = Duration::from_secs(15);

/// Hands mails over for as long as the process lives.
pub async fn run(app: web::Data<App>) {
    loop {
        drop(super::unit("mail", deliver(&app)).await);
        app.mailer.woken(EVERY).await;
    }
}

/// Tries every mail that is due, once; returns how many were tried.
pub async fn deliver(app: &App) -> Result<usize> {
    let mut tried = 0;
    let now = app.means.now();
    app.db.write(move |tx| outbox::sweep(tx, now)).await?;
    loop {
        let now = app.means.now();
        let due = app.db.write(move |tx| outbox::claim(tx, now)).await?;
        if due.is_empty() {
            break;
        }
        tried += due.len();
        for mail in due {
            try_one(app, mail).await?;
        }
    }
    let waiting = app.db.read(outbox::waiting).await?;
    measure::MAILS_WAITING.set(f64::from(i32::try_from(waiting).unwrap_or(i32::MAX)));
    Ok(tried)
}

async fn try_one(app: &App, mail: outbox::Mail) -> Result<()> {
    let sent = match mail.content(&app.means) {
        None => Err(Problem { text: "What it says cannot be read any more: its key is lost.".into(), hopeless: true }),
        Some(content) => {
            let letter = Mail {
                id: mail.id.as_str(),
                to: &mail.recipient,
                subject: &content.subject,
                text: &content.text,
                at: mail.created_at,
            };
            app.mailer.send(&app.egress, letter).await
        }
    };
    let means = app.means.clone();
    match sent {
        Ok(sent) => {
            measure::MAILS_SENT.add(1);
            let state = if sent == Sent::Kept { MailState::Kept } else { MailState::Sent };
            app.db.write(move |tx| outbox::done(tx, &mail, state, means.now())).await
        }
        Err(Problem { text, hopeless }) => {
            measure::MAILS_MISSED.add(1);
            tracing::warn!(mail = %mail.id, kind = mail.kind, problem = text, "a mail was not sent");
            app.db.write(move |tx| outbox::missed(tx, &means, &mail, &text, hopeless).map(drop)).await
        }
    }
}
